// Looking at the tokens of one text: asks the engine, one question at a time of each kind, and keeps the answers while the
// panel shows them. A newer question stops the older one.

import { batch, type Signal, signal } from "@preact/signals";
import type {
  Alternative,
  Alternatives,
  Attention,
  ChatMessage,
  LayerState,
  Review,
  ReviewedToken,
  ReviewRequest,
  SamplingParams,
  Token,
} from "../../engine/types";
import type { InspectorState } from "./inspector";
import type { Failure, ReplyMessage } from "./messages";
import { failureFrom, isAbort } from "./model";

export type { Alternative, Alternatives, Attention, LayerState, Review, ReviewedToken, Token };

/** Between a question and its answer; `none`: not asked. */
export type Answer<T> =
  | { state: "none" }
  | { state: "asked"; done: number; total: number }
  | { state: "there"; value: T }
  | { state: "failed"; failure: Failure };

/** Two answers as one: there when both are. */
export function bothAnswers<A, B>(a: Answer<A>, b: Answer<B>): Answer<[A, B]> {
  if (a.state !== "there") return a;
  if (b.state !== "there") return b;
  return { state: "there", value: [a.value, b.value] };
}

const NONE = { state: "none" } as const;

export type Kind = "alternatives" | "attention" | "layers";

export class TextReview {
  readonly review: Signal<Answer<Review>> = signal(NONE);
  /** Index of the token that is looked at. */
  readonly selected: Signal<number | null> = signal(null);
  readonly alternatives: Signal<Answer<Alternatives>> = signal(NONE);
  readonly attention: Signal<Answer<Attention>> = signal(NONE);
  readonly layers: Signal<Answer<LayerState[]>> = signal(NONE);
  readonly #engine: InspectorState["engine"];
  readonly #running = new Map<string, AbortController>();
  #request: ReviewRequest | null = null;

  constructor(engine: InspectorState["engine"]) {
    this.#engine = engine;
  }

  /** Looks at all tokens anew. A request that takes asking is a promise. */
  async open(request: Promise<ReviewRequest>): Promise<void> {
    this.close();
    await this.#ask("review", this.review, async (signal) => {
      const given = await request;
      if (!signal.aborted) this.#request = given;
      return this.#engine.review(given, {
        signal,
        onProgress: (done, total) => {
          if (!signal.aborted) this.review.value = { state: "asked", done, total };
        },
      });
    });
  }

  /** Moves to a token; what is known of another one is forgotten. */
  select(index: number | null): void {
    if (index === this.selected.peek()) return;
    for (const kind of ["alternatives", "attention", "layers"]) this.#stop(kind);
    batch(() => {
      this.selected.value = index;
      this.alternatives.value = NONE;
      this.attention.value = NONE;
      this.layers.value = NONE;
    });
  }

  /** Asks about the selected token, once. */
  look(kind: Kind): void {
    const index = this.selected.peek();
    const request = this.#request;
    if (index === null || request === null || this[kind].peek().state !== "none") return;
    switch (kind) {
      case "alternatives":
        void this.#ask(kind, this.alternatives, (signal) =>
          this.#engine.alternatives(request, index, { signal }),
        );
        return;
      case "attention":
        void this.#ask(kind, this.attention, (signal) => this.#engine.attention(request, index, { signal }));
        return;
      case "layers":
        void this.#ask(kind, this.layers, (signal) => this.#engine.layers(request, index, { signal }));
    }
  }

  /** Stops what is asked and forgets everything. */
  close(): void {
    this.select(null);
    this.#stop("review");
    this.#request = null;
    this.review.value = NONE;
  }

  #stop(kind: string): void {
    this.#running.get(kind)?.abort();
    this.#running.delete(kind);
  }

  async #ask<T>(
    kind: string,
    answer: Signal<Answer<T>>,
    question: (signal: AbortSignal) => Promise<T>,
  ): Promise<void> {
    this.#stop(kind);
    const controller = new AbortController();
    this.#running.set(kind, controller);
    answer.value = { state: "asked", done: 0, total: 0 };
    try {
      const value = await question(controller.signal);
      if (!controller.signal.aborted) answer.value = { state: "there", value };
    } catch (error) {
      if (!controller.signal.aborted && !isAbort(error))
        answer.value = { state: "failed", failure: failureFrom(error) };
    }
  }
}

