// The sampling options that settings offer: names, ranges and the values in effect when neither the model's preset nor
// the user says anything. The core checks them again; this file only keeps the form from asking for nonsense.

import type { ModelPreset, SamplingParams } from "../../engine/types";

export type NumberOption =
  | "temperature"
  | "max_tokens"
  | "top_p"
  | "top_k"
  | "min_p"
  | "typical_p"
  | "repetition_penalty"
  | "repeat_last_n"
  | "frequency_penalty"
  | "presence_penalty"
  | "no_repeat_ngram_size"
  | "min_tokens"
  | "best_of"
  | "retry_repeats";

export interface NumberRange {
  min: number;
  max: number;
  step: number;
  fallback: number; // with no preset and no choice
  slider?: { min: number; max: number }; // the useful part of the range
}

const MAX_CONTEXT = 2048; // tokens, for models that have not said yet
const MAX_TRIES = 20;
const MAX_VOCABULARY = 65_536;
const MAX_SEED = Number.MAX_SAFE_INTEGER; // 2^53 - 1

/** Ranges as the core documents them; `context` and `vocabulary` are the loaded model's. */
export function numberRanges(
  context = MAX_CONTEXT,
  vocabulary = MAX_VOCABULARY,
): Record<NumberOption, NumberRange> {
  return {
    temperature: { min: 0, max: 2, step: 0.05, fallback: 1, slider: { min: 0, max: 2 } },
    max_tokens: { min: 1, max: context, step: 1, fallback: context },
    top_p: { min: 0.01, max: 1, step: 0.01, fallback: 1, slider: { min: 0.01, max: 1 } },
    top_k: { min: 0, max: vocabulary, step: 1, fallback: 50 },
    min_p: { min: 0, max: 0.99, step: 0.01, fallback: 0, slider: { min: 0, max: 0.5 } },
    typical_p: { min: 0.01, max: 1, step: 0.01, fallback: 1, slider: { min: 0.01, max: 1 } },
    repetition_penalty: { min: 0.01, max: 100, step: 0.01, fallback: 1, slider: { min: 0.5, max: 2 } },
    repeat_last_n: { min: 0, max: context, step: 1, fallback: 0 },
    frequency_penalty: { min: -2, max: 2, step: 0.05, fallback: 0, slider: { min: -2, max: 2 } },
    presence_penalty: { min: -2, max: 2, step: 0.05, fallback: 0, slider: { min: -2, max: 2 } },
    no_repeat_ngram_size: { min: 0, max: context, step: 1, fallback: 0 },
    min_tokens: { min: 0, max: context, step: 1, fallback: 0 },
    best_of: { min: 1, max: MAX_TRIES, step: 1, fallback: 1 },
    retry_repeats: { min: 0, max: MAX_TRIES, step: 1, fallback: 0 },
  };
}

/** What the user chose; anything left out follows the model's preset. */
export interface Overrides extends Partial<Record<NumberOption, number>> {
  seed?: number;
  stop?: string[];
  stop_token_ids?: number[];
  logit_bias?: Record<string, number>;
  ignore_eos?: boolean;
}

/** The number in effect: the user's, else the preset's, else the default; never over the model's range. */
export function effective(
  name: NumberOption,
  range: NumberRange,
  overrides: Overrides,
  preset: ModelPreset,
): number {
  const presets: Partial<Record<NumberOption, number>> = preset;
  const value = overrides[name] ?? presets[name] ?? range.fallback;
  return Math.min(Math.max(value, range.min), range.max);
}

/** A number as typed, or null when it is not one of the option's values. */
export function parseNumber(text: string, range: NumberRange): number | null {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (!(value >= range.min && value <= range.max)) return null;
  if (Number.isInteger(range.step) && !Number.isInteger(value)) return null;
  return value;
}

export function parseSeed(text: string): number | null {
  return parseNumber(text, { min: 0, max: MAX_SEED, step: 1, fallback: 0 });
}

