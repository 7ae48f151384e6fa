// Parley's library: createEngine() and what it returns, an OpenAI-shaped chat with a model that runs in a Web Worker on
// the user's own processor. Everything heavy is the worker's; this side queues, supervises and shapes.
import { badArg, boolean, shown, text, tokenIds, tokenIndex } from "./arguments";
import { requestedBuild } from "./builds";
import type { GenerationRequest, ReviewQuestion, WireFile, WireSource } from "./contract";
import { ParleyError } from "./errors";
import { checkAddOptions, checkLoadOptions } from "./load_options";
import { chatRequest, completionRequest, reviewQuestion } from "./params";
import {
  chatChunks,
  completionChunks,
  type Envelope,
  type Reply,
  startReply,
  wholeChat,
  wholeCompletion,
} from "./replies";
import { askReview } from "./reviews";
import { randomName, Supervisor } from "./supervisor";
import { Turns } from "./turns";
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
  EngineOptions,
  EngineState,
  LayerState,
  LoadOptions,
  ModelInfo,
  ModelSource,
  RequestOptions,
  Review,
  ReviewOptions,
  ReviewRequest,
  TokenCount,
} from "./types";
import type { Work, WorkerHandle } from "./worker_handle";
import { defaultBaseUrl, workerScript } from "./worker_url";

export { type Delivered, type ErrorCode, ParleyError } from "./errors";
export type * from "./types";

export const VERSION: string = __PARLEY_VERSION__;

export function createEngine(options: EngineOptions = {}): Engine {
  return new ParleyEngine(options);
}

class ParleyEngine implements Engine {
  readonly #supervisor: Supervisor;
  readonly #turns = new Turns();
  readonly chat: Engine["chat"];
  readonly completions: Engine["completions"];
  readonly models: Engine["models"];
  #loading: Promise<unknown> = Promise.resolve();

