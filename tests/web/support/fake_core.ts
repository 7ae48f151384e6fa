// The C API of src/wasm/c_api.h over a real WebAssembly.Memory, with a made-up model behind it: for tests of what stands
// on that interface. It says nothing about the real core.
import type { ParleyExports } from "../../../web/engine/c_api";

export interface FakeEvent {
  kind: number; // PARLEY_PREFILL 0, TOKEN 1, DONE 2, FAILED 3
  id?: number;
  text?: Uint8Array;
  logprob?: number;
  alternatives?: { id: number; logprob: number }[];
  reason?: number; // STOP 1, LENGTH 2, ABORTED 3
  completionTokens?: number;
}

export interface FakeError {
  code: number;
  message: string;
  offset?: number;
}

const CONTEXT = 64; // tokens

export class FakeCore {
  readonly memory = new WebAssembly.Memory({ initial: 64, maximum: 64 });
  readonly live = new Set<number>(); // pointers not released
  readonly calls: unknown[][] = [];
  events: FakeEvent[] = [];
  error: FakeError = { code: 0, message: "" };
  result = new Uint8Array();
  abi = 5;
  /** Makes a call return this error: by name of the export. */
  failures = new Map<string, FakeError>();
  #top = 4096;
  #cancelled = false;
  /** What a conversion will ask for. */
  convertReads: { file: number; offset: number; size: number }[] = [];
  #filled: { data: number; size: number } | null = null;

  readonly exports: ParleyExports = {
    _parley_abi_version: () => this.abi,
    _parley_create: () => 64,
    _parley_destroy: () => this.#log("destroy"),
    _parley_allocate: (bytes) => {
      const pointer = this.#top;
      this.#top += (bytes + 15) & ~15;
      if (this.#top > this.memory.buffer.byteLength) return 0;
      this.live.add(pointer);
      return pointer;
    },
    _parley_release: (pointer) => {
      this.live.delete(pointer);
    },
    _parley_error: () => {
      const at = this.#struct(24);
      this.#view.setInt32(at, this.error.code, true);
      this.#view.setUint32(at + 4, this.error.offset === undefined ? 0 : 1, true);
      this.#view.setFloat64(at + 8, this.error.offset ?? 0, true);
      this.#putBytes(at + 16, new TextEncoder().encode(this.error.message));
      return at;
    },
    _parley_result: () => {
      const at = this.#struct(8);
      this.#putBytes(at, this.result);
      return at;
    },
    _parley_plan: (_, header, size, fileBytes, context, threads) =>
      this.#call("plan", Array.from(this.#bytes(header, size)), fileBytes, context, threads),
    _parley_load_begin: (_, fileBytes, context, threads, tune) =>
      this.#call("load_begin", fileBytes, context, threads, tune),
    _parley_load_write: (_, pointer, size) =>
      this.#call("load_write", Array.from(this.#bytes(pointer, size))),
    _parley_open: () => this.#call("open"),
    _parley_convert_begin: (_, type, typeBytes, name, nameBytes) =>
      this.#call("convert_begin", this.#text(type, typeBytes), this.#text(name, nameBytes)),
    _parley_convert_text: (_, name, nameBytes, text, textBytes) =>
      this.#call("convert_text", this.#text(name, nameBytes), this.#text(text, textBytes)),
    _parley_convert_weights: (_, name, nameBytes, fileBytes) =>
      this.#call("convert_weights", this.#text(name, nameBytes), fileBytes),
    _parley_convert_next: () => this.#convertNext(),
    _parley_clear_options: () => {
      this.#maxTokens = CONTEXT;
      return this.#call("clear_options");
    },
    _parley_set_option: (_, name, nameBytes, value, valueBytes) => {
      if (this.#text(name, nameBytes) === "max_tokens")
        this.#maxTokens = Number(this.#text(value, valueBytes));
      return this.#call("set_option", this.#text(name, nameBytes), this.#text(value, valueBytes));
    },
    _parley_clear_messages: () => {
      this.#lengths = [];
      return this.#call("clear_messages");
    },
    _parley_add_message: (_, role, roleBytes, text, bytes, pinned) => {
      this.#lengths.push(this.#text(text, bytes).length);
      return this.#call("add_message", this.#text(role, roleBytes), this.#text(text, bytes), pinned);
    },
    _parley_set_chat_format: (_, id, bytes) => {
      this.#format = this.#text(id, bytes);
      return this.#call("set_chat_format", this.#format);
    },
    _parley_begin_chat: () => this.#call("begin_chat"),
    _parley_begin_completion: (_, prompt, bytes, special) =>
      this.#call("begin_completion", this.#text(prompt, bytes), special),
    _parley_count_chat: () => this.#countChat(),
    _parley_next: () => this.#next(),
    _parley_cancel: () => {
      this.#cancelled = true;
      this.#log("cancel");
    },
    _parley_review_reply: (_, ids, count, text, bytes) =>
      this.#call(
        "review_reply",
        Array.from(new Int32Array(this.memory.buffer, ids, count)),
        this.#text(text, bytes),
      ),
    _parley_review_text: (_, text, bytes) => this.#call("review_text", this.#text(text, bytes)),
    _parley_review_next: () => this.#reviewStep("review_next"),
    _parley_review_token: (_, position) => this.#reviewStep("review_token", position),
    _parley_review_pass: (_, position) => this.#reviewStep("review_pass", position),
    _parley_review_layer: (_, layers) => this.#reviewStep("review_layer", layers),
    _parley_tokenize: (_, text, bytes, special) => this.#call("tokenize", this.#text(text, bytes), special),
    _parley_token_bytes: (_, id) => {
      this.result = new TextEncoder().encode(`<${id}>`);
      return this.#call("token_bytes", id);
    },
    _parley_detokenize: (_, ids, count, skip) =>
      this.#call("detokenize", Array.from(new Int32Array(this.memory.buffer, ids, count)), skip),
  };

  /** What the steps of a review leave as results, in turn. */
  reviewResults: Uint8Array<ArrayBuffer>[] = [];

  #reviewStep(...call: [string, ...unknown[]]): number {
    this.result = this.reviewResults.shift() ?? new Uint8Array();
    return this.#call(...call);
  }