/**
 * How the engine is asked about a reply: by the ids that it was written as, as long as they still are its text, with the
 * options that it was written with.
 */
export async function replyRequest(
  engine: InspectorState["engine"],
  reply: ReplyMessage,
  messages: ChatMessage[],
  model: string,
  defaults: SamplingParams,
): Promise<ReviewRequest> {
  const { details, content, tokens } = reply;
  const written = details?.model === model;
  const options = written ? (details?.options as SamplingParams) : defaults;
  if (!written || tokens === undefined) return { ...options, messages, reply: content };
  // Stop texts are cut from the words, and a layout may put a space before them.
  const said = await engine.detokenize(tokens, { skipSpecial: true });
  return { ...options, messages, reply: said.trim().startsWith(content.trim()) ? tokens : content };
}

/** One of a format's own marks, which are written like this. */
function isMark({ text }: Token): boolean {
  return /^<\|.*\|>$/u.test(text);
}

/** How a reply begins that has `choice` in place of a token; with a format's own mark it ends there. */
export function branchOf(
  tokens: readonly Token[],
  index: number,
  choice: Token,
): { content: string; tokens: number[]; over: boolean } {
  const begin = [...tokens.slice(0, index), choice];
  const over = isMark(choice);
  const bytes = begin.filter((token) => !isMark(token)).flatMap((token) => token.bytes); // marks are no words
  return {
    content: new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes)),
    tokens: begin.map(({ id }) => id),
    over,
  };
}

const LEVEL_BITS = [1, 3, 6, 10];

/** How much of a surprise a token was, in bits: -log2 of its probability. */
export function surprise(token: ReviewedToken): number {
  return -token.logprob / Math.LN2;
}

/** 0: expected, to 4: hardly to be expected; none where nothing predicted it. */
export function surpriseLevel(token: ReviewedToken): number | undefined {
  if (token.rank === 0) return undefined;
  const bits = surprise(token);
  return LEVEL_BITS.filter((least) => bits >= least).length;
}

/** The weights of one layer and head, or the mean over all layers or heads where null; one for each token. */
export function meanWeights(
  { weights, layers, heads, tokens }: Attention,
  layer: number | null,
  head: number | null,
): number[] {
  const mean = tokens.map(() => 0);
  let rows = 0;
  for (let l = 0; l < layers; l++) {
    for (let h = 0; h < heads; h++) {
      if ((layer !== null && l !== layer) || (head !== null && h !== head)) continue;
      const row = (l * heads + h) * tokens.length;
      for (let at = 0; at < mean.length; at++) mean[at] = (mean[at] ?? 0) + (weights[row + at] ?? 0);
      rows += 1;
    }
  }
  return mean.map((sum) => sum / rows);
}

/**
 * The head that looks most sharply at one word, leaving out marks, the first token, where heads rest that look for nothing,
 * and the token itself.
 */
export function sharpestHead(
  attention: Attention,
): { layer: number; head: number; token: number; weight: number } | null {
  const { weights, layers, heads, tokens } = attention;
  let best: { layer: number; head: number; token: number; weight: number } | null = null;
  for (let layer = 0; layer < layers; layer++) {
    for (let head = 0; head < heads; head++) {
      for (let token = 1; token + 1 < tokens.length; token++) {
        if (isMark(tokens[token] as Token)) continue;
        const weight = weights[(layer * heads + head) * tokens.length + token] ?? 0;
        if (weight > (best?.weight ?? 0)) best = { layer, head, token, weight };
      }
    }
  }
  return best;
}
