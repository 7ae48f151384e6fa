// docs/EMBEDDING.md against the code: its catalog entry is one, its options have the core's ranges and defaults.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseEntry } from "../../../web/engine/models/catalog";

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");
const text = read("docs/EMBEDDING.md");
const core = read("src/sampling/options.cc");
const defaults = new Map(
  [...read("src/sampling/options.h").matchAll(/^ {2}(?:double|uint32_t) (\w+) = ([\d.]+);/gm)].map(
    ([, field = "", value]) => [field, Number(value)],
  ),
);

/** The cells of an option's row. */
function row(option: string): string[] {
  const line = text
    .split("\n")
    .find((one) => one.startsWith("|") && one.split("|")[1]?.includes(`\`${option}\``));
  if (line === undefined) throw new Error(`no row of ${option}`);
  return line.split("|").map((cell) => cell.trim());
}

test("the catalog entry is one, with every field that it must have", () => {
  const json = /^```json\n([\s\S]*?)^```/m.exec(text)?.[1] ?? "";
  const entry = JSON.parse(json) as Record<string, unknown>;
  expect(Object.keys(parseEntry(entry, "https://host.example/films.json"))).toEqual(Object.keys(entry));
  for (const name of Object.keys(entry)) {
    const parse = () => parseEntry({ ...entry, [name]: undefined }, "https://host.example/films.json");
    if (name === "preset") expect(parse().preset).toEqual({});
    else expect(parse, name).toThrow(name);
  }
});

const reals = [...core.matchAll(/\{"(\w+)", &GenerationOptions::\w+,[^"]*"(in [^"]+)"\}/g)];
const counts = [...core.matchAll(/\{"(\w+)", &GenerationOptions::(\w+), (\d), (\w+), \w+\}/g)];

describe("the table of options", () => {
  test.each(reals.map(([, name = "", range = ""]) => [name, range]))("has %s %s", (name, range) => {
    const [, , given = "", unset = ""] = row(name);
    expect(given.startsWith(range)).toBe(true);
    expect(Number.parseFloat(unset)).toBe(defaults.get(name));
  });

  test.each(counts.map(([, name = "", field = "", low = "", high = ""]) => [name, field, low, high]))(
    "has %s, which is %s, from %s to %s",
    (name, field, low, high) => {
      const [, , given = "", unset = ""] = row(name);
      const most = high === "kMaxTries" ? "20" : null;
      const range = most === null ? `a whole number, ${low} or more` : `a whole number in [${low}, ${most}]`;
      expect(given.startsWith(range)).toBe(true);
      // A length of 0 is one that is not set.
      if (Number(low) <= (defaults.get(field) ?? -1)) {
        expect(Number.parseFloat(unset)).toBe(defaults.get(field));
      }
    },
  );

  test("is of all that the core has", () => {
    expect(reals.length).toBe(7);
    expect(counts.length).toBe(11);
  });
});
