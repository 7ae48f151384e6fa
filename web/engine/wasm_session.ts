// One instance of the wasm core: pointers, strings and structs of src/wasm/c_api.h become values and errors here, and
// nowhere else. What to call when is left to worker.ts, fetching and compiling to wasm_module.ts.
import {
  ALTERNATIVE,
  BYTES,
  CONVERT_STEP,
  ERROR,
  EVENT,
  KINDS,
  type ParleyExports,
  type Pointer,
  SCORE,
} from "./c_api";
import { CORE_CODES, type ErrorCode, ParleyError } from "./errors";
import type { ModelPreset } from "./types";

/** What parley_plan says of a file: bytes, tokens, and what it is. */
export interface Plan {
  architecture: string;
  name: string;
  quantization: string;
  vocab_size: number;
  context_length: number;
  n_layers: number;
  n_heads: number;
  context: number;
  threads: number;
  weights_bytes: number;
  kv_bytes: number;
  scratch_bytes: number;
  tokenizer_bytes: number;
  staging_bytes: number;
  staged_parts: number; // 2: one is read while the threads repack the one before
  total_bytes: number;
  note: string;
}

export interface Opened {
  plan: Plan;
  kernels: string;
  chat_format: string;
  preset: ModelPreset;
  used_bytes: number;
}

export interface Message {
  role: string;
  content: string;
  pinned: boolean;
}

export interface SessionEvent {
  kind: "prefill" | "draft" | "token" | "done";
  id: number;
  text: Uint8Array<ArrayBuffer>; // a copy
  logprob: number;
  alternatives: { id: number; logprob: number }[];
  reason: "stop" | "length" | "aborted";
  prompt_tokens: number;
  cached_tokens: number;
  prefilled_tokens: number;
  completion_tokens: number;
  context: number;
  threads: number; // that the next token will use
}

/** The tokens of a review, of which those from `begin` on are looked at. */
export interface ReviewedIds {
  ids: number[];
  begin: number;
}

/** How a token was found by what predicted it; rank 0: nothing did. */
export interface TokenScore {
  id: number;
  logprob: number; // nats
  entropy: number; // nats
  rank: number;
}

/** What became of the likeliest tokens; arrays by sampler step, as c_api.h has them. */
export interface SamplerTrace {
  left: number[];
  tokens: { id: number; probabilities: number[]; removed_by: string | null }[];
}

/** What the residual stream of a pass held after some layers. */
export interface LayerView {
  values: number[];
  norm: number;
  change: number;
  best: { id: number; probability: number; rank: number }[];
  chosen: { id: number; probability: number; rank: number } | null;
}

/** What a conversion wants or has made. */
export type ConvertStep =
  | { kind: "read"; file: number; offset: number; pointer: Pointer; size: number } // fill `size` bytes at `pointer`
  | { kind: "write"; bytes: Uint8Array; writtenBytes: number; outputBytes: number } // `bytes` until the next step
  | { kind: "done" };

const REASONS: Record<number, SessionEvent["reason"]> = { 1: "stop", 2: "length", 3: "aborted" };

export class WasmSession {
  readonly #exports: ParleyExports;
  readonly #memory: WebAssembly.Memory;
  readonly #parley: Pointer;
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  readonly #tokens = new Map<number, Uint8Array<ArrayBuffer>>();
  #view: DataView;
  #bytes: Uint8Array;
  #chatFormat = "";
  #shape = { layers: 0, heads: 0 };

