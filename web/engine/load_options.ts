// What a model may be loaded with. The model's own limits are the core's to check.
import { badArg, shown, unsupported, wholeNumber } from "./arguments";
import type { LoadOptions } from "./types";

// As the core has them: kMinContext, kMaxContext and kMaxThreads.
const MIN_CONTEXT = 8; // tokens
const MAX_CONTEXT = 2 ** 20; // tokens
const MAX_THREADS = 64;

const OF_ADD = ["quantization", "onProgress", "signal"];
const OF_LOAD = [...OF_ADD, "context", "threads"];

/** The options that were given, of those that there are. Null means left out. */
function given(options: LoadOptions, names: readonly string[]): LoadOptions {
  const found = Object.entries(options ?? {}).filter(([, value]) => value !== undefined && value !== null);
  for (const [name] of found) if (!names.includes(name)) unsupported(name);
  const checked: LoadOptions = Object.fromEntries(found);
  const { context, threads, quantization } = checked;
  if (context !== undefined) wholeNumber(context, "context", MIN_CONTEXT, MAX_CONTEXT);
  if (threads !== undefined) wholeNumber(threads, "threads", 1, MAX_THREADS);
  if (quantization !== undefined && quantization !== "q8_0" && quantization !== "q4_0")
    badArg("quantization", "q8_0 or q4_0", shown(quantization));
  return checked;
}

/** Of engine.load(): BAD_ARG for a value that is none, UNSUPPORTED_OPTION for a name that is none. */
export function checkLoadOptions(options: LoadOptions): LoadOptions {
  return given(options, OF_LOAD);
}

/** Likewise of engine.models.add(). */
export function checkAddOptions(options: Omit<LoadOptions, "context" | "threads">): LoadOptions {
  return given(options, OF_ADD);
}
