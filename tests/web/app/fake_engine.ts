// An engine without a model, for the page's own tests: says what it is told, at the pace it is told, and shows any state
// the real one can be in. It computes nothing.

import type {
  Alternatives,
  Attention,
  CatalogEntry,
  ChatCompletion,
  ChatCompletionChunk,
  ChatMessage,
  ChatParams,
  Completion,
  CompletionParams,
  CountParams,
  Engine,
  EngineState,
  LayerState,
  LoadOptions,
  LoadProgress,
  ModelInfo,
  Notice,
  RequestOptions,
  Review,
  ReviewRequest,
  SamplerStep,
  StorageState,
  StoredModel,
  TokenCount,
} from "../../../web/engine/types";
import { ADDED, downloading, fakeEntry, fakeInfo, MODEL_BYTES, MORE } from "./fake_models";

export interface FakeOptions {
  onState: (state: EngineState) => void;
  /** What it says, in pieces. */
  reply?: (messages: readonly ChatMessage[]) => string[];
  pieceMs?: number;
  finish?: "stop" | "length";
  loadMs?: number;
  /** Loading stops here and waits. */
  holdAt?: LoadProgress;
  /** Loading goes into this state and waits. */
  hold?: EngineState;
  failLoad?: { code: string; message: string; bytes?: number };
  /** The same of what is loaded in place of another model, which stays when that fails. */
  later?: Pick<FakeOptions, "loadMs" | "holdAt" | "hold" | "failLoad">;
  failReply?: { code: string; message: string; after: number };
  context?: number;
  notices?: Notice[];
  storage?: StorageState;
  name?: string;
  licence?: string; // its name and its address
  /** The catalog has more models, one of them half downloaded, and one was added by the user. */
  more?: boolean;
}

export class FakeError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = "ParleyError";
  }
}

function wait(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("The request was aborted", "AbortError"));
    });
  });
}

/** About four characters a token, and one for the role. */
function tokensOf(messages: readonly ChatMessage[]): number {
  return messages.reduce((sum, message) => sum + 1 + Math.ceil(message.content.length / 4), 1);
}

export class FakeEngine implements Engine {
  state: EngineState = { state: "idle" };
  readonly requests: ChatParams[] = [];
  readonly completed: CompletionParams[] = [];
  readonly counted: CountParams[] = [];
  readonly loaded: unknown[] = [];
  private info: ModelInfo;
  private readonly removed = new Set<string>(); // from storage
  private there = false; // a model that stays when another cannot be loaded

  constructor(private readonly options: FakeOptions) {
    this.info = fakeInfo(options);
  }

  set(state: EngineState): void {
    this.state = state;
    this.options.onState(state);
  }

  async catalog(): Promise<CatalogEntry[]> {
    return [fakeEntry(this.options), ...(this.options.more ? MORE : [])];
  }

  async load(source: unknown, { signal, onProgress }: LoadOptions = {}): Promise<ModelInfo> {
    const { later = this.options } = this.options;
    const { holdAt, hold, failLoad, loadMs = 0 } = this.there ? later : this.options;
    this.loaded.push(source);
    this.set(hold ?? { state: "loading", progress: null });
    try {
      const steps = Math.ceil(loadMs / 50);
      for (let step = 1; step <= steps; step++) {
        await wait(50, signal);
        const loaded = Math.round((MODEL_BYTES * step) / steps);
        this.progress({ ...downloading(loaded, 8_100_000), total: MODEL_BYTES }, onProgress);
      }
      if (holdAt !== undefined || hold !== undefined) {
        if (holdAt !== undefined) this.progress(holdAt, onProgress);
        await wait(2 ** 30, signal);
      }
    } catch (error) {
      this.set(this.there ? { state: "ready", info: this.info } : { state: "idle" });
      throw error;
    }
    if (failLoad !== undefined) {
      this.set(this.there ? { state: "ready", info: this.info } : { state: "failed", ...failLoad });
      throw new FakeError(failLoad.code, failLoad.message);
    }
    this.info = fakeInfo(this.options, String(source));
    this.there = true;
    this.removed.delete(this.info.id);
    this.set({ state: "ready", info: this.info });
    return this.info;
  }

  private progress(progress: LoadProgress, onProgress?: (progress: LoadProgress) => void): void {
    this.set({ state: "loading", progress });
    onProgress?.(progress);
  }

  async unload(): Promise<void> {
    this.there = false;
    this.set({ state: "idle" });
  }

  readonly chat = {
    completions: { create: this.create.bind(this) as Engine["chat"]["completions"]["create"] },
  };
  readonly completions = {
    create: this.complete.bind(this) as Engine["completions"]["create"],
  };

