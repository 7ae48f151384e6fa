// The public types of the library: OpenAI's shapes where they exist, Parley's own for loading and storage.

/**
 * Where weights come from: a catalog id, `hf:owner/name` for a repository of the Hugging Face hub, the address of a GGUF
 * file or of a catalog entry, a GGUF file that the user chose, or the files of a checkpoint.
 */
export type ModelSource = string | URL | Blob | readonly File[];

export interface ModelPreset {
  temperature?: number;
  top_k?: number;
  top_p?: number;
  min_p?: number;
  repetition_penalty?: number;
  no_repeat_ngram_size?: number;
  min_tokens?: number;
  max_tokens?: number;
  retry_repeats?: number;
}

export interface CatalogPart {
  url: string;
  bytes: number;
  sha256: string;
}

export interface CatalogFile {
  url: string;
  bytes: number;
  sha256?: string;
  parts?: CatalogPart[];
}

/** One entry of models/catalog.json. URLs are relative to the catalog's own address. */
export interface CatalogEntry {
  id: string;
  name: string;
  description: string;
  revision: string;
  license: string;
  license_url: string;
  languages: string[];
  architecture: string;
  quantization: string;
  parameters: number;
  context: number;
  chat_format: string;
  preset: ModelPreset;
  import?: "q8_0" | "q4_0"; // what a checkpoint is converted to
  files: CatalogFile[]; // empty with `hub`
  /**
   * A repository of the hub in place of `files`. `revision` is then a commit, or a branch whose commit is looked up at the
   * first load and kept until the model is deleted.
   */
  hub?: { repository: string; file?: string };
  download_bytes?: number; // about, with `hub`
  memory_bytes?: number; // about, with the default context
}

export interface LoadProgress {
  phase: "download" | "convert" | "load"; // a checkpoint is converted once
  loaded: number; // bytes of `total`
  total: number;
  bytes_per_second?: number; // over the last seconds, while downloading
  seconds_left?: number;
  /**
   * Nothing new arrives now: there is no network; the host failed and is asked again soon; the host cannot resume, so what
   * is here already is read again.
   */
  waiting?: "offline" | "retry" | "reread";
  elsewhere?: boolean; // another tab is downloading it, this one waits
  memory_bytes?: number; // that the model is going to take, while loading
}

export interface LoadOptions {
  context?: number; // tokens, 8 to the model's own; that, at most 2,048, when left out
  threads?: number; // 1 to 64: as many as this, where the page is isolated; found out by timing tokens when left out
  quantization?: "q8_0" | "q4_0"; // of a checkpoint, which is converted; what its entry says, or q8_0, when left out
  onProgress?: (progress: LoadProgress) => void;
  signal?: AbortSignal;
}

export type BuildName = "relaxed-threads" | "relaxed" | "simd128-threads" | "simd128";

/** Something the user should know that did not stop Parley, in machine form; the page has the sentences. */
export interface Notice {
  code:
    | "SINGLE_THREAD" // not cross-origin isolated, or threads failed; `detail` says which
    | "BUILD_FALLBACK" // a faster build failed, `detail` says which and why
    | "STORAGE_INDEXEDDB" // OPFS was refused
    | "STORAGE_MEMORY"; // no storage: weights are fetched again next time
  detail: string;
}

/** The memory of a loaded model: planned from the file's header before any of it was taken, and as it is. */
export interface MemoryUse {
  weights_bytes: number; // as the kernels read them
  kv_bytes: number; // keys and values of the whole context
  scratch_bytes: number; // activations, scores, logits
  tokenizer_bytes: number; // vocabulary and merges
  staging_bytes: number; // while loading: one or two parts of the file and one panel of weights
  planned_bytes: number; // of the wasm memory: the sum, with stacks and small things
  actual_bytes: number; // of the wasm memory, which does not grow
  used_bytes: number; // of those, taken by the core's buffers once the model was open
}

