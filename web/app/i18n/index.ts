// Which language the page speaks, its texts, and numbers and sizes as that language writes them.

import { computed, signal } from "@preact/signals";
import { en, type FailureText } from "./en";
import { zh } from "./zh";

export type { FailureText };
export type Messages = typeof en;
export type Language = "en" | "zh";

export const language = signal<Language>("en");

/** The texts in the language on show: `t.value.send`. */
export const t = computed<Messages>(() => (language.value === "zh" ? zh : en));

/** The first of the browser's languages that the page has, else English. */
export function preferredLanguage(browser: readonly string[]): Language {
  for (const tag of browser) {
    const base = tag.toLowerCase().split("-")[0];
    if (base === "zh" || base === "en") return base;
  }
  return "en";
}

export function formatNumber(value: number, digits = 0): string {
  return new Intl.NumberFormat(language.value, {
    maximumFractionDigits: digits,
    useGrouping: value >= 10_000,
  }).format(value);
}

const MB = 1_000_000;

/** In MB with one decimal under 100: `19.8 MB`. */
export function formatBytes(bytes: number): string {
  return `${megabytes(bytes)} MB`;
}

function megabytes(bytes: number): string {
  const value = bytes / MB;
  const digits = value < 100 ? 1 : 0;
  return new Intl.NumberFormat(language.value, {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(value);
}

/** `12.4 of 19.8 MB`. */
export function formatBytesOf(done: number, total: number): string {
  return t.value.bytesOf(megabytes(done), formatBytes(total));
}

/** `8.1 MB/s`, `24 KB/s`. */
export function formatRate(bytesPerSecond: number): string {
  const slow = bytesPerSecond < MB / 10;
  return t.value.perSecond(slow ? `${formatNumber(bytesPerSecond / 1000)} KB` : formatBytes(bytesPerSecond));
}

/** `1 s`, `3 min`; never 0. */
export function formatSeconds(seconds: number): string {
  if (seconds < 90) return t.value.seconds(formatNumber(Math.max(1, Math.round(seconds))));
  return t.value.minutes(formatNumber(Math.round(seconds / 60)));
}

/** `0.4 s`: a duration that was measured. */
export function formatMilliseconds(ms: number): string {
  return t.value.seconds(formatNumber(ms / 1000, ms < 10_000 ? 1 : 0));
}

const DAY_MS = 86_400_000;

/** The time of something today, the weekday within a week, else the date. */
export function formatDay(ms: number, now = Date.now()): string {
  const then = new Date(ms);
  const today = new Date(now);
  const sameDay = then.toDateString() === today.toDateString();
  const sameYear = then.getFullYear() === today.getFullYear();
  const options: Intl.DateTimeFormatOptions = sameDay
    ? { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }
    : now - ms < 6 * DAY_MS && now > ms
      ? { weekday: "short" }
      : { day: "numeric", month: "short", ...(!sameYear && { year: "numeric" }) };
  return new Intl.DateTimeFormat(language.value, options).format(then);
}

/** 17,544,960 as `18 million` would be wrong for a model called 17M: cut, not rounded. */
export function formatParameters(count: number): string {
  const millions = Math.floor(count / 1_000_000);
  return language.value === "zh" ? `${formatNumber(millions * 100)} 万` : `${formatNumber(millions)} million`;
}

/** Languages by their names: `English and Chinese`. */
export function formatLanguages(codes: readonly string[]): string {
  const names = new Intl.DisplayNames(language.value, { type: "language" });
  const known = codes.map((code) => {
    try {
      return names.of(code) ?? code;
    } catch {
      return code; // not a language tag
    }
  });
  return new Intl.ListFormat(language.value, { type: "conjunction" }).format(known);
}

/** Codes that say what is wrong with a model's file. */
const FILE_CODES = new Set([
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
  "BAD_JSON",
  "BAD_VOCAB",
]);

/** The sentence for a failure; unknown codes get the general one. */
export function failureText(code: string): FailureText {
  const texts = new Map<string, FailureText>(Object.entries(t.value.failures));
  return texts.get(FILE_CODES.has(code) ? "BAD_FILE" : code) ?? t.value.failures.other;
}