const MAX_STOPS = 16;
const MAX_BIAS = 100;

/** Stop strings, one a line; `\n` and `\t` are written as such. */
export function parseStops(text: string): string[] | null {
  const stops = text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) =>
      line.replace(/\\([nt\\])/gu, (_, letter: string) => ({ n: "\n", t: "\t" })[letter] ?? "\\"),
    );
  return stops.length <= MAX_STOPS ? stops : null;
}

export function formatStops(stops: readonly string[]): string {
  return stops
    .map((stop) => stop.replace(/\\/gu, "\\\\").replace(/\n/gu, "\\n").replace(/\t/gu, "\\t"))
    .join("\n");
}

function isTokenId(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < MAX_VOCABULARY;
}

/** Token ids between commas or spaces. */
export function parseTokenIds(text: string): number[] | null {
  const ids = text
    .split(/[\s,]+/u)
    .filter(Boolean)
    .map(Number);
  return ids.every(isTokenId) ? ids : null;
}

/** Pairs like `318: -2.5`, between commas or on lines of their own. */
export function parseBias(text: string): Record<string, number> | null {
  const biases: Record<string, number> = {};
  for (const pair of text
    .split(/[\n,]+/u)
    .map((part) => part.trim())
    .filter(Boolean)) {
    const match = /^(\d+)\s*:\s*([+-]?\d+(?:\.\d+)?)$/u.exec(pair);
    if (match === null) return null;
    const id = Number(match[1]);
    const bias = Number(match[2]);
    if (!isTokenId(id) || Math.abs(bias) > MAX_BIAS) return null;
    biases[String(id)] = bias;
  }
  return biases;
}

export function formatBias(biases: Readonly<Record<string, number>>): string {
  return Object.entries(biases)
    .map(([id, bias]) => `${id}: ${bias}`)
    .join(", ");
}

/** What is sent with a request: the user's choices alone, since the library fills in the preset. */
export function requestParams(overrides: Overrides): SamplingParams {
  const { stop, stop_token_ids, logit_bias, ...numbers } = overrides;
  const params: SamplingParams = { ...numbers };
  if (stop !== undefined && stop.length > 0) params.stop = stop;
  if (stop_token_ids !== undefined && stop_token_ids.length > 0) params.stop_token_ids = stop_token_ids;
  if (logit_bias !== undefined && Object.keys(logit_bias).length > 0) params.logit_bias = logit_bias;
  return params;
}

/** Overrides out of stored data: what is not a valid value is left out. */
export function readOverrides(data: unknown): Overrides {
  if (typeof data !== "object" || data === null) return {};
  const stored = data as Record<string, unknown>;
  const overrides: Overrides = {};
  const ranges = numberRanges();
  for (const name of Object.keys(ranges) as NumberOption[]) {
    const value = stored[name];
    if (typeof value === "number" && parseNumber(String(value), ranges[name]) !== null)
      overrides[name] = value;
  }
  if (typeof stored.seed === "number" && parseSeed(String(stored.seed)) !== null)
    overrides.seed = stored.seed;
  if (typeof stored.ignore_eos === "boolean") overrides.ignore_eos = stored.ignore_eos;
  if (Array.isArray(stored.stop) && stored.stop.length <= MAX_STOPS) {
    overrides.stop = stored.stop.filter((stop): stop is string => typeof stop === "string" && stop !== "");
  }
  if (Array.isArray(stored.stop_token_ids)) {
    overrides.stop_token_ids = stored.stop_token_ids.filter(
      (id): id is number => typeof id === "number" && isTokenId(id),
    );
  }
  if (typeof stored.logit_bias === "object" && stored.logit_bias !== null) {
    const pairs = Object.entries(stored.logit_bias).map(([id, bias]) => `${id}: ${bias}`);
    const biases = parseBias(pairs.join("\n"));
    if (biases !== null) overrides.logit_bias = biases;
  }
  return overrides;
}