export interface ModelInfo {
  id: string; // catalog id, or the file's name
  name: string;
  entry?: CatalogEntry;
  architecture: string;
  quantization: string;
  vocab_size: number;
  context: number;
  chat_format: string;
  threads: number; // that were started; Timings say how many of them a reply used
  build: BuildName;
  kernels: string;
  memory: MemoryUse;
  preset: ModelPreset;
  load_ms: number;
  from_storage: boolean;
  notices: Notice[];
}

export type Role = "system" | "user" | "assistant";
export interface ChatMessage {
  role: Role;
  content: string;
  pinned?: boolean; // Parley's own: its exchange is never dropped to fit the context
}

/** Sampling options by their OpenAI names, then Hugging Face's. Ranges and defaults: docs/EMBEDDING.md. */
export interface SamplingParams {
  temperature?: number;
  top_k?: number;
  top_p?: number;
  min_p?: number;
  typical_p?: number;
  repetition_penalty?: number;
  repeat_last_n?: number;
  frequency_penalty?: number;
  presence_penalty?: number;
  no_repeat_ngram_size?: number;
  logit_bias?: Record<string, number>;
  seed?: number;
  min_tokens?: number;
  min_new_tokens?: number;
  max_tokens?: number;
  max_completion_tokens?: number;
  max_new_tokens?: number;
  max_length?: number;
  stop?: string | string[];
  stop_token_ids?: number[];
  best_of?: number; // writes so many replies unseen, gives the one with the highest mean log-probability
  retry_repeats?: number; // writes a reply anew, so often at most, that is empty or repeats an earlier one
  ignore_eos?: boolean;
  model?: string; // accepted, must be the loaded model's id when given
  user?: string; // accepted, unused
  n?: 1;
}

export interface ChatParams extends SamplingParams {
  messages: ChatMessage[];
  chat_format?: string;
  logprobs?: boolean;
  top_logprobs?: number; // 0-20, needs logprobs
  stream?: boolean;
  stream_options?: { include_usage?: boolean };
}

/** What a chat is asked with beside its messages: how long its reply may be and its format decide what fits. */
export type CountParams = Omit<ChatParams, "messages">;

export interface TokenCount {
  tokens: number;
  context: number;
  dropped: boolean[]; // by message: left out to fit
}

export interface CompletionParams extends SamplingParams {
  prompt: string;
  echo?: boolean;
  special?: boolean; // Parley's own: special tokens written in the prompt are read as such
  logprobs?: number; // 0-20 alternatives, as OpenAI's completions
  stream?: boolean;
  stream_options?: { include_usage?: boolean };
}

export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  prompt_tokens_details: { cached_tokens: number };
}

export interface Timings {
  prompt_ms: number;
  prompt_per_second: number;
  predicted_ms: number;
  predicted_per_second: number;
  threads: number; // in use at the end of the reply: at most ModelInfo.threads
}

export type FinishReason = "stop" | "length";

export interface TokenLogprob {
  token: string;
  id: number;
  logprob: number;
  bytes: number[];
  top_logprobs: { token: string; id: number; logprob: number; bytes: number[] }[];
}

/** Options in effect, seed included: send them again for the same text. */
export type ResolvedOptions = Record<string, unknown> & { seed: number };

/** What only Parley reports, on the last chunk and on whole results. */
export interface ParleyDetails {
  options: ResolvedOptions;
  timings: Timings;
  context: { used: number; total: number };
  dropped_messages: boolean[];
  prompt_ids: number[];
  ids: number[];
}

export interface ChatCompletion {
  id: string;
  object: "chat.completion";
  created: number;
  model: string;
  choices: {
    index: 0;
    message: { role: "assistant"; content: string };
    finish_reason: FinishReason;
    logprobs: { content: TokenLogprob[] } | null;
  }[];
  usage: Usage;
  parley: ParleyDetails;
}

export interface ChatCompletionChunk {
  id: string;
  object: "chat.completion.chunk";
  created: number;
  model: string;
  choices: {
    index: 0;
    delta: { role?: "assistant"; content?: string };
    finish_reason: FinishReason | null;
    logprobs: { content: TokenLogprob[] } | null;
  }[];
  usage?: Usage | null;
  parley?: ParleyDetails; // last chunk only
}