  private async complete(
    params: CompletionParams,
    request: RequestOptions = {},
  ): Promise<AsyncIterable<Completion> | Completion> {
    this.completed.push(params);
    return this.streamText(params, request.signal);
  }

  private async *streamText(params: CompletionParams, signal?: AbortSignal): AsyncGenerator<Completion> {
    const messages: ChatMessage[] = [{ role: "user", content: params.prompt }];
    const { logprobs: _none, ...others } = params;
    for await (const { choices, usage, parley, model } of this.stream({ ...others, messages }, signal)) {
      const choice = choices[0];
      yield {
        id: "cmpl-1",
        object: "text_completion",
        created: 0,
        model,
        choices: [
          {
            index: 0,
            text: choice?.delta.content ?? "",
            finish_reason: choice?.finish_reason ?? null,
            logprobs: null,
          },
        ],
        usage,
        parley,
      };
    }
  }

  private async create(
    params: ChatParams,
    request: RequestOptions = {},
  ): Promise<AsyncIterable<ChatCompletionChunk> | ChatCompletion> {
    this.requests.push(params);
    return this.stream(params, request.signal);
  }

  private async *stream(params: ChatParams, signal?: AbortSignal): AsyncGenerator<ChatCompletionChunk> {
    const { failReply, pieceMs = 0, finish = "stop" } = this.options;
    const pieces = this.options.reply?.(params.messages) ?? [
      "Hello",
      "! What",
      " would you",
      " like to",
      " talk about?",
    ];
    this.set({ state: "generating", info: this.info });
    try {
      for (const [index, content] of pieces.entries()) {
        if (failReply !== undefined && index >= failReply.after)
          throw new FakeError(failReply.code, failReply.message);
        await wait(pieceMs, signal);
        yield chunk(this.info.id, content, null);
      }
      const used = tokensOf(params.messages) + pieces.length;
      yield {
        ...chunk(this.info.id, "", finish),
        usage: {
          prompt_tokens: used - pieces.length,
          completion_tokens: pieces.length,
          total_tokens: used,
          prompt_tokens_details: { cached_tokens: 0 },
        },
        parley: {
          options: { seed: params.seed ?? 48_213 },
          timings: {
            prompt_ms: 12,
            prompt_per_second: 900,
            predicted_ms: 120,
            predicted_per_second: 142,
            threads: this.info.threads,
          },
          context: { used: Math.min(used, this.info.context), total: this.info.context },
          dropped_messages: this.dropped(params.messages, params.max_tokens),
          prompt_ids: [],
          ids: pieces.map((_, index) => index),
        },
      };
    } finally {
      this.set({ state: "ready", info: this.info });
    }
  }

  private dropped(messages: readonly ChatMessage[], maxTokens = this.info.context): boolean[] {
    const flags = messages.map(() => false);
    let tokens = tokensOf(messages);
    const limit = this.info.context - Math.min(maxTokens, this.info.context / 4);
    for (let first = 0; first + 1 < messages.length && tokens > limit; first += 2) {
      if (messages[first]?.pinned === true) continue;
      flags.fill(true, first, first + 2);
      tokens -= tokensOf(messages.slice(first, first + 2)) - 1;
    }
    return flags;
  }

  /** A token a word, each four times less likely than the one before it. */
  async review(request: ReviewRequest): Promise<Review> {
    const subject = "text" in request ? request.text : request.reply;
    const words =
      typeof subject === "string" ? (subject.match(/\s*\S+/g) ?? []) : subject.map((id) => ` word${id}`);
    const tokens = words.map((word, id) => ({
      ...fakeToken(id, word),
      logprob: -Math.log(4) * (id % 5),
      rank: 1 + (id % 5) * 3,
      entropy: 1.5,
    }));
    return { tokens, perplexity: 12.5 };
  }

  async alternatives(request: ReviewRequest, index: number): Promise<Alternatives> {
    const { tokens } = await this.review(request);
    const here = tokens[index];
    const words = [here?.text ?? "end", " other", " word", " again", " never"];
    return {
      left: bySteps([8192, 8192, 8192, 40, 4, 4, 4]),
      tokens: words.map((word, id) => ({
        ...fakeToken(id === 0 ? (here?.id ?? 900) : 900 + id, word),
        probabilities: bySteps([0.5, 0.5, 0.6, 0.62, 0.7, 0.7, 0.7].map((p) => (id > 3 ? 0 : p / 2 ** id))),
        removed_by: id > 3 ? "top_p" : null,
      })),
    };
  }

