// A text that is looked at: its tokens, and of the one that is selected what stood to choose, what was read and how the
// model came to it. Each is asked when it is shown.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { formatNumber } from "../../i18n";
import { words } from "../../i18n/inspector";
import { usePage } from "../../state/page";
import type { Alternative, Kind, ReviewedToken, TextReview } from "../../state/review";
import { bothAnswers } from "../../state/review";
import { Answered } from "./answered";
import { Heat } from "./attention";
import { Choices } from "./choices";
import { bits, quoted } from "./shown";
import { Tabs } from "./tabs";
import { Tokens } from "./tokens";
import { Walk } from "./walk";

const MOST_SHOWN = 1000; // tokens: about 20 ms of drawing

interface ReviewedProps {
  review: TextReview;
  /** Goes on with another choice at a token; left out where there is no reply to go on with. */
  onBranch?: ((index: number, choice: Alternative) => void) | undefined;
}

export function Reviewed({ review, onBranch }: ReviewedProps) {
  const text = words.value;
  const selected = review.selected.value;
  return (
    <Answered answer={review.review.value}>
      {({ tokens, perplexity }) => {
        if (tokens.length === 0) return <p class="hint">{text.emptyText}</p>;
        const token = selected === null ? undefined : tokens[selected];
        return (
          <>
            <p class="figures">{summary(tokens.length, perplexity)}</p>
            {tokens.length > MOST_SHOWN && (
              <p class="hint">{text.shownFirst(formatNumber(MOST_SHOWN), formatNumber(tokens.length))}</p>
            )}
            <Tokens
              tokens={tokens.slice(0, MOST_SHOWN)}
              selected={selected}
              onSelect={(index) => review.select(index)}
            />
            {token?.rank === 0 && <p class="hint">{text.unpredicted(quoted(token))}</p>}
            {token !== undefined && selected !== null && token.rank > 0 && (
              <LookedAt
                review={review}
                index={selected}
                token={token}
                onBranch={onBranch && ((choice) => onBranch(selected, choice))}
              />
            )}
          </>
        );
      }}
    </Answered>
  );
}

function summary(count: number, perplexity: number): string {
  const tokens = formatNumber(count);
  if (!Number.isFinite(perplexity)) return words.value.summaryNone(tokens);
  const digits = perplexity < 100 ? 1 : 0;
  return words.value.summary(tokens, formatNumber(perplexity, digits), bits(Math.log2(perplexity)));
}

interface LookedAtProps {
  review: TextReview;
  index: number;
  token: ReviewedToken;
  onBranch: ((choice: Alternative) => void) | undefined;
}

function LookedAt({ review, index, token, onBranch }: LookedAtProps) {
  const view = useSignal<"choices" | "attention" | "walk">("choices");
  const layer = useSignal<number | null>(null);
  const head = useSignal<number | null>(null);
  const { info } = usePage().model;
  const text = words.value;
  const { alternatives, attention, layers } = review;
  return (
    <>
      <Tabs
        label={text.views}
        value={view.value}
        options={[
          ["choices", text.choices],
          ["attention", text.attention],
          ["walk", text.walk],
        ]}
        onChange={(next) => {
          view.value = next;
        }}
      />
      {view.value === "choices" && (
        <Asked key={`choices ${index}`} review={review} kinds={["alternatives"]}>
          <Answered answer={alternatives.value}>
            {(choices) => <Choices token={token} alternatives={choices} onBranch={onBranch} />}
          </Answered>
        </Asked>
      )}
      {view.value === "attention" && (
        <Asked key={`attention ${index}`} review={review} kinds={["attention"]}>
          <Answered answer={attention.value}>
            {(seen) => <Heat attention={seen} chosen={token} layer={layer} head={head} />}
          </Answered>
        </Asked>
      )}
      {view.value === "walk" && (
        <Asked key={`walk ${index}`} review={review} kinds={["attention", "layers", "alternatives"]}>
          <Answered answer={bothAnswers(bothAnswers(attention.value, layers.value), alternatives.value)}>
            {([[seen, states], choices]) => (
              <Walk
                token={token}
                attention={seen}
                layers={states}
                alternatives={choices}
                learnedPositions={info.value?.architecture !== "llama"}
              />
            )}
          </Answered>
        </Asked>
      )}
    </>
  );
}

interface AskedProps {
  review: TextReview;
  kinds: readonly Kind[];
  children: ComponentChildren;
}

/** Asks what its children show, when they are first shown. */
function Asked({ review, kinds, children }: AskedProps) {
  useEffect(() => {
    for (const kind of kinds) review.look(kind);
  }, []);
  return <>{children}</>;
}
