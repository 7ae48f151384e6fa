// src/wasm/c_api.h as JavaScript sees it: its functions, and where in its structs the members lie. Only wasm_session.ts
// calls the one and reads the other.

export type Pointer = number;

/** The exports of c_api.h as Emscripten names them. Pointers are unsigned below 4 GiB. */
export interface ParleyExports {
  PThread?: { terminateAllThreads(): void }; // Emscripten's own, in builds with threads
  _parley_abi_version(): number;
  _parley_create(): Pointer;
  _parley_destroy(parley: Pointer): void;
  _parley_allocate(bytes: number): Pointer;
  _parley_release(pointer: Pointer): void;
  _parley_error(parley: Pointer): Pointer;
  _parley_result(parley: Pointer): Pointer;
  _parley_plan(
    parley: Pointer,
    header: Pointer,
    headerBytes: number,
    fileBytes: number,
    context: number,
    threads: number,
  ): number;
  _parley_load_begin(
    parley: Pointer,
    fileBytes: number,
    context: number,
    threads: number,
    tuneThreads: number,
  ): number;
  _parley_load_write(parley: Pointer, bytes: Pointer, size: number): number;
  _parley_open(parley: Pointer): number;
  _parley_convert_begin(
    parley: Pointer,
    type: Pointer,
    typeBytes: number,
    name: Pointer,
    nameBytes: number,
  ): number;
  _parley_convert_text(
    parley: Pointer,
    name: Pointer,
    nameBytes: number,
    text: Pointer,
    textBytes: number,
  ): number;
  _parley_convert_weights(parley: Pointer, name: Pointer, nameBytes: number, fileBytes: number): number;
  _parley_convert_next(parley: Pointer): Pointer;
  _parley_clear_options(parley: Pointer): number;
  _parley_set_option(
    parley: Pointer,
    name: Pointer,
    nameBytes: number,
    value: Pointer,
    valueBytes: number,
  ): number;
  _parley_clear_messages(parley: Pointer): number;
  _parley_add_message(
    parley: Pointer,
    role: Pointer,
    roleBytes: number,
    text: Pointer,
    textBytes: number,
    pinned: number,
  ): number;
  _parley_set_chat_format(parley: Pointer, id: Pointer, idBytes: number): number;
  _parley_begin_chat(parley: Pointer): number;
  _parley_begin_completion(
    parley: Pointer,
    prompt: Pointer,
    promptBytes: number,
    parseSpecial: number,
  ): number;
  _parley_count_chat(parley: Pointer): number;
  _parley_next(parley: Pointer): Pointer;
  _parley_cancel(parley: Pointer): void;
  _parley_review_reply(
    parley: Pointer,
    ids: Pointer,
    count: number,
    text: Pointer,
    textBytes: number,
  ): number;
  _parley_review_text(parley: Pointer, text: Pointer, bytes: number): number;
  _parley_review_next(parley: Pointer): number;
  _parley_review_token(parley: Pointer, position: number): number;
  _parley_review_pass(parley: Pointer, position: number): number;
  _parley_review_layer(parley: Pointer, layers: number): number;
  _parley_tokenize(parley: Pointer, text: Pointer, bytes: number, parseSpecial: number): number;
  _parley_token_bytes(parley: Pointer, id: number): number;
  _parley_detokenize(parley: Pointer, ids: Pointer, count: number, skipSpecial: number): number;
}

/** The version of c_api.h that this file is written for. */
export const ABI_VERSION = 5;

// Byte offsets of the structs of c_api.h on wasm32.
export const BYTES = { data: 0, size: 4 };
export const ERROR = { code: 0, hasOffset: 4, offset: 8, message: 16 };
export const ALTERNATIVE = { logprob: 0, id: 8, bytes: 16 };
export const EVENT = {
  logprob: 0,
  text: 8,
  alternatives: 16,
  alternativeCount: 20,
  kind: 24,
  id: 28,
  reason: 32,
  promptTokens: 36,
  cachedTokens: 40,
  prefilledTokens: 44,
  completionTokens: 48,
  context: 52,
  threads: 56,
};
export const SCORE = { logprob: 0, entropy: 8, id: 16, rank: 20, bytes: 24 };
export const CONVERT_STEP = { offset: 0, written: 8, output: 16, data: 24, size: 28, kind: 32, file: 36 };
export const KINDS = ["prefill", "token", "done", "failed", "draft"] as const;
