// Looking at tokens in the worker: takes the core's bounded steps one after the other, and gives its numbers names and
// its tokens their text.
import type { ReviewQuestion } from "./contract";
import { begin } from "./generation";
import type { Alternatives, Attention, LayerState, Review, SamplerStep, Token } from "./types";
import type { ReviewedIds, WasmSession } from "./wasm_session";

/** Lets messages through before the next step; throws when the call was cancelled. */
export type Step = () => Promise<void>;

const STEPS: readonly SamplerStep[] = [
  "raw",
  "penalties",
  "temperature",
  "top_k",
  "top_p",
  "min_p",
  "typical_p",
];

function take(session: WasmSession, { subject, options }: ReviewQuestion): ReviewedIds {
  if (subject.kind === "text") {
    session.setOptions(options);
    return session.reviewText(subject.text);
  }
  begin(session, { prompt: subject.prompt, options, logprobs: false });
  return session.reviewReply(subject.reply);
}

function describe(session: WasmSession, id: number): Token {
  const bytes = session.tokenBytes(id);
  return { id, text: new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes), bytes: Array.from(bytes) };
}

export async function review(
  session: WasmSession,
  question: ReviewQuestion,
  step: Step,
  onProgress: (done: number, total: number) => void,
): Promise<Review> {
  const { ids, begin } = take(session, question);
  const total = ids.length - begin;
  const tokens: Review["tokens"] = [];
  let loss = 0;
  let predicted = 0;
  while (tokens.length < total) {
    await step();
    for (const { id, logprob, entropy, rank } of session.reviewNext()) {
      tokens.push({ ...describe(session, id), logprob, rank, entropy });
      if (rank === 0) continue;
      loss -= logprob;
      predicted += 1;
    }
    onProgress(tokens.length, total);
  }
  return { tokens, perplexity: Math.exp(loss / predicted) };
}

async function untilThere<T>(step: Step, approach: () => T | null): Promise<T> {
  for (;;) {
    const there = approach();
    if (there !== null) return there;
    await step();
  }
}

function bySteps(values: readonly number[]): Record<SamplerStep, number> {
  return Object.fromEntries(STEPS.map((step, index) => [step, values[index] ?? 0])) as Record<
    SamplerStep,
    number
  >;
}

export async function alternatives(
  session: WasmSession,
  question: ReviewQuestion,
  index: number,
  step: Step,
): Promise<Alternatives> {
  const position = take(session, question).begin + index;
  const trace = await untilThere(step, () => session.reviewToken(position));
  return {
    left: bySteps(trace.left),
    tokens: trace.tokens.map(({ id, probabilities, removed_by }) => ({
      ...describe(session, id),
      probabilities: bySteps(probabilities),
      removed_by: removed_by as SamplerStep | null,
    })),
  };
}

export async function attention(
  session: WasmSession,
  question: ReviewQuestion,
  index: number,
  step: Step,
): Promise<Attention> {
  const { ids, begin } = take(session, question);
  const position = begin + index;
  const weights = await untilThere(step, () => session.reviewPass(position));
  const { shape } = session;
  const seen = weights.length / shape.layers / shape.heads; // a window ends before the position
  const tokens = ids.slice(position - seen, position).map((id) => describe(session, id));
  return { tokens, ...shape, weights };
}

export async function layers(
  session: WasmSession,
  question: ReviewQuestion,
  index: number,
  step: Step,
): Promise<LayerState[]> {
  const position = take(session, question).begin + index;
  await untilThere(step, () => session.reviewPass(position));
  const states: LayerState[] = [];
  for (let layer = 0; layer <= session.shape.layers; layer++) {
    await step();
    const { best, chosen, ...state } = session.reviewLayer(layer);
    states.push({
      ...state,
      best: best.map(({ id, probability }) => ({ ...describe(session, id), probability })),
      chosen: chosen === null ? null : { ...describe(session, chosen.id), ...chosen },
    });
  }
  return states;
}
