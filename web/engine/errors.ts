// The library's one error class: a stable code for programs, a sentence with the cause and a next step for people. The
// core's codes come over the C interface by number; the page translates codes into its own languages.

/** Codes of src/base/result.h by number; index 0 is success. */
export const CORE_CODES = [
  "OK",
  "TRUNCATED",
  "BAD_MAGIC",
  "BAD_VERSION",
  "LIMIT",
  "OVERFLOW",
  "BAD_TYPE",
  "BAD_ALIGN",
  "BAD_SHAPE",
  "BAD_OFFSET",
  "DUPLICATE",
  "BAD_CONFIG",
  "UNSUPPORTED_MODEL",
  "NONFINITE",
  "OOM",
  "IO",
  "BAD_JSON",
  "BAD_VOCAB",
  "BAD_ARG",
  "UNSUPPORTED_OPTION",
  "CONTEXT_FULL",
  "ABORTED",
  "BAD_STATE",
  "CHECKSUM",
  "KERNELS_CHANGED",
] as const;

export type CoreCode = Exclude<(typeof CORE_CODES)[number], "OK">;

export const LIBRARY_CODES = [
  "NETWORK", // no answer: offline, refused or cut off, after every retry
  "HTTP_STATUS", // an answer other than the file
  "HASH_MISMATCH", // the file's bytes are not those of the catalog; says what they look like
  "CSP_BLOCKED", // the page's policy does not allow that host
  "NOT_FOUND", // no model of that id in the catalog or in storage
  "STORAGE_FULL", // storage and memory both refused a part
  "UNSUPPORTED_BROWSER", // no WebAssembly SIMD; says which versions have it
  "BUILD_FAILED", // no wasm build could be started
  "BUILD_MISMATCH", // page and wasm files are of different versions: reload the page
  "WORKER_CRASHED", // the worker died; it is restarted and the model loaded again
  "NOT_LOADED", // no model is loaded
  "DISPOSED", // the engine was disposed of
] as const;

export type LibraryCode = (typeof LIBRARY_CODES)[number];

export type ErrorCode = CoreCode | LibraryCode;

/** What was delivered of a reply before it failed. */
export interface Delivered {
  text: string;
  tokens: number;
}

/** An error as it crosses from the worker to the page. */
export interface WireError {
  code: ErrorCode;
  message: string;
  offset?: number;
  bytes?: number;
}

const BAD_FILE = "Fetch the file again, or convert it again from its source.";

/** Aborting comes out as AbortError and needs no advice. */
const NEXT_STEPS: Record<Exclude<ErrorCode, "ABORTED">, string> = {
  NETWORK: "Check the connection and try again: parts that have arrived are kept.",
  HTTP_STATUS: "Check the address, or try again later.",
  HASH_MISMATCH: "Try again; if it stays, the host serves a wrong file.",
  CSP_BLOCKED: "Download the file yourself and open it from your disk.",
  STORAGE_FULL: "Free some space, or close other tabs, and try again.",
  OOM: "Close other tabs, choose a smaller context, or use a smaller model.",
  UNSUPPORTED_BROWSER: "Update the browser.",
  BUILD_FAILED: "Reload the page; if it stays, the host does not serve the wasm files.",
  BUILD_MISMATCH: "Reload the page.",
  WORKER_CRASHED: "Send it again: the model is loaded again by itself.",
  NOT_LOADED: "Call load() first.",
  CONTEXT_FULL: "Shorten the message or the system text, or load the model with a larger context.",
  NOT_FOUND: "Check the name: catalog() and models.stored() list those that there are.",
  DISPOSED: "Make another engine with createEngine().",
  TRUNCATED: BAD_FILE,
  BAD_MAGIC: BAD_FILE,
  BAD_VERSION: BAD_FILE,
  LIMIT: BAD_FILE,
  OVERFLOW: BAD_FILE,
  BAD_TYPE: BAD_FILE,
  BAD_ALIGN: BAD_FILE,
  BAD_SHAPE: BAD_FILE,
  BAD_OFFSET: BAD_FILE,
  DUPLICATE: BAD_FILE,
  BAD_CONFIG: BAD_FILE,
  BAD_JSON: BAD_FILE,
  BAD_VOCAB: BAD_FILE,
  UNSUPPORTED_MODEL: "Use a GPT-2 or Llama model.",
  NONFINITE: "Lower the temperature or the biases; if it stays, the model's weights are damaged.",
  IO: "Reload the page; if it stays, delete the model and load it again.",
  BAD_ARG: "Correct the argument that the message names.",
  UNSUPPORTED_OPTION: "Leave the option out.",
  BAD_STATE: "Begin a reply before asking for its next step.",
  CHECKSUM: "Load the model again: the damaged part is fetched anew.",
  KERNELS_CHANGED: "Send it again: the model is loaded into a build without relaxed SIMD.",
};

export class ParleyError extends Error {
  override readonly name = "ParleyError";
  readonly code: ErrorCode;
  /** Bytes from the start of the file that is wrong, where that is known. */
  readonly offset: number | undefined;
  /** With STORAGE_FULL: how many bytes to free; with OOM: how many were refused. */
  readonly bytes: number | undefined;
  /** What the user can do about it. */
  readonly nextStep: string | undefined;
  /** With WORKER_CRASHED: what the reply held before. */
  readonly delivered: Delivered | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    details: { offset?: number; bytes?: number; cause?: unknown; delivered?: Delivered } = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.offset = details.offset;
    this.bytes = details.bytes;
    this.nextStep = code === "ABORTED" ? undefined : NEXT_STEPS[code];
    this.delivered = details.delivered;
  }
}

export function abortError(): DOMException {
  return new DOMException("The operation was aborted.", "AbortError");
}

export function isAbortError(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortError();
}

/** Any thrown value as it crosses to the page; aborting crosses as ABORTED and comes out as AbortError. */
export function toWire(error: unknown): WireError {
  if (error instanceof ParleyError) {
    return {
      code: error.code,
      message: error.message,
      ...(error.offset !== undefined && { offset: error.offset }),
      ...(error.bytes !== undefined && { bytes: error.bytes }),
    };
  }
  if (isAbortError(error)) return { code: "ABORTED", message: "The operation was aborted." };
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  // Storage answers with DOMExceptions; anything else, a trap of the core included, leaves a state not to be trusted.
  return { code: error instanceof DOMException ? "IO" : "WORKER_CRASHED", message };
}

export function fromWire(error: WireError): Error {
  if (error.code === "ABORTED") return abortError();
  return new ParleyError(error.code, error.message, { offset: error.offset, bytes: error.bytes });
}
