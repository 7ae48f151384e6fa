// How tokens and their figures are written in the inspector.

import { language } from "../../i18n";
import type { Token } from "../../state/review";

/** A token as text that can be seen: its space, its line breaks, its bytes where it is part of a character. */
export function visible({ text, bytes }: Token): string {
  if (text.includes("\uFFFD"))
    return bytes.map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
  return text.replace(/^ /u, "␣").replace(/\n/gu, "⏎").replace(/\t/gu, "⇥");
}

/** In quotation marks, for sentences. */
export function quoted(token: Token): string {
  return language.value === "zh" ? `「${visible(token)}」` : `“${visible(token)}”`;
}

/** `31%`, `0.0042%`. */
export function percent(probability: number): string {
  return new Intl.NumberFormat(language.value, { style: "percent", maximumSignificantDigits: 2 }).format(
    probability,
  );
}

/** `1.0`: a count that is measured, never a single bit. */
export function bits(value: number): string {
  const digits = { minimumFractionDigits: 1, maximumFractionDigits: 1 };
  return new Intl.NumberFormat(language.value, digits).format(value);
}
