// What arguments of the public API have to be: a plain mistake is an error that names it, on the page's side, before the
// worker would make something else of it.
import { ParleyError } from "./errors";

/** `found`: what was given instead, where that helps to find it. */
export function badArg(name: string, expected: string, found?: string): never {
  throw new ParleyError(
    "BAD_ARG",
    `${name} must be ${expected}${found === undefined ? "" : `, not ${found}`}.`,
  );
}

export function unsupported(name: string): never {
  throw new ParleyError("UNSUPPORTED_OPTION", `${name.slice(0, 100)} is not an option that Parley has.`);
}

/** A value as a message names it. */
export function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 40));
  if (Array.isArray(value)) return "a list";
  if (typeof value === "function") return "a function";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}

export function text(value: unknown, name: string): string {
  return typeof value === "string" ? value : badArg(name, "a text", shown(value));
}

/** False when left out. */
export function boolean(params: Record<string, unknown>, name: string): boolean {
  const value = params[name] ?? false;
  return typeof value === "boolean" ? value : badArg(name, "true or false", shown(value));
}

export function wholeNumber(value: unknown, name: string, low: number, high: number): number {
  if (Number.isInteger(value) && (value as number) >= low && (value as number) <= high)
    return value as number;
  badArg(name, `a whole number from ${low} to ${high}`, shown(value));
}

const MAX_INT32 = 2 ** 31 - 1; // more would wrap on its way into wasm

/** Ids of tokens; the core knows how many there are. */
export function tokenIds(value: unknown, name: string): number[] {
  if (!Array.isArray(value)) badArg(name, "a list of token ids", shown(value));
  for (const [index, id] of value.entries()) wholeNumber(id, `${name}[${index}]`, 0, MAX_INT32);
  return value;
}

/** The index of a token; the core knows how many there are. */
export function tokenIndex(value: unknown): number {
  return wholeNumber(value, "index", 0, MAX_INT32);
}
