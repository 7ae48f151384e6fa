// One file without parts of its own, against hosts of every kind: what arrives is the file or a named error, and what was
// there already is not fetched again where the host can do better. Parts are 1,000 bytes here.
import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import { beforeEach, describe, expect, test } from "vitest";
import { ModelLibrary } from "../../../../web/engine/models/library";
import { IndexedDbParts } from "../../../../web/engine/models/part_store";
import { openDatabase } from "../../../../web/engine/models/records";
import type { LoadProgress } from "../../../../web/engine/types";
import { brokenBody, FakeWorld } from "../../support/fake_world";

const BASE = "https://host.example/";
const URL_ = "https://files.example/model.gguf";
const PART = 1000;
const running = new AbortController().signal;

function fill(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  let state = seed;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state >>> 24;
  });
}

type Handler = (range: { start: number; end: number } | null, attempt: number) => Response;

let world: FakeWorld;
let ranges: (string | null)[]; // of each request, in order

/** A host that answers ranges as RFC 9110 section 14 says. */
function rangesOf(bytes: Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}): Handler {
  return (range) => {
    if (range === null) return new Response(bytes, { headers });
    if (range.start >= bytes.length) return new Response("", { status: 416 });
    const end = Math.min(range.end, bytes.length - 1);
    return new Response(bytes.slice(range.start, end + 1), {
      status: 206,
      headers: { ...headers, "Content-Range": `bytes ${range.start}-${end}/${bytes.length}` },
    });
  };
}

function host(handler: Handler): void {
  ranges = [];
  world.answers.set(URL_, ({ init, attempt }) => {
    const header = new Headers(init.headers).get("Range");
    ranges.push(header);
    const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(header ?? "") ?? [];
    return handler(start === undefined ? null : { start: Number(start), end: Number(end) }, attempt);
  });
}

async function openLibrary(): Promise<ModelLibrary> {
  const database = await openDatabase();
  return new ModelLibrary(BASE, { parts: new IndexedDbParts(database), database, refused: "" }, world, {
    partBytes: PART,
  });
}

async function fetched(progress: LoadProgress[] = []): Promise<Uint8Array> {
  const library = await openLibrary();
  const file = await library.open(URL_, (one) => progress.push(one), running);
  const target = new Uint8Array(PART);
  const bytes: number[] = [];
  for (let index = 0; index < file.partCount; index++) {
    bytes.push(...target.subarray(0, await file.read(index, target)));
  }
  for (const { loaded, total } of progress) if (total > 0) expect(loaded).toBeLessThanOrEqual(total);
  return Uint8Array.from(bytes);
}

const file = fill(4500);

/** Leaves the first `parts` parts stored, as a download that was cut off does. */
async function begin(parts: number, headers: Record<string, string> = {}): Promise<void> {
  host((range, attempt) =>
    range !== null && range.start < parts * PART
      ? rangesOf(file, headers)(range, attempt)
      : new Response("", { status: 404 }),
  );
  await expect(fetched()).rejects.toMatchObject({ code: "HTTP_STATUS" });
}

beforeEach(() => {
  globalThis.indexedDB = new IDBFactory();
  world = new FakeWorld();
  world.answers.set(`${BASE}models/catalog.json`, () => new Response('{"version":1,"models":[]}'));
});