export interface Completion {
  id: string;
  object: "text_completion";
  created: number;
  model: string;
  choices: {
    index: 0;
    text: string;
    finish_reason: FinishReason | null;
    logprobs: {
      tokens: string[];
      token_logprobs: number[];
      top_logprobs: Record<string, number>[];
      text_offset: number[];
    } | null;
  }[];
  usage?: Usage | null;
  parley?: ParleyDetails;
}

export interface RequestOptions {
  signal?: AbortSignal;
}

/**
 * Tokens to look at: a reply after the messages that it answered, or a continuation after its prompt, as text or, more
 * exactly, as the ids that its `parley.ids` had; or any text. The options are those that it was written with.
 */
export type ReviewRequest = SamplingParams &
  (
    | { messages: ChatMessage[]; chat_format?: string; reply: string | readonly number[] }
    | { prompt: string; special?: boolean; reply: string | readonly number[] }
    | { text: string }
  );

export interface ReviewOptions extends RequestOptions {
  onProgress?: (done: number, total: number) => void; // tokens
}

export interface Token {
  id: number;
  text: string; // U+FFFD where a character is shared with its neighbours: `bytes` are exact
  bytes: number[];
}

/** A token, and how it was found by what predicted it. */
export interface ReviewedToken extends Token {
  logprob: number; // nats, of the raw logits
  rank: number; // 1: the likeliest; 0: nothing stands before it, and the other figures say nothing
  entropy: number; // nats: how open the choice was
}

export interface Review {
  tokens: ReviewedToken[];
  /** exp of the mean negative logprob (Jelinek et al. 1977); NaN when no token stands behind another. */
  perplexity: number;
}

/** The steps between the model's scores and a draw, in order. `penalties` are biases and bans as well. */
export type SamplerStep = "raw" | "penalties" | "temperature" | "top_k" | "top_p" | "min_p" | "typical_p";

export interface Alternative extends Token {
  probabilities: Record<SamplerStep, number>; // after each step; 0 once it is removed
  removed_by: SamplerStep | null;
}

/** What the pass attended to whose logits chose a token: the pass of the token before it, which is the last of `tokens`. */
export interface Attention {
  tokens: Token[]; // all that it could see, the first of the context first
  layers: number;
  heads: number;
  weights: Float32Array; // [layers, heads, tokens.length]: each head's add up to 1
}

/** What a token's row of the residual stream held after some of the layers. */
export interface LayerState {
  values: number[]; // the first 8
  norm: number; // of all of them
  change: number; // norm of what this layer's attention and MLP added
  best: (Token & { probability: number })[]; // the 5 that the head would choose first if no layer came after
  chosen: (Token & { probability: number; rank: number }) | null; // the token that stands there
}

/** What there was to choose from at one place. */
export interface Alternatives {
  left: Record<SamplerStep, number>; // tokens that could still be drawn after each step
  tokens: Alternative[]; // the 20 likeliest of the raw logits, and the one that stands there
}

export interface StoredModel {
  id: string;
  name: string;
  bytes: number; // stored
  total_bytes: number; // of all that has to be fetched, or of the model once it is complete; 0 while not known
  complete: boolean;
  revision: string;
  license: string; // "" where nobody says
  memory_bytes: number; // that the last load took, 0 before the first
  file_name: string; // of models.export()
  entry?: CatalogEntry;
  quantization?: "q8_0" | "q4_0"; // what its checkpoint was converted to
  /** Once complete: its file's SHA-256 where somebody has told it, else that of its parts' SHA-256s in a row. */
  hash?: string;
}

export interface StorageState {
  backend: "opfs" | "indexeddb" | "memory";
  usage_bytes?: number;
  quota_bytes?: number;
  persisted: boolean;
}

