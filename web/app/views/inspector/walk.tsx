// How the model comes from the words before to the next one, in four steps, on the user's own text and with the numbers
// that it really computed.

import { formatNumber } from "../../i18n";
import { words } from "../../i18n/inspector";
import type { Alternatives, Attention, LayerState, ReviewedToken, Token } from "../../state/review";
import { sharpestHead } from "../../state/review";
import { percent, quoted, visible } from "./shown";

interface WalkProps {
  token: ReviewedToken;
  attention: Attention;
  layers: readonly LayerState[];
  alternatives: Alternatives;
  /** Positions are learned rows of their own (GPT-2), not turns of queries and keys. */
  learnedPositions: boolean;
}

export function Walk({ token, attention, layers, alternatives, learnedPositions }: WalkProps) {
  const text = words.value;
  const from = attention.tokens.at(-1);
  const embedded = layers[0];
  if (from === undefined || embedded === undefined) return null;
  return (
    <div class="walk">
      <h3>{text.walkEmbedding}</h3>
      <p>{text.walkEmbeddingText(quoted(from), formatNumber(from.id))}</p>
      <p class="formula">[{embedded.values.map((value) => formatNumber(value, 2)).join(", ")}, …]</p>
      <p>{learnedPositions ? text.walkPositionsLearned : text.walkPositionsTurned}</p>
      <Reading attention={attention} />
      <h3>{text.walkMlp}</h3>
      <p class="formula">{learnedPositions ? "W₂ gelu(W₁ x + b₁) + b₂" : "W₂ (silu(W₀ x) · W₁ x)"}</p>
      <p>{text.walkMlpText}</p>
      <Layers layers={layers} />
      <h3>{text.walkHead}</h3>
      <p>{text.walkHeadText(formatNumber(alternatives.left.raw))}</p>
      <p class="formula">pᵢ = exp(zᵢ) / Σⱼ exp(zⱼ)</p>
      <table class="alternatives">
        <tbody>
          {alternatives.tokens.slice(0, 5).map((choice) => (
            <tr key={choice.id} data-chosen={choice.id === token.id ? "" : undefined}>
              <th scope="row">
                <span class="alternative">{visible(choice)}</span>
              </th>
              <td>
                {percent(choice.probabilities.raw)}
                <span class="bar" data-kind="model" aria-hidden="true">
                  <span style={{ inlineSize: `${choice.probabilities.raw * 100}%` }} />
                </span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <p>{text.walkDraw(quoted(token), percent(Math.exp(token.logprob)))}</p>
    </div>
  );
}

function Reading({ attention }: { attention: Attention }) {
  const text = words.value;
  const sharpest = sharpestHead(attention);
  return (
    <>
      <h3>{text.walkAttention}</h3>
      <p>{text.walkAttentionText(formatNumber(attention.layers), formatNumber(attention.heads))}</p>
      <p class="formula">softmax(Q Kᵀ / √d) V</p>
      {sharpest !== null && (
        <p>
          {text.walkAttentionNote(
            percent(sharpest.weight),
            formatNumber(sharpest.layer + 1),
            formatNumber(sharpest.head + 1),
            quoted(attention.tokens[sharpest.token] as Token),
          )}
        </p>
      )}
    </>
  );
}

function Layers({ layers }: { layers: readonly LayerState[] }) {
  const text = words.value;
  return (
    <table class="alternatives">
      <thead>
        <tr>
          <th scope="col">{text.after}</th>
          <th scope="col">{text.moved}</th>
          <th scope="col">{text.wouldSay}</th>
          <th scope="col">{text.itsRank}</th>
        </tr>
      </thead>
      <tbody>
        {layers.map((layer, index) => {
          const first = layer.best[0];
          return (
            <tr key={index}>
              <th scope="row">{index === 0 ? text.embedding : text.layerName(formatNumber(index))}</th>
              <td>{index === 0 ? "" : formatNumber(layer.change, 1)}</td>
              <td>
                {first !== undefined && (
                  <>
                    <span class="alternative">{visible(first)}</span> {percent(first.probability)}
                  </>
                )}
              </td>
              <td>{layer.chosen === null ? "" : formatNumber(layer.chosen.rank)}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