  /** Head h of layer l looks at the token h + l + 1 places back, or at the first, and a little at all. */
  async attention(request: ReviewRequest, index: number): Promise<Attention> {
    const [layers, heads] = [4, 3];
    const { tokens } = await this.review(request);
    const said = saidBefore(request).flatMap((content) => content.match(/\s*\S+/g) ?? []);
    const seen = [...said.map((word, id) => fakeToken(id, word)), ...tokens.slice(0, index)];
    const weights = new Float32Array(layers * heads * seen.length).fill(0.2 / seen.length);
    for (let row = 0; row < layers * heads; row++) {
      const back = Math.max(0, seen.length - 1 - (row % heads) - Math.floor(row / heads));
      weights[row * seen.length + back] = 0.8 + 0.2 / seen.length;
    }
    return { tokens: seen, layers, heads, weights };
  }

  async layers(request: ReviewRequest, index: number): Promise<LayerState[]> {
    const { tokens } = await this.review(request);
    const chosen = tokens[index];
    return Array.from({ length: 5 }, (_, layer) => ({
      values: Array.from({ length: 8 }, (_, at) => Math.sin(layer + at)),
      norm: 3 + layer,
      change: layer === 0 ? 0 : 2,
      best: [" the", " a", chosen?.text ?? "end"].map((word, id) => ({
        ...fakeToken(id, word),
        probability: 0.5 / (id + 1),
      })),
      chosen: chosen === undefined ? null : { ...chosen, probability: 0.1 * layer, rank: 9 - layer },
    }));
  }

  async tokenize(text: string, _options?: { special?: boolean }): Promise<number[]> {
    return Array.from({ length: Math.ceil(text.length / 4) }, (_, index) => index);
  }

  async detokenize(): Promise<string> {
    return "";
  }

  async countTokens(input: string | ChatMessage[], params: CountParams = {}): Promise<TokenCount> {
    this.counted.push(params);
    const messages = typeof input === "string" ? [{ role: "user" as const, content: input }] : input;
    const dropped = this.dropped(messages, params.max_tokens);
    const needed = tokensOf(messages.slice(-1));
    if (needed > this.info.context) {
      const available = `${this.info.context} are available`;
      throw new FakeError("CONTEXT_FULL", `the last message needs ${needed} tokens; ${available}`);
    }
    const tokens = tokensOf(messages.filter((_, index) => !dropped[index]));
    return { tokens, context: this.info.context, dropped };
  }

  readonly models = {
    stored: async (): Promise<StoredModel[]> =>
      [
        ...(this.options.more ? ADDED : []),
        {
          id: "parley-17m",
          name: "Parley 17M",
          bytes: MODEL_BYTES,
          total_bytes: MODEL_BYTES,
          complete: true,
          revision: "1",
          license: "CC-BY-SA-4.0",
          memory_bytes: 26_400_000,
          file_name: "model.gguf",
          entry: fakeEntry(this.options),
        },
      ].filter(({ id }) => !this.removed.has(id)),
    verify: async () => ({ ok: true, bad_parts: 0 }),
    export: async (id: string) => new File(["GGUF"], `${id}.gguf`),
    remove: async (id: string) => {
      this.removed.add(id);
    },
    storage: async (): Promise<StorageState> => this.options.storage ?? { backend: "opfs", persisted: false },
    clear: async () => {},
    add: async (files: File | readonly File[]) => `file:${(Array.isArray(files) ? files[0] : files)?.name}`,
  };

  takeOver(): void {
    this.set({ state: "ready", info: this.info });
  }

  async restart(): Promise<void> {
    this.set({ state: "restarting", reason: "asked" });
    await wait(20);
    this.set({ state: "ready", info: this.info });
  }

  async dispose(): Promise<void> {}
}

function fakeToken(id: number, text: string) {
  return { id, text, bytes: Array.from(new TextEncoder().encode(text)) };
}

/** What stands before the tokens that are looked at. */
function saidBefore(request: ReviewRequest): string[] {
  if ("text" in request) return [];
  return "prompt" in request ? [request.prompt] : request.messages.map(({ content }) => content);
}

function bySteps(values: number[]): Record<SamplerStep, number> {
  const [raw = 0, penalties = 0, temperature = 0, top_k = 0, top_p = 0, min_p = 0, typical_p = 0] = values;
  return { raw, penalties, temperature, top_k, top_p, min_p, typical_p };
}

function chunk(model: string, content: string, finish_reason: "stop" | "length" | null): ChatCompletionChunk {
  return {
    id: "chatcmpl-1",
    object: "chat.completion.chunk",
    created: 0,
    model,
    choices: [{ index: 0, delta: { content }, finish_reason, logprobs: null }],
  };
}