export type EngineState =
  | { state: "idle" }
  | { state: "loading"; progress: LoadProgress | null }
  | { state: "ready"; info: ModelInfo }
  | { state: "generating"; info: ModelInfo }
  | { state: "restarting"; reason: string }
  | { state: "unresponsive"; seconds: number } // no heartbeat for 30 s while visible: offer restart()
  | { state: "elsewhere" } // another tab runs a model: wait until it is closed, or call takeOver()
  | { state: "failed"; code: string; message: string; bytes?: number }; // bytes: of memory refused, or to be freed

export interface EngineOptions {
  /**
   * Where worker, wasm and models/ are served from, on the page's own origin. When left out: the directory that the
   * library was loaded from; in Parley's own page, the page's directory.
   */
  baseUrl?: string | URL;
  /** A mirror of the Hugging Face hub for `hf:` names; the hub itself, or the build's PARLEY_HUB, when left out. */
  hub?: string | URL;
  /** Of all tabs with engines of this option on a site, one at a time has a model; `elsewhere` says that another has. */
  exclusive?: boolean;
  /** Called on every change of state. */
  onState?: (state: EngineState) => void;
}

export interface Engine {
  readonly state: EngineState;
  catalog(): Promise<CatalogEntry[]>;
  load(source: ModelSource, options?: LoadOptions): Promise<ModelInfo>;
  unload(): Promise<void>;
  readonly chat: {
    readonly completions: {
      create(
        params: ChatParams & { stream: true },
        request?: RequestOptions,
      ): Promise<AsyncIterable<ChatCompletionChunk>>;
      create(params: ChatParams & { stream?: false }, request?: RequestOptions): Promise<ChatCompletion>;
    };
  };
  readonly completions: {
    create(
      params: CompletionParams & { stream: true },
      request?: RequestOptions,
    ): Promise<AsyncIterable<Completion>>;
    create(params: CompletionParams & { stream?: false }, request?: RequestOptions): Promise<Completion>;
  };
  tokenize(text: string, options?: { special?: boolean }): Promise<number[]>;
  detokenize(ids: number[], options?: { skipSpecial?: boolean }): Promise<string>;
  /**
   * Of a text: its tokens. Of messages: what chat.completions.create() of the same messages and params would read, and
   * which of them it would leave out. CONTEXT_FULL where it would not begin.
   */
  countTokens(input: string | ChatMessage[], params?: CountParams): Promise<TokenCount>;
  /** How likely the model finds each token of a reply or of any text. */
  review(request: ReviewRequest, options?: ReviewOptions): Promise<Review>;
  /** What there was to choose from where token `index` of review() stands; one more than the last is what comes next. */
  alternatives(request: ReviewRequest, index: number, options?: RequestOptions): Promise<Alternatives>;
  /** What the model looked at when it chose token `index`. */
  attention(request: ReviewRequest, index: number, options?: RequestOptions): Promise<Attention>;
  /** What it made of that: after the embedding, then after each layer. */
  layers(request: ReviewRequest, index: number, options?: RequestOptions): Promise<LayerState[]>;
  readonly models: {
    stored(): Promise<StoredModel[]>;
    verify(id: string): Promise<{ ok: boolean; bad_parts: number }>;
    /**
     * The GGUF file of a stored model, a converted checkpoint's included. Its bytes stay in storage until they are read, so
     * that a large file can be written to disk without passing through memory. CHECKSUM where a part has rotted.
     */
    export(id: string): Promise<File>;
    remove(id: string): Promise<void>;
    storage(): Promise<StorageState>;
    /** Deletes every model. */
    clear(): Promise<void>;
    /** Copies a file that the user chose into storage, a checkpoint converted; the id to load it by. */
    add(files: File | readonly File[], options?: Omit<LoadOptions, "context" | "threads">): Promise<string>;
  };
  /** In the state `elsewhere`: takes the model from the other tab, which then waits. */
  takeOver(): void;
  /** Starts a fresh worker and loads the same model again; the conversation is the caller's and is not lost. */
  restart(): Promise<void>;
  dispose(): Promise<void>;
}