  constructor(exports: ParleyExports, memory: WebAssembly.Memory) {
    this.#exports = exports;
    this.#memory = memory;
    this.#view = new DataView(memory.buffer);
    this.#bytes = new Uint8Array(memory.buffer);
    this.#parley = exports._parley_create() >>> 0;
    if (this.#parley === 0) throw new ParleyError("OOM", "There was no memory for a session.");
  }

  /** Of the model that was opened. */
  get shape(): { readonly layers: number; readonly heads: number } {
    return this.#shape;
  }

  get memoryBytes(): number {
    return this.#memory.buffer.byteLength;
  }

  /** What running the file takes; null when the header goes on past `prefix`, which must then be longer. */
  plan(prefix: Uint8Array, fileBytes: number, context: number, threads: number): Plan | null {
    return this.#withBytes(prefix, (pointer) => {
      const status = this.#exports._parley_plan(
        this.#parley,
        pointer,
        prefix.length,
        fileBytes,
        context,
        threads,
      );
      if (-status === CORE_CODES.indexOf("TRUNCATED") && prefix.length < fileBytes) return null;
      this.#check(status);
      return this.#resultJson() as Plan;
    });
  }

  /** `tuneThreads`: fewer threads are used where the first tokens show that to be faster. */
  beginLoad(fileBytes: number, context: number, threads: number, tuneThreads: boolean): void {
    this.#check(
      this.#exports._parley_load_begin(this.#parley, fileBytes, context, threads, tuneThreads ? 1 : 0),
    );
  }

  /** A piece of memory for `write`; release it when the model is open. */
  allocate(bytes: number): Pointer {
    const pointer = this.#exports._parley_allocate(bytes) >>> 0;
    if (pointer === 0) throw new ParleyError("OOM", `There was no memory for ${bytes} bytes.`);
    return pointer;
  }

  release(pointer: Pointer): void {
    this.#exports._parley_release(pointer);
  }

  /** The memory itself at `pointer`, until the next call. */
  memoryAt(pointer: Pointer, bytes: number): Uint8Array {
    return this.#heap().subarray(pointer, pointer + bytes);
  }

  /** The bytes stay as they are until the next call: with several threads it may repack them meanwhile. */
  write(pointer: Pointer, bytes: number): void {
    this.#check(this.#exports._parley_load_write(this.#parley, pointer, bytes));
  }

  open(): Opened {
    this.#check(this.#exports._parley_open(this.#parley));
    const opened = this.#resultJson() as Opened;
    this.#shape = { layers: opened.plan.n_layers, heads: opened.plan.n_heads };
    return opened;
  }

  setOptions(options: readonly (readonly [name: string, value: string])[]): void {
    this.#check(this.#exports._parley_clear_options(this.#parley));
    for (const [name, value] of options) {
      this.#withText(name, (namePointer, nameBytes) =>
        this.#withText(value, (pointer, bytes) =>
          this.#check(this.#exports._parley_set_option(this.#parley, namePointer, nameBytes, pointer, bytes)),
        ),
      );
    }
  }

  setMessages(messages: readonly Message[]): void {
    this.#check(this.#exports._parley_clear_messages(this.#parley));
    for (const { role, content, pinned } of messages) {
      this.#withText(role, (rolePointer, roleBytes) =>
        this.#withText(content, (text, bytes) =>
          this.#check(
            this.#exports._parley_add_message(
              this.#parley,
              rolePointer,
              roleBytes,
              text,
              bytes,
              pinned ? 1 : 0,
            ),
          ),
        ),
      );
    }
  }

  /** "" is the model's own format. For what is begun or counted next; a reply that runs goes on in its own. */
  setChatFormat(id: string): void {
    if (id === this.#chatFormat) return;
    this.#withText(id, (pointer, bytes) =>
      this.#check(this.#exports._parley_set_chat_format(this.#parley, pointer, bytes)),
    );
    this.#chatFormat = id;
  }

  /** What was begun, as JSON. */
  beginChat(): unknown {
    this.#check(this.#exports._parley_begin_chat(this.#parley));
    return this.#resultJson();
  }

  beginCompletion(prompt: string, parseSpecial: boolean): unknown {
    this.#withText(prompt, (pointer, bytes) =>
      this.#check(this.#exports._parley_begin_completion(this.#parley, pointer, bytes, parseSpecial ? 1 : 0)),
    );
    return this.#resultJson();
  }

  countChat(): unknown {
    this.#check(this.#exports._parley_count_chat(this.#parley));
    return this.#resultJson();
  }

  /** One bounded step. */
  next(): SessionEvent {
    const event = this.#exports._parley_next(this.#parley) >>> 0;
    const view = this.#dataView();
    const kind = KINDS[view.getInt32(event + EVENT.kind, true)];
    if (kind === undefined) throw new ParleyError("BUILD_MISMATCH", "The wasm build sent an unknown event.");
    if (kind === "failed") throw this.#error();
    const alternatives: SessionEvent["alternatives"] = [];
    const first = view.getUint32(event + EVENT.alternatives, true);
    const count = view.getUint32(event + EVENT.alternativeCount, true);
    for (let index = 0; index < count; index++) {
      const at = first + index * ALTERNATIVE.bytes;
      alternatives.push({
        id: view.getInt32(at + ALTERNATIVE.id, true),
        logprob: view.getFloat64(at + ALTERNATIVE.logprob, true),
      });
    }
    return {
      kind,
      id: view.getInt32(event + EVENT.id, true),
      text: this.#copy(event + EVENT.text),
      logprob: view.getFloat64(event + EVENT.logprob, true),
      alternatives,
      reason: REASONS[view.getInt32(event + EVENT.reason, true)] ?? "stop",
      prompt_tokens: view.getUint32(event + EVENT.promptTokens, true),
      cached_tokens: view.getUint32(event + EVENT.cachedTokens, true),
      prefilled_tokens: view.getUint32(event + EVENT.prefilledTokens, true),
      completion_tokens: view.getUint32(event + EVENT.completionTokens, true),
      context: view.getUint32(event + EVENT.context, true),
      threads: view.getUint32(event + EVENT.threads, true),
    };
  }

  cancel(): void {
    this.#exports._parley_cancel(this.#parley);
  }

  /** Takes up what was begun, followed by a reply: its text or its ids. */
  reviewReply(reply: string | readonly number[]): ReviewedIds {
    const text = typeof reply === "string" ? reply : "";
    const ids = new Uint8Array(Int32Array.from(typeof reply === "string" ? [] : reply).buffer);
    this.#withBytes(ids, (idPointer) =>
      this.#withText(text, (pointer, bytes) =>
        this.#check(
          this.#exports._parley_review_reply(this.#parley, idPointer, ids.length / 4, pointer, bytes),
        ),
      ),
    );
    return this.#resultJson() as ReviewedIds;
  }

  reviewText(text: string): ReviewedIds {
    this.#withText(text, (pointer, bytes) =>
      this.#check(this.#exports._parley_review_text(this.#parley, pointer, bytes)),
    );
    return this.#resultJson() as ReviewedIds;
  }

  /** One bounded step: scores of the next few tokens, or none yet. */
  reviewNext(): TokenScore[] {
    this.#check(this.#exports._parley_review_next(this.#parley));
    const scores = new DataView(this.#copy(this.#exports._parley_result(this.#parley) >>> 0).buffer);
    return Array.from({ length: scores.byteLength / SCORE.bytes }, (_, index) => ({
      id: scores.getInt32(index * SCORE.bytes + SCORE.id, true),
      logprob: scores.getFloat64(index * SCORE.bytes + SCORE.logprob, true),
      entropy: scores.getFloat64(index * SCORE.bytes + SCORE.entropy, true),
      rank: scores.getUint32(index * SCORE.bytes + SCORE.rank, true),
    }));
  }

  /** One bounded step towards what there was to choose from at a position; null: not there yet. */
  reviewToken(position: number): SamplerTrace | null {
    this.#check(this.#exports._parley_review_token(this.#parley, position));
    return this.#resultSize() === 0 ? null : (this.#resultJson() as SamplerTrace);
  }

  /** One bounded step towards the weights of the pass that chose a position's token; null: not there yet. */
  reviewPass(position: number): Float32Array<ArrayBuffer> | null {
    this.#check(this.#exports._parley_review_pass(this.#parley, position));
    const bytes = this.#copy(this.#exports._parley_result(this.#parley) >>> 0);
    return bytes.length === 0 ? null : new Float32Array(bytes.buffer);
  }

  /** Of that pass, after `layers` of its layers. */
  reviewLayer(layers: number): LayerView {
    this.#check(this.#exports._parley_review_layer(this.#parley, layers));
    return this.#resultJson() as LayerView;
  }

  tokenize(text: string, parseSpecial: boolean): number[] {
    this.#withText(text, (pointer, bytes) =>
      this.#check(this.#exports._parley_tokenize(this.#parley, pointer, bytes, parseSpecial ? 1 : 0)),
    );
    const bytes = this.#copy(this.#exports._parley_result(this.#parley) >>> 0);
    return Array.from(new Int32Array(bytes.buffer));
  }

  /** The bytes of one token, which may be part of a character. */
  tokenBytes(id: number): Uint8Array<ArrayBuffer> {
    let bytes = this.#tokens.get(id);
    if (bytes === undefined) {
      this.#check(this.#exports._parley_token_bytes(this.#parley, id));
      bytes = this.#copy(this.#exports._parley_result(this.#parley) >>> 0);
      this.#tokens.set(id, bytes);
    }
    return bytes;
  }

  detokenize(ids: readonly number[], skipSpecial: boolean): string {
    const bytes = new Uint8Array(Int32Array.from(ids).buffer);
    this.#withBytes(bytes, (pointer) =>
      this.#check(this.#exports._parley_detokenize(this.#parley, pointer, ids.length, skipSpecial ? 1 : 0)),
    );
    return this.#decoder.decode(this.#copy(this.#exports._parley_result(this.#parley) >>> 0));
  }

  convertBegin(type: string, name: string): void {
    this.#withText(type, (typePointer, typeBytes) =>
      this.#withText(name, (pointer, bytes) =>
        this.#check(
          this.#exports._parley_convert_begin(this.#parley, typePointer, typeBytes, pointer, bytes),
        ),
      ),
    );
  }

  /** config.json, the tokenizer's files and the like. */
  convertText(name: string, text: Uint8Array): void {
    this.#withText(name, (namePointer, nameBytes) =>
      this.#withBytes(text, (pointer) =>
        this.#check(
          this.#exports._parley_convert_text(this.#parley, namePointer, nameBytes, pointer, text.length),
        ),
      ),
    );
  }

  /** A file of weights; the steps name them by the order of these calls. */
  convertWeights(name: string, fileBytes: number): void {
    this.#withText(name, (pointer, bytes) =>
      this.#check(this.#exports._parley_convert_weights(this.#parley, pointer, bytes, fileBytes)),
    );
  }

  convertNext(): ConvertStep {
    const step = this.#exports._parley_convert_next(this.#parley) >>> 0;
    const view = this.#dataView();
    const pointer = view.getUint32(step + CONVERT_STEP.data, true);
    const size = view.getUint32(step + CONVERT_STEP.size, true);
    switch (view.getInt32(step + CONVERT_STEP.kind, true)) {
      case 0: {
        const file = view.getUint32(step + CONVERT_STEP.file, true);
        return {
          kind: "read",
          file,
          offset: view.getFloat64(step + CONVERT_STEP.offset, true),
          pointer,
          size,
        };
      }
      case 1:
        return {
          kind: "write",
          bytes: this.memoryAt(pointer, size),
          writtenBytes: view.getFloat64(step + CONVERT_STEP.written, true),
          outputBytes: view.getFloat64(step + CONVERT_STEP.output, true),
        };
      case 2:
        return { kind: "done" };
      default:
        throw this.#error();
    }
  }

  destroy(): void {
    this.#exports._parley_destroy(this.#parley);
  }

  /** Ends the threads, which hold on to the memory. For an instance that has failed: nothing of it can be called after. */
  abandon(): void {
    this.#exports.PThread?.terminateAllThreads();
  }

  // A memory that grows gives a new buffer. The run instance's never does; the planning instance's may.
  #dataView(): DataView {
    if (this.#view.buffer !== this.#memory.buffer) this.#view = new DataView(this.#memory.buffer);
    return this.#view;
  }

  #heap(): Uint8Array {
    if (this.#bytes.buffer !== this.#memory.buffer) this.#bytes = new Uint8Array(this.#memory.buffer);
    return this.#bytes;
  }

  #withBytes<T>(bytes: Uint8Array, use: (pointer: Pointer) => T): T {
    const pointer = this.allocate(Math.max(bytes.length, 1));
    try {
      this.#heap().set(bytes, pointer);
      return use(pointer);
    } finally {
      this.release(pointer);
    }
  }

  #withText<T>(text: string, use: (pointer: Pointer, bytes: number) => T): T {
    const bytes = this.#encoder.encode(text);
    return this.#withBytes(bytes, (pointer) => use(pointer, bytes.length));
  }

  /** A copy of the bytes that the ParleyBytes at `pointer` names: decoders and messages refuse shared memory. */
  #copy(pointer: Pointer): Uint8Array<ArrayBuffer> {
    const view = this.#dataView();
    const data = view.getUint32(pointer + BYTES.data, true);
    const size = view.getUint32(pointer + BYTES.size, true);
    const copy = new Uint8Array(size);
    copy.set(this.#heap().subarray(data, data + size));
    return copy;
  }

  #resultSize(): number {
    return this.#dataView().getUint32((this.#exports._parley_result(this.#parley) >>> 0) + BYTES.size, true);
  }

  #resultJson(): unknown {
    return JSON.parse(this.#decoder.decode(this.#copy(this.#exports._parley_result(this.#parley) >>> 0)));
  }

  #check(status: number): void {
    if (status !== 0) throw this.#error();
  }

  #error(): ParleyError {
    const view = this.#dataView();
    const error = this.#exports._parley_error(this.#parley) >>> 0;
    const name = CORE_CODES[view.getInt32(error + ERROR.code, true)];
    const code: ErrorCode = name === undefined || name === "OK" ? "BUILD_MISMATCH" : name;
    const message = this.#decoder.decode(this.#copy(error + ERROR.message));
    return view.getUint32(error + ERROR.hasOffset, true) !== 0
      ? new ParleyError(code, message, { offset: view.getFloat64(error + ERROR.offset, true) })
      : new ParleyError(code, message);
  }
}