describe("a host with ranges", () => {
  test("gives the file in parts, and a second load asks for nothing", async () => {
    host(rangesOf(file));
    const progress: LoadProgress[] = [];
    expect(await fetched(progress)).toEqual(file);
    expect([...ranges].sort()).toEqual(
      ["bytes=0-999", "bytes=1000-1999", "bytes=2000-2999", "bytes=3000-3999", "bytes=4000-4499"].sort(),
    );
    expect(progress.at(-1)).toMatchObject({ loaded: 4500, total: 4500 });
    ranges.length = 0;
    expect(await fetched()).toEqual(file);
    expect(ranges).toEqual([]);
  });

  test("D2: a cut costs one part; what had arrived before is kept", async () => {
    await begin(3, { ETag: '"1"' });
    host((range, attempt) =>
      attempt % 2 === 0
        ? brokenBody(file.slice(range?.start, (range?.start ?? 0) + 100))
        : rangesOf(file, { ETag: '"1"' })(range, attempt),
    );
    world.requests.length = 0;
    expect(await fetched()).toEqual(file);
    expect(ranges.filter((range) => range === "bytes=0-999")).toEqual([]);
    expect(ranges.length).toBeLessThanOrEqual(4);
  });

  test("D5: a changed ETag means another file: it is read from the start, and no old part stays", async () => {
    await begin(3, { ETag: '"1"' });
    const other = fill(4500, 2);
    host(rangesOf(other, { ETag: '"2"' }));
    expect(await fetched()).toEqual(other);
    expect(ranges.filter((range) => range === null)).toHaveLength(1);
  });

  test("D5: without any mark, one part that is there is fetched again to see that the file is the same", async () => {
    await begin(3);
    const other = fill(4500, 2);
    host(rangesOf(other));
    expect(await fetched()).toEqual(other);
    expect(ranges[0]).toBe("bytes=2000-2999");
    globalThis.indexedDB = new IDBFactory();
    await begin(3);
    host(rangesOf(file));
    expect(await fetched()).toEqual(file);
    expect(ranges).toEqual(["bytes=2000-2999", "bytes=3000-3999", "bytes=4000-4499"]);
  });

  test("D5: 416 and another size mean another file", async () => {
    await begin(4, { ETag: '"1"' });
    const shorter = fill(1500, 3);
    host(rangesOf(shorter, { ETag: '"1"' }));
    expect(await fetched()).toEqual(shorter);
  });

  test("D3: a range that is not the one asked for is never taken", async () => {
    host((range, attempt) => {
      if (range === null) return new Response(file);
      return rangesOf(file)({ start: range.start + 7, end: range.end + 7 }, attempt);
    });
    expect(await fetched()).toEqual(file);
    expect(ranges).toContain(null);
  });

  test("D3: without Content-Range it cannot be told, and the whole file is fetched", async () => {
    host((range) =>
      range === null ? new Response(file) : new Response(file.slice(5, 1005), { status: 206 }),
    );
    expect(await fetched()).toEqual(file);
  });
});

describe("a host without ranges", () => {
  test("D4: its 200 is read from the start, never appended; parts that are there are not written again, and it is said", async () => {
    await begin(3, { ETag: '"1"' });
    host(() => new Response(file));
    const progress: LoadProgress[] = [];
    expect(await fetched(progress)).toEqual(file);
    expect(progress.some(({ waiting }) => waiting === "reread")).toBe(true);
    expect(progress[0]).toMatchObject({ loaded: 3000 });
  });

  test("D7: a refused preflight leads to one whole GET", async () => {
    host((range) => {
      if (range !== null) throw new TypeError("Failed to fetch");
      return new Response(file);
    });
    expect(await fetched()).toEqual(file);
    expect(ranges.filter((range) => range !== null).length).toBeLessThanOrEqual(2);
  });

  test("D2: a whole GET that breaks off again and again gets there, and writes no part twice", async () => {
    host((range, attempt) => {
      if (range !== null) return new Response("", { status: 501 });
      return attempt < 5 ? brokenBody(file.slice(0, attempt * 900)) : new Response(file);
    });
    expect(await fetched()).toEqual(file);
  });

  test("D8: no length, a wrong coding: the size is what comes", async () => {
    host(() => new Response(file, { headers: { "Content-Length": "99", "Content-Encoding": "gzip" } }));
    const progress: LoadProgress[] = [];
    expect(await fetched(progress)).toEqual(file);
    expect(progress.at(-1)).toMatchObject({ loaded: 4500, total: 4500 });
  });
});

describe("what is no model", () => {
  test.each([
    ["HTML page", "<!DOCTYPE html><p>Log in"],
    ["Git LFS pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"],
  ])("D9: a %s is named at its first part and nothing is stored", async (what, body) => {
    host(() => new Response(body));
    await expect(fetched()).rejects.toMatchObject({
      code: "BAD_MAGIC",
      message: expect.stringContaining(what),
    });
    const [stored] = await (await openLibrary()).stored();
    expect(stored).toMatchObject({ bytes: 0, complete: false });
  });
});
