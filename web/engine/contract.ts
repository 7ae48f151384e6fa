// What page and worker say to each other: calls over Comlink whose answers are values or errors, and events, which go one
// way through a port of their own so that a stream of tokens waits for nobody.
import type { WireError } from "./errors";
import type {
  Alternatives,
  Attention,
  BuildName,
  CatalogEntry,
  ChatMessage,
  FinishReason,
  LayerState,
  LoadProgress,
  ModelInfo,
  Review,
  StorageState,
  StoredModel,
  TokenCount,
  TokenLogprob,
} from "./types";

export type Outcome<T> = { ok: true; value: T } | { ok: false; error: WireError };

export interface WorkerSetup {
  baseUrl: string; // absolute, ends with a slash
  hub: string; // absolute, ends with a slash
  build: BuildName | null; // for tests: this build and no other
  relaxed: boolean; // false: builds with relaxed SIMD are left out, because one computed wrongly
  lock: string; // the worker holds this Web Lock for as long as it lives
}

export interface WireFile {
  blob: Blob;
  name: string;
}

export type WireSource = { kind: "name"; name: string } | { kind: "files"; files: WireFile[] };

export interface WireLoadOptions {
  context: number; // 0: the model's own, at most 2,048
  threads: number; // 0: chosen by the worker
  quantization: "q8_0" | "q4_0" | null; // null: what the model's entry says
}

export interface ChatPrompt {
  kind: "chat";
  messages: ChatMessage[];
  chatFormat: string; // "": the model's own
}

export type Prompt = ChatPrompt | { kind: "completion"; text: string; special: boolean };

export interface GenerationRequest {
  prompt: Prompt;
  options: [name: string, value: string][]; // as parley_set_option takes them, in order
  logprobs: boolean;
}

/** Tokens to look at. `options` as in a generation. */
export interface ReviewQuestion {
  subject:
    | { kind: "reply"; prompt: Prompt; reply: string | readonly number[] }
    | { kind: "text"; text: string };
  options: GenerationRequest["options"];
}

/** What is known before the first token. */
export interface Begun {
  options: Record<string, unknown> & { seed: number };
  dropped: boolean[];
  prompt_ids: number[];
}

export interface Counts {
  prompt_tokens: number;
  cached_tokens: number;
  completion_tokens: number;
  context: number;
  prompt_ms: number;
  predicted_ms: number;
  threads: number; // that the newest token used
}

export type WorkerEvent =
  | { kind: "heartbeat" }
  | { kind: "progress"; call: number; progress: LoadProgress }
  | { kind: "reviewed"; call: number; done: number; total: number }
  | { kind: "token"; call: number; id: number; text: string; logprob: TokenLogprob | null }
  | { kind: "done"; call: number; text: string; reason: FinishReason | "aborted"; counts: Counts }
  | { kind: "failed"; call: number; error: WireError; counts: Counts };

/** Every call that can be stopped has a number, which cancel() takes. */
export interface WorkerApi {
  setUp(setup: WorkerSetup, events: MessagePort): void;
  catalog(): Promise<Outcome<CatalogEntry[]>>;
  /** Downloads what is missing and checks the header; the loaded model, if any, is not touched. */
  prepare(call: number, source: WireSource, options: WireLoadOptions): Promise<Outcome<void>>;
  load(call: number, source: WireSource, options: WireLoadOptions): Promise<Outcome<ModelInfo>>;
  /** Queues the prompt and starts; tokens come as events. */
  begin(call: number, request: GenerationRequest): Promise<Outcome<Begun>>;
  cancel(call: number): void;
  review(call: number, question: ReviewQuestion): Promise<Outcome<Review>>;
  alternatives(call: number, question: ReviewQuestion, index: number): Promise<Outcome<Alternatives>>;
  attention(call: number, question: ReviewQuestion, index: number): Promise<Outcome<Attention>>;
  layers(call: number, question: ReviewQuestion, index: number): Promise<Outcome<LayerState[]>>;
  tokenize(text: string, special: boolean): Promise<Outcome<number[]>>;
  detokenize(ids: number[], skipSpecial: boolean): Promise<Outcome<string>>;
  /** What a generation of the same would begin with. */
  countChat(prompt: ChatPrompt, options: GenerationRequest["options"]): Promise<Outcome<TokenCount>>;
  stored(): Promise<Outcome<StoredModel[]>>;
  verify(id: string): Promise<Outcome<{ ok: boolean; bad_parts: number }>>;
  /** The stored model's GGUF file. */
  export(id: string): Promise<Outcome<File>>;
  remove(id: string): Promise<Outcome<void>>;
  storage(): Promise<Outcome<StorageState>>;
  clear(): Promise<Outcome<void>>;
  /** Copies the user's files into storage; the id of the model they make. */
  add(call: number, files: WireFile[], quantization: "q8_0" | "q4_0"): Promise<Outcome<string>>;
}
