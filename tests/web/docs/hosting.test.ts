// docs/HOSTING.md against scripts/headers.mjs: every recipe has every header with its exact value, and by each host's own
// rules every path comes with the Cache-Control that it should have. No host runs here.
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
});

/** What of dist/ is asked for, a path of each kind. */
const PATHS = [
  "index.html",
  "service_worker.js",
  "theme.js",
  "manifest.webmanifest",
  "icons/parley.svg",
  "models/catalog.json",
  "models/parley-17m/README.md",
  "models/parley-17m/parley-17m-q8_0-0123456789ab.000.part",
  "assets/index-OiZ_6PxT.css",
  "assets/later/tools-Bvys-4tL.js",
  "wasm/0123456789abcdef/relaxed-threads/parley.mjs",
  "wasm/0123456789abcdef/relaxed-threads/parley.wasm",
];

/** A host's pattern of paths, in which a star stands for anything. */
function glob(pattern: string): RegExp {
  const pieces = pattern.split("*").map((piece) => piece.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${pieces.join(".*")}$`);
}

/** Rules of `_headers` that match the same path add up, and the host joins their values. */
function netlifyValues(code: string, path: string): string[] {
  let matches = false;
  const values: string[] = [];
  for (const line of code.split("\n")) {
    if (line.startsWith("/")) matches = glob(line).test(path);
    else if (matches && line.startsWith("  Cache-Control: ")) values.push(line.slice(17));
  }
  return values;
}

interface VercelRule {
  source: string;
  headers: { key: string; value: string }[];
}

/** Of several rules with the same header the last one holds. */
function vercelValues(code: string, path: string): string[] {
  return (JSON.parse(code) as { headers: VercelRule[] }).headers
    .filter(({ source }) => new RegExp(`^${source}$`).test(path))
    .flatMap(({ headers }) => headers.filter(({ key }) => key === "Cache-Control"))
    .map(({ value }) => value)
    .slice(-1);
}

/** A map gives the first of its patterns that matches, else its default. */
function nginxValues(code: string, path: string): string[] {
  expect(code).toMatch(/^ *add_header Cache-Control \$parley_cache\b/m);
  const map = /^map \$uri \$parley_cache \{\n([\s\S]*?)^\}/m.exec(code)?.[1] ?? "";
  const entries = [...map.matchAll(/^ +(?:"~(.*?)"|default) +"(.*)";$/gm)];
  const found =
    entries.find(([, pattern]) => pattern !== undefined && new RegExp(pattern).test(path)) ??
    entries.find(([, pattern]) => pattern === undefined);
  return found?.[2] === undefined ? [] : [found[2]];
}

/** `set` replaces; what stands in <If> comes after what stands outside. */
function apacheValues(code: string, path: string): string[] {
  const condition = /^<If "%\{REQUEST_URI\} =~ m#(.*)#">\n([\s\S]*?)^<\/If>/m.exec(code);
  const inside = condition?.[2] ?? "";
  const valueIn = (part: string) => /^ *Header set Cache-Control "(.*)"$/m.exec(part)?.[1];
  const matches = condition?.[1] !== undefined && new RegExp(condition[1]).test(path);
  const value = (matches ? valueIn(inside) : undefined) ?? valueIn(code.replace(inside, ""));
  return value === undefined ? [] : [value];
}

/** All of them: which `header` runs last is Caddy's choice, and one without a matcher is for every path. */
function caddyValues(code: string, path: string): string[] {
  const matchers = new Map<string, (path: string) => boolean>();
  for (const [, name = "", not, patterns = ""] of code.matchAll(/^ +(@\w+) (?:\{\n +)?(not )?path (.*)$/gm)) {
    const any = (one: string) => patterns.split(" ").some((pattern) => glob(pattern).test(one));
    matchers.set(name, not ? (one) => !any(one) : any);
  }
  const applies = (matcher: string | undefined) => !matcher || matchers.get(matcher.trim())?.(path) === true;
  const lines = [...code.matchAll(/^ +header (@\w+ )?Cache-Control "(.*)"$/gm)];
  const blocks = [...code.matchAll(/^ +header (@\w+ )?\{\n([\s\S]*?)^ +\}/gm)].flatMap(
    ([, matcher, body = ""]) =>
      [...body.matchAll(/^ +Cache-Control "(.*)"$/gm)].map(([, value]) => ["", matcher, value]),
  );
  return [...lines, ...blocks]
    .filter(([, matcher]) => applies(matcher))
    .flatMap(([, , value]) => (value === undefined ? [] : [value]));
}

const caches: [string, (code: string, path: string) => string[]][] = [
  ["Netlify", netlifyValues],
  ["Vercel", vercelValues],
  ["nginx", nginxValues],
  ["Apache", apacheValues],
  ["Caddy", caddyValues],
];

describe.each(caches)("the recipe for %s", (heading, values) => {
  test.each(PATHS)("keeps for ever or asks anew: %s", (path) => {
    const found = values(recipe(heading), `/${path}`);
    // What no rule of _headers names gets the host's own default, which asks every time.
    if (heading === "Netlify" && found.length === 0) expect(cacheControl(path)).toBe("no-cache");
    else expect(found).toEqual([cacheControl(path)]);
  });
});

test("nginx's own types stay: a types block replaces those of outer blocks", () => {
  const blocks = recipe("nginx").match(/^types \{/gm) ?? [];
  expect(blocks).toHaveLength(1);
  expect(recipe("nginx")).toMatch(/^include mime\.types;\ntypes \{.*\bmjs;.*\bwasm;.*\}$/m);
});

test("the _headers file is quoted whole", () => {
  expect(recipe("Netlify").trim()).toBe(headersFile().trim());
});

test("Vercel's is JSON", () => {
  expect(JSON.parse(recipe("Vercel"))).toHaveProperty("headers");
});