  setResult(value: unknown): void {
    this.result = new TextEncoder().encode(JSON.stringify(value));
  }

  #maxTokens = CONTEXT;
  #lengths: number[] = [];
  #format = "";

  /**
   * A token a character, and one for each message under the model's own format, two under another; the reply's room is the
   * core's. The oldest messages go first.
   */
  #countChat(): number {
    const limit = CONTEXT - Math.min(this.#maxTokens, CONTEXT / 4);
    const sizes = this.#lengths.map((length) => length + (this.#format === "" ? 1 : 2));
    const dropped = sizes.map(() => false);
    let tokens = sizes.reduce((sum, size) => sum + size, 0);
    for (let first = 0; tokens > limit; first++) {
      dropped[first] = true;
      tokens -= sizes[first] ?? tokens;
    }
    this.setResult({ tokens, context: CONTEXT, dropped });
    return this.#call("count_chat");
  }

  get #view(): DataView {
    return new DataView(this.memory.buffer);
  }

  #log(...call: unknown[]): void {
    this.calls.push(call);
  }

  #call(name: string, ...args: unknown[]): number {
    this.#log(name, ...args);
    const failure = this.failures.get(name);
    this.error = failure ?? { code: 0, message: "" };
    return -this.error.code;
  }

  #bytes(pointer: number, size: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, pointer, size);
  }

  #text(pointer: number, size: number): string {
    return new TextDecoder().decode(this.#bytes(pointer, size));
  }

  #struct(bytes: number): number {
    const at = (this.#top + 15) & ~15;
    this.#top = at + ((bytes + 15) & ~15);
    return at;
  }

  #putBytes(at: number, bytes: Uint8Array): void {
    const data = this.#struct(bytes.length);
    new Uint8Array(this.memory.buffer).set(bytes, data);
    this.#view.setUint32(at, data, true);
    this.#view.setUint32(at + 4, bytes.length, true);
  }

  /** Asks for what `convertReads` says, and writes back what it got with every byte doubled. */
  #convertNext(): number {
    const at = this.#struct(40);
    const view = this.#view;
    if (this.#filled !== null) {
      const { data, size } = this.#filled;
      this.#filled = null;
      new Uint8Array(this.memory.buffer, data, size).forEach((byte, index, bytes) => {
        bytes[index] = byte * 2;
      });
      view.setFloat64(at + 8, size, true);
      view.setFloat64(at + 16, 2 * size, true);
      view.setUint32(at + 24, data, true);
      view.setUint32(at + 28, size, true);
      view.setInt32(at + 32, 1, true);
      return at;
    }
    const read = this.convertReads.shift();
    if (read === undefined) {
      view.setInt32(at + 32, this.failures.has("convert_next") ? 3 : 2, true);
      this.error = this.failures.get("convert_next") ?? { code: 0, message: "" };
      return at;
    }
    const data = this.#struct(read.size);
    this.#filled = { data, size: read.size };
    view.setFloat64(at, read.offset, true);
    view.setUint32(at + 24, data, true);
    view.setUint32(at + 28, read.size, true);
    view.setInt32(at + 32, 0, true);
    view.setUint32(at + 36, read.file, true);
    return at;
  }

  #next(): number {
    const event: FakeEvent = this.#cancelled
      ? { kind: 2, reason: 3 }
      : (this.events.shift() ?? { kind: 2, reason: 1 });
    if (event.kind === 3)
      this.error = this.failures.get("next") ?? { code: 13, message: "logits are not finite" };
    const view = this.#view;
    const at = this.#struct(64);
    const alternatives = event.alternatives ?? [];
    const list = this.#struct(16 * alternatives.length);
    alternatives.forEach(({ id, logprob }, index) => {
      view.setFloat64(list + 16 * index, logprob, true);
      view.setInt32(list + 16 * index + 8, id, true);
    });
    view.setFloat64(at, event.logprob ?? 0, true);
    this.#putBytes(at + 8, event.text ?? new Uint8Array());
    view.setUint32(at + 16, list, true);
    view.setUint32(at + 20, alternatives.length, true);
    view.setInt32(at + 24, event.kind, true);
    view.setInt32(at + 28, event.id ?? -1, true);
    view.setInt32(at + 32, event.reason ?? 0, true);
    view.setUint32(at + 36, 7, true);
    view.setUint32(at + 40, 3, true);
    view.setUint32(at + 44, 4, true);
    view.setUint32(at + 48, event.completionTokens ?? 0, true);
    view.setUint32(at + 52, 512, true);
    view.setUint32(at + 56, 2, true);
    return at;
  }
}
