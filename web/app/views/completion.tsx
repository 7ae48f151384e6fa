// Completion: a document that the model continues.

import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { OptionForm } from "../components/option_form";
import { OutcomeLine } from "../components/outcome";
import { Sheet } from "../components/sheet";
import { t } from "../i18n";
import { words } from "../i18n/inspector";
import { toolText } from "../i18n/tools";
import { COMPLETION_PRESET, type CompletionState } from "../state/completion";
import { LONGEST_DOCUMENT } from "../state/document_store";
import { usePage } from "../state/page";
import { branchOf, TextReview, type Token } from "../state/review";
import "../styles/inspector.css";
import { Reviewed } from "./inspector/reviewed";

const REST_MS = 400; // after the last change

interface CompletionSheetProps {
  completion: CompletionState;
  open: boolean;
  onClose: () => void;
}

export function CompletionSheet({ completion, open, onClose }: CompletionSheetProps) {
  return (
    <Sheet
      open={open}
      class="sheet-large tool tool-page"
      title={t.value.tools.completion}
      onClose={() => {
        completion.flush();
        onClose();
      }}
    >
      <Body completion={completion} />
    </Sheet>
  );
}

interface CompletionProps {
  completion: CompletionState;
}

function Body({ completion }: CompletionProps) {
  const { model, tools } = usePage();
  const field = useRef<HTMLTextAreaElement>(null);
  const text = toolText.value.completion;
  const document_ = completion.text.value;
  const busy = completion.busy.value;
  const outcome = completion.outcome.value;
  const ready = model.phase.value.phase === "ready";
  const full = document_.length > LONGEST_DOCUMENT;
  const inspecting = useSignal(false);
  const canContinue = ready && !busy && document_ !== "" && !full;
  // What is being written stays in sight.
  useEffect(() => {
    if (busy && field.current !== null) field.current.scrollTop = field.current.scrollHeight;
  }, [document_, busy]);
  const go = () => {
    if (canContinue) void completion.continue();
  };
  const share = () => {
    if (outcome.state !== "done") return;
    const { model: id, options, text: written } = outcome.result;
    const context = model.info.peek()?.context ?? 0;
    const asked = { kind: "completion", prompt: completion.read.peek() } as const;
    tools.share({ model: id, asked, options, context, text: written });
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: keys that work wherever the focus is in this view
    <div
      class="completion"
      onKeyDown={(event) => {
        if (event.key === "Escape" && busy) {
          event.preventDefault();
          completion.stop();
        } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing) {
          event.preventDefault();
          go();
        }
      }}
    >
      <p class="hint">{text.lead}</p>
      <textarea
        ref={field}
        class="field field-words document"
        name="document"
        dir="auto"
        aria-label={text.label}
        placeholder={text.placeholder}
        readOnly={busy}
        value={document_}
        onInput={(event) => {
          completion.text.value = event.currentTarget.value;
        }}
      />
      <div class="tool-outcome" role="status">
        {completion.cut.value && outcome.state !== "none" && <p class="hint">{text.cut}</p>}
        {full && <p class="lost">{text.tooLong}</p>}
        <OutcomeLine outcome={outcome} />
      </div>
      <div class="tool-actions">
        <button
          type="button"
          class="primary"
          data-busy={busy ? "" : undefined}
          aria-disabled={!busy && !canContinue}
          onClick={() => {
            if (busy) completion.stop();
            else go();
          }}
        >
          {busy ? toolText.value.stop : text.continue}
        </button>
        <Action label={text.undo} may={completion.canUndo.value} act={() => completion.undo()} />
        <Action label={text.redo} may={completion.canRedo.value} act={() => completion.redo()} />
        <Action label={text.clear} may={!busy && document_ !== ""} act={() => completion.clear()} />
        <button
          type="button"
          class="button"
          lang="en"
          title={text.classicHint}
          aria-disabled={busy || !ready}
          onClick={() => {
            if (ready && !busy) void completion.classic();
          }}
        >
          {text.classic}
        </button>
        <Action
          label={t.value.reply.inspect}
          may={inspecting.value || (ready && !busy && document_ !== "")}
          expanded={inspecting.value}
          act={() => {
            inspecting.value = !inspecting.value;
          }}
        />
        <Action label={text.share} may={outcome.state === "done"} act={share} />
      </div>
      {inspecting.value && <Inside completion={completion} />}
      <OptionForm
        overrides={completion.overrides.value}
        preset={COMPLETION_PRESET}
        onChange={(overrides) => {
          completion.overrides.value = overrides;
        }}
      />
    </div>
  );
}

/** The tokens of what was written last, or of the whole document; another choice goes on from there. */
function Inside({ completion }: CompletionProps) {
  const { inspector } = usePage();
  const review = useMemo(() => new TextReview(inspector.engine), [inspector]);
  const document_ = completion.text.value;
  const busy = completion.busy.value;
  // What changes while it is looked at is looked at anew, once it rests.
  useEffect(() => {
    if (busy || document_ === "") return;
    const timer = setTimeout(() => void review.open(Promise.resolve(completion.inspected())), REST_MS);
    return () => {
      clearTimeout(timer);
      review.close();
    };
  }, [review, completion, document_, busy]);
  const goOn = (index: number, choice: Token) => {
    const answer = review.review.peek();
    if (answer.state === "there") void completion.branch(branchOf(answer.value.tokens, index, choice));
  };
  return (
    <section class="inspector-body" aria-label={words.value.title}>
      <Reviewed review={review} onBranch={completion.before.value === null ? undefined : goOn} />
    </section>
  );
}

interface ActionProps {
  label: string;
  may: boolean;
  /** Of one that shows or hides something. */
  expanded?: boolean;
  act: () => void;
}

function Action({ label, may, expanded, act }: ActionProps) {
  return (
    <button
      type="button"
      class="button"
      aria-expanded={expanded}
      aria-disabled={!may}
      onClick={() => {
        if (may) act();
      }}
    >
      {label}
    </button>
  );
}
