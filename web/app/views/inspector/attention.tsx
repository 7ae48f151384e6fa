// What the model looked at when it chose a token: the earlier tokens, shaded by weight, of one layer and head or of the
// mean of several, and the most read ones in figures.

import type { Signal } from "@preact/signals";
import { useId } from "preact/hooks";
import { formatNumber } from "../../i18n";
import { words } from "../../i18n/inspector";
import { type Attention, meanWeights, type Token } from "../../state/review";
import { percent, quoted, visible } from "./shown";

const MOST = 5;

interface HeatProps {
  attention: Attention;
  /** The token that was chosen; none at the end. */
  chosen: Token | undefined;
  /** Of which weights are shown; null: the mean of all. */
  layer: Signal<number | null>;
  head: Signal<number | null>;
}

export function Heat({ attention, chosen, layer, head }: HeatProps) {
  const { tokens, layers, heads } = attention;
  const weights = meanWeights(attention, layer.value, head.value);
  const greatest = Math.max(...weights);
  const from = tokens.at(-1);
  const text = words.value;
  const order = weights.map((_, index) => index).sort((a, b) => (weights[b] ?? 0) - (weights[a] ?? 0));
  return (
    <>
      {from !== undefined && (
        <p class="hint">
          {chosen === undefined
            ? text.lookingBackNext(quoted(from))
            : text.lookingBack(quoted(from), quoted(chosen))}
        </p>
      )}
      <div class="heads">
        <Choice label={text.layer} count={layers} value={layer.value} onChange={(to) => (layer.value = to)} />
        <Choice label={text.head} count={heads} value={head.value} onChange={(to) => (head.value = to)} />
      </div>
      <p class="tokens heat">
        {tokens.map((token, index) => (
          <span
            key={index}
            class="token"
            title={`${quoted(token)}: ${percent(weights[index] ?? 0)}`}
            style={{ "--heat": `${Math.round(100 * Math.sqrt((weights[index] ?? 0) / greatest))}%` }}
          >
            {visible(token).replace(/^␣/u, " ")}
          </span>
        ))}
      </p>
      <h3>{text.most}</h3>
      <table class="alternatives">
        <tbody>
          {order.slice(0, MOST).map((index) => (
            <tr key={index}>
              <th scope="row">
                <span class="alternative">{visible(tokens[index] as Token)}</span>
              </th>
              <td>
                {percent(weights[index] ?? 0)}
                <span class="bar" data-kind="drawn" aria-hidden="true">
                  <span style={{ inlineSize: `${(weights[index] ?? 0) * 100}%` }} />
                </span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="hint">{text.firstToken}</p>
    </>
  );
}

interface ChoiceProps {
  label: string;
  count: number;
  value: number | null;
  onChange: (value: number | null) => void;
}

function Choice({ label, count, value, onChange }: ChoiceProps) {
  const id = useId();
  return (
    <span>
      <label for={id}>{label}</label>
      <select
        id={id}
        class="field"
        value={value === null ? "" : String(value)}
        onChange={({ currentTarget }) =>
          onChange(currentTarget.value === "" ? null : Number(currentTarget.value))
        }
      >
        <option value="">{words.value.average}</option>
        {Array.from({ length: count }, (_, index) => (
          <option key={index} value={index}>
            {formatNumber(index + 1)}
          </option>
        ))}
      </select>
    </span>
  );
}
