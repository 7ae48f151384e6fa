// What stood to choose where a token stands: the likeliest alternatives, with their probabilities before and after the
// sampler and at each of its steps, and a way to go on with one of them.

import { formatNumber } from "../../i18n";
import { words } from "../../i18n/inspector";
import type { Alternative, Alternatives, ReviewedToken } from "../../state/review";
import { surprise } from "../../state/review";
import { bits, percent, quoted, visible } from "./shown";

interface ChoicesProps {
  token: ReviewedToken;
  alternatives: Alternatives;
  /** Goes on with another token; left out where there is no reply to go on with. */
  onBranch?: ((choice: Alternative) => void) | undefined;
}

export function Choices({ token, alternatives, onBranch }: ChoicesProps) {
  const text = words.value;
  return (
    <>
      <Facts token={token} vocabulary={alternatives.left.raw} />
      <h3>{text.alternatives}</h3>
      <Table token={token} alternatives={alternatives} onBranch={onBranch} />
      <details class="steps">
        <summary>{text.steps}</summary>
        <Steps token={token} alternatives={alternatives} />
      </details>
    </>
  );
}

function Facts({ token, vocabulary }: { token: ReviewedToken; vocabulary: number }) {
  const text = words.value;
  const facts: [string, string, string?][] = [
    [text.probability, percent(Math.exp(token.logprob))],
    [text.surprise, text.bits(bits(surprise(token)))],
    [text.rank, text.rankOf(formatNumber(token.rank), formatNumber(vocabulary))],
    [text.entropy, text.bits(bits(token.entropy / Math.LN2)), text.entropyNote],
  ];
  return (
    <dl class="token-facts">
      {facts.map(([name, value, note]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <b>{value}</b> {note !== undefined && <span class="hint">{note}</span>}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Bar({ probability, kind }: { probability: number; kind: "model" | "drawn" }) {
  return (
    <span class="bar" data-kind={kind} aria-hidden="true">
      <span style={{ inlineSize: `${probability * 100}%` }} />
    </span>
  );
}

function Table({ token, alternatives, onBranch }: ChoicesProps) {
  const text = words.value;
  return (
    <table class="alternatives">
      <thead>
        <tr>
          <th scope="col">{text.alternative}</th>
          <th scope="col">{text.model}</th>
          <th scope="col">{text.drawn}</th>
        </tr>
      </thead>
      <tbody>
        {alternatives.tokens.map((choice) => {
          const { raw, typical_p: drawn } = choice.probabilities;
          const isChosen = choice.id === token.id;
          return (
            <tr key={choice.id} data-chosen={isChosen ? "" : undefined}>
              <th scope="row">
                {onBranch === undefined || isChosen ? (
                  <span class="alternative">{visible(choice)}</span>
                ) : (
                  <button
                    type="button"
                    class="alternative"
                    title={text.branchShort}
                    aria-label={text.branch(quoted(choice))}
                    onClick={() => onBranch(choice)}
                  >
                    {visible(choice)}
                  </button>
                )}
                {isChosen && <span class="chosen-mark"> {text.chosen}</span>}
              </th>
              <td>
                {percent(raw)}
                <Bar probability={raw} kind="model" />
              </td>
              <td>
                {choice.removed_by === null
                  ? percent(drawn)
                  : text.removedBy(text.stepNames[choice.removed_by])}
                <Bar probability={drawn} kind="drawn" />
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

function Steps({ token, alternatives }: Omit<ChoicesProps, "onBranch">) {
  const text = words.value;
  const names = Object.keys(alternatives.left) as (keyof Alternatives["left"])[];
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys
    <section class="scrolls" tabIndex={0} aria-label={text.steps}>
      <table class="alternatives">
        <thead>
          <tr>
            <th scope="col">{text.alternative}</th>
            {names.map((name) => (
              <th key={name} scope="col">
                {text.stepNames[name]}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {alternatives.tokens.map((choice) => (
            <tr key={choice.id} data-chosen={choice.id === token.id ? "" : undefined}>
              <th scope="row">
                <span class="alternative">{visible(choice)}</span>
              </th>
              {names.map((name, index) => {
                const removed = choice.removed_by !== null && names.indexOf(choice.removed_by) <= index;
                return <td key={name}>{removed ? "–" : percent(choice.probabilities[name])}</td>;
              })}
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">{text.left}</th>
            {names.map((name) => (
              <td key={name}>{formatNumber(alternatives.left[name])}</td>
            ))}
          </tr>
        </tfoot>
      </table>
    </section>
  );
}