  constructor(options: EngineOptions) {
    const baseUrl = directory(options.baseUrl ?? defaultBaseUrl());
    this.#supervisor = new Supervisor({
      script: workerScript(baseUrl),
      baseUrl,
      hub: directory(options.hub ?? __PARLEY_HUB__),
      build: requestedBuild(globalThis.location.search),
      exclusive: options.exclusive === true,
      onState: (state) => options.onState?.(state),
    });
    const createChat = (params: ChatParams, request: RequestOptions = {}) =>
      this.#createChat(params, request);
    this.chat = { completions: { create: createChat as Engine["chat"]["completions"]["create"] } };
    const createCompletion = (params: CompletionParams, request: RequestOptions = {}) =>
      this.#createCompletion(params, request);
    this.completions = { create: createCompletion as Engine["completions"]["create"] };
    this.models = {
      stored: () => this.#supervisor.call((api) => api.stored()),
      verify: (id) => this.#supervisor.call((api) => api.verify(text(id, "id"))),
      export: (id) => this.#supervisor.call((api) => api.export(text(id, "id"))),
      remove: (id) => this.#supervisor.call((api) => api.remove(text(id, "id"))),
      storage: () => this.#supervisor.call((api) => api.storage()),
      clear: () => this.#supervisor.call((api) => api.clear()),
      add: async (files, given = {}) =>
        this.#supervisor.add(
          wireFiles(files) ?? badArg("files", "a file or files", shown(files)),
          checkAddOptions(given),
        ),
    };
  }

  get state(): EngineState {
    return this.#supervisor.state;
  }

  catalog(): Promise<CatalogEntry[]> {
    return this.#supervisor.call((api) => api.catalog());
  }

  async load(source: ModelSource, options: LoadOptions = {}): Promise<ModelInfo> {
    const given = checkLoadOptions(options);
    const loading = this.#inTurn(given.signal, () => this.#supervisor.load(wireSource(source), given));
    this.#loading = loading.catch(() => {});
    return loading;
  }

  unload(): Promise<void> {
    return this.#inTurn(undefined, async () => this.#supervisor.unload());
  }

  async tokenize(input: string, options: { special?: boolean } = {}): Promise<number[]> {
    const given = text(input, "text");
    const special = boolean(options, "special");
    return this.#callLoaded((api) => api.tokenize(given, special));
  }

  async detokenize(ids: number[], options: { skipSpecial?: boolean } = {}): Promise<string> {
    const given = tokenIds(ids, "ids");
    const skipSpecial = boolean(options, "skipSpecial");
    return this.#callLoaded((api) => api.detokenize(given, skipSpecial));
  }

  async countTokens(input: string | ChatMessage[], params: CountParams = {}): Promise<TokenCount> {
    if (typeof input === "string") {
      const ids = await this.tokenize(input);
      return { tokens: ids.length, context: this.#supervisor.info?.context ?? 0, dropped: [] };
    }
    return this.#callLoaded((api, info) => {
      const { prompt, options } = chatRequest({ ...params, messages: input }, info);
      return api.countChat(prompt, options);
    });
  }

  review(request: ReviewRequest, options: ReviewOptions = {}): Promise<Review> {
    return this.#review(request, options, (api, call, question) => api.review(call, question));
  }

  alternatives(request: ReviewRequest, index: number, options: RequestOptions = {}): Promise<Alternatives> {
    return this.#review(request, options, (api, call, question) =>
      api.alternatives(call, question, tokenIndex(index)),
    );
  }

  attention(request: ReviewRequest, index: number, options: RequestOptions = {}): Promise<Attention> {
    return this.#review(request, options, (api, call, question) =>
      api.attention(call, question, tokenIndex(index)),
    );
  }

  layers(request: ReviewRequest, index: number, options: RequestOptions = {}): Promise<LayerState[]> {
    return this.#review(request, options, (api, call, question) =>
      api.layers(call, question, tokenIndex(index)),
    );
  }

  takeOver(): void {
    this.#supervisor.takeOver();
  }

  restart(): Promise<void> {
    return this.#supervisor.restart();
  }

  async dispose(): Promise<void> {
    this.#supervisor.dispose();
  }

  async #createChat(
    params: ChatParams,
    { signal }: RequestOptions,
  ): Promise<ChatCompletion | AsyncIterable<ChatCompletionChunk>> {
    const { reply, envelope } = await this.#start("chatcmpl", signal, (info) => chatRequest(params, info));
    if (params.stream) return chatChunks(reply, envelope, params.stream_options?.include_usage === true);
    return wholeChat(reply, envelope, params.logprobs === true);
  }

  async #createCompletion(
    params: CompletionParams,
    { signal }: RequestOptions,
  ): Promise<Completion | AsyncIterable<Completion>> {
    const { reply, envelope } = await this.#start("cmpl", signal, (info) => completionRequest(params, info));
    const echo = params.echo === true ? params.prompt : "";
    if (params.stream)
      return completionChunks(reply, envelope, echo, params.stream_options?.include_usage === true);
    return wholeCompletion(reply, envelope, echo, params.logprobs !== undefined && params.logprobs !== null);
  }

  /** Waits for the turn and begins a reply; the turn is over when the worker is done with it. */
  async #start(
    prefix: string,
    signal: AbortSignal | undefined,
    makeRequest: (info: ModelInfo) => GenerationRequest,
  ): Promise<{ reply: Reply; envelope: Envelope }> {
    const endTurn = await this.#turns.enter(signal);
    try {
      const { reply, info } = await this.#startReply(makeRequest, signal);
      this.#supervisor.generating(info, true);
      void reply.finished.then(() => {
        this.#supervisor.generating(info, false);
        endTurn();
      });
      const created = Math.floor(Date.now() / 1000);
      return { reply, envelope: { id: `${prefix}-${randomName()}`, created, model: info.id } };
    } catch (error) {
      endTurn();
      throw error;
    }
  }

  async #startReply(
    makeRequest: (info: ModelInfo) => GenerationRequest,
    signal: AbortSignal | undefined,
  ): Promise<{ reply: Reply; info: ModelInfo }> {
    return this.#withModel(async (handle, info) => {
      const reply = await startReply(handle, this.#supervisor.nextCall(), makeRequest(info), signal);
      return { reply, info };
    });
  }

  /** Looks at tokens: each question says all that it is about, since others have their turns in between. */
  #review<T>(
    request: ReviewRequest,
    options: ReviewOptions,
    ask: (api: Parameters<Work<T>>[0], call: number, question: ReviewQuestion) => ReturnType<Work<T>>,
  ): Promise<T> {
    return this.#inTurn(options.signal, () =>
      this.#withModel((handle, info) => {
        const question = reviewQuestion(request, info);
        const call = this.#supervisor.nextCall();
        return askReview(handle, call, (api) => ask(api, call, question), options);
      }),
    );
  }

  /** Begins once more without relaxed SIMD where the core finds that it no longer computes what it did. */
  async #withModel<T>(begin: (handle: WorkerHandle, info: ModelInfo) => Promise<T>): Promise<T> {
    const start = async () => {
      const { handle, info } = await this.#supervisor.loaded();
      return begin(handle, info);
    };
    try {
      return await start();
    } catch (error) {
      if (!(error instanceof ParleyError) || error.code !== "KERNELS_CHANGED") throw error;
      await this.#supervisor.leaveRelaxed();
      return start();
    }
  }

  async #inTurn<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    const endTurn = await this.#turns.enter(signal);
    try {
      return await work();
    } finally {
      endTurn();
    }
  }

  /** Short calls between the steps of a reply: they wait for a load, not for replies. */
  async #callLoaded<T>(
    work: (api: Parameters<Work<T>>[0], info: ModelInfo) => ReturnType<Work<T>>,
  ): Promise<T> {
    await this.#loading;
    const { handle, info } = await this.#supervisor.loaded();
    return handle.call((api) => work(api, info));
  }
}

function wireSource(source: ModelSource): WireSource {
  if (typeof source === "string") return { kind: "name", name: source };
  if (source instanceof URL) return { kind: "name", name: source.href };
  const files = wireFiles(source);
  if (files === null)
    badArg("model", "a catalog id, hf:owner/name, an address, a file or files", shown(source));
  return { kind: "files", files };
}

/** Null where something else was given. */
function wireFiles(given: Blob | readonly Blob[]): WireFile[] | null {
  const blobs: readonly unknown[] = Array.isArray(given) ? given : [given];
  if (blobs.length === 0 || !blobs.every((blob) => blob instanceof Blob)) return null;
  return blobs.map((blob) => {
    const name = "name" in blob && typeof blob.name === "string" ? blob.name : "model.gguf";
    return { blob, name };
  });
}

/** An absolute address that ends with a slash. */
function directory(address: string | URL): string {
  const { href } = new URL(address, globalThis.location.href);
  return href.endsWith("/") ? href : `${href}/`;
}
