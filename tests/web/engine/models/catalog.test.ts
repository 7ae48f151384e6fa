// The catalog's checks: the bundled one is read whole; whatever else comes is an entry or a named error.
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ParleyError } from "../../../../web/engine/errors";
import { parseCatalog } from "../../../../web/engine/models/catalog";

const BASE = "https://host.example/chat/models/catalog.json";
const PART = 20; // bytes
const HASH = "0123456789abcdef".repeat(4);

const entry = {
  id: "tiny",
  name: "Tiny",
  description: "A model for tests.",
  revision: "1",
  license: "MIT",
  license_url: "tiny/LICENSE",
  languages: ["en"],
  architecture: "gpt2",
  quantization: "Q8_0",
  parameters: 10,
  context: 64,
  chat_format: "role_tokens",
  preset: { temperature: 0.5 },
  files: [
    {
      url: "tiny/tiny.gguf",
      bytes: 30,
      sha256: HASH,
      parts: [
        { url: "tiny/0.part", bytes: 20, sha256: HASH },
        { url: "https://elsewhere.example/1.part", bytes: 10, sha256: HASH },
      ],
    },
  ],
};
const catalogOf = (...models: unknown[]) => JSON.stringify({ version: 1, models });

describe("the catalog", () => {
  test("addresses are relative to its own", () => {
    const [parsed] = parseCatalog(catalogOf(entry), BASE, PART);
    expect(parsed?.license_url).toBe("https://host.example/chat/models/tiny/LICENSE");
    expect(parsed?.files[0]?.parts?.map(({ url }) => url)).toEqual([
      "https://host.example/chat/models/tiny/0.part",
      "https://elsewhere.example/1.part",
    ]);
  });

  test("the bundled one is right, and its parts are 4 MiB but for the last", () => {
    const json = readFileSync(new URL("../../../../models/catalog.json", import.meta.url), "utf8");
    const entries = parseCatalog(json, BASE);
    expect(entries.map(({ id }) => id)).toContain("parley-17m");
    for (const { files } of entries) {
      for (const { parts } of files) {
        for (const part of parts?.slice(0, -1) ?? []) expect(part.bytes).toBe(4 << 20);
      }
    }
  });

  test("the bundled one names a commit of every repository, not a branch that moves, and what it takes", () => {
    const json = readFileSync(new URL("../../../../models/catalog.json", import.meta.url), "utf8");
    const hosted = parseCatalog(json, BASE).filter(({ hub }) => hub !== undefined);
    expect(hosted.length).toBeGreaterThan(0);
    for (const entry of hosted) {
      expect(entry.revision, entry.id).toMatch(/^[0-9a-f]{40}$/);
      expect(entry.license_url, entry.id).toMatch(/^https:/);
      expect(entry.download_bytes, entry.id).toBeGreaterThan(entry.parameters);
      expect(entry.memory_bytes, entry.id).toBeGreaterThan(entry.parameters);
    }
  });

  test.each([
    ["not JSON", "{"],
    ["a list", "[]"],
    ["no models", "{}"],
    ["an address that is a script", catalogOf({ ...entry, license_url: "javascript:alert(1)" })],
    ["a part on a file system", catalogOf({ ...entry, files: [{ url: "file:///etc/passwd", bytes: 1 }] })],
    ["a negative size", catalogOf({ ...entry, files: [{ url: "a", bytes: -1 }] })],
    ["a size that is not whole", catalogOf({ ...entry, files: [{ url: "a", bytes: 1.5 }] })],
    [
      "a hash in capitals",
      catalogOf({ ...entry, files: [{ url: "a", bytes: 1, sha256: HASH.toUpperCase() }] }),
    ],
    ["parts that are not the file", catalogOf({ ...entry, files: [{ ...entry.files[0], bytes: 31 }] })],
    ["a preset that is a text", catalogOf({ ...entry, preset: { temperature: "hot" } })],
    ["a missing name", catalogOf({ ...entry, name: undefined })],
  ])("%s is BAD_JSON", (_, json) => {
    expect(() => parseCatalog(json, BASE, PART)).toThrow(expect.objectContaining({ code: "BAD_JSON" }));
  });

  test.each([
    ["smaller", [10, 20], "parts[0].bytes must be 20, as of every part but the last (it is 10)"],
    ["larger", [20, 30, 10], "parts[1].bytes must be 20, as of every part but the last (it is 30)"],
    ["larger, the last", [20, 21], "parts[1].bytes must be 1 to 20 (it is 21)"],
    ["empty", [20, 0], "parts[1].bytes must be 1 to 20 (it is 0)"],
  ])("a part of another size is BAD_JSON and named: %s", (_, sizes, message) => {
    const parts = sizes.map((bytes) => ({ url: "a.part", bytes, sha256: HASH }));
    const bytes = sizes.reduce((sum, one) => sum + one, 0);
    const json = catalogOf({ ...entry, files: [{ url: "a.gguf", bytes, parts }] });
    expect(() => parseCatalog(json, BASE, PART)).toThrow(
      expect.objectContaining({ code: "BAD_JSON", message: expect.stringContaining(message) }),
    );
  });

  test("the size of parts is 4 MiB where nobody says another", () => {
    expect(() => parseCatalog(catalogOf(entry), BASE)).toThrow(/parts\[0\]\.bytes must be 4194304/);
  });

  test("C4: __proto__ changes nothing but its own entry", () => {
    const json = catalogOf(entry).replace('"id":"tiny"', '"id":"tiny","__proto__":{"polluted":true}');
    parseCatalog(json, BASE, PART);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  test("any JSON is entries or a ParleyError", () =>
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(...Object.keys(entry)), (value, field) => {
        for (const json of [
          JSON.stringify(value),
          catalogOf(value),
          catalogOf({ ...entry, [field]: value }),
        ]) {
          try {
            parseCatalog(json, BASE, PART);
          } catch (error) {
            if (!(error instanceof ParleyError)) throw error;
          }
        }
      }),
    ));
});
