// docs/HOSTING.md against scripts/headers.mjs: every recipe has every header with its exact value.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { cacheControl, commonHeaders, headersFile } from "../../../scripts/headers.mjs";

const text = readFileSync(new URL("../../../docs/HOSTING.md", import.meta.url), "utf8");

/** The code blocks of a section, together. */
function recipe(heading: string): string {
  const section = text.split(/^## /m).find((one) => one.startsWith(heading));
  if (section === undefined) throw new Error(`no section ${heading}`);
  return [...section.matchAll(/^```\w*\n([\s\S]*?)^```/gm)].map(([, code]) => code).join("\n");
}

const headers = Object.entries(commonHeaders());
const recipes: [string, (name: string, value: string) => string][] = [
  ["Netlify", (name, value) => `${name}: ${value}`],
  ["Vercel", (name, value) => `"key": "${name}",\n          "value": ${JSON.stringify(value)}`],
  ["nginx", (name, value) => `add_header ${name} "${value}" always;`],
  ["Apache", (name, value) => `Header always set ${name} "${value}"`],
  ["Caddy", (name, value) => `${name} "${value}"`],
];

describe.each(recipes)("the recipe for %s", (heading, line) => {
  test.each(headers)("sends %s", (name, value) => {
    expect(recipe(heading)).toContain(line(name, value));
  });

  test("keeps what never changes and asks for the rest", () => {
    expect(recipe(heading)).toContain(cacheControl("assets/a.js"));
    expect(recipe(heading)).toContain(cacheControl("index.html"));
  });
});

test("the _headers file is quoted whole", () => {
  expect(recipe("Netlify").trim()).toBe(headersFile().trim());
});

test("Vercel's is JSON", () => {
  expect(JSON.parse(recipe("Vercel"))).toHaveProperty("headers");
});
