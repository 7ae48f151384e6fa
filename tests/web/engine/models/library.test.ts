// The library of stored models over fake IndexedDB and a scripted network: what is fetched, kept, found rotten, deleted.
import "fake-indexeddb/auto";
import { createHash } from "node:crypto";
import { IDBFactory } from "fake-indexeddb";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ParleyError } from "../../../../web/engine/errors";
import { type Convert, ModelLibrary } from "../../../../web/engine/models/library";
import {
  IndexedDbParts,
  MemoryParts,
  type OpenedStore,
  openParts,
} from "../../../../web/engine/models/part_store";
import { openBlob, PART_BYTES, type PartedFile, readable } from "../../../../web/engine/models/parted_file";
import { type ModelRecord, openDatabase } from "../../../../web/engine/models/records";
import { Shelf } from "../../../../web/engine/models/shelf";
import { FakeWorld } from "../../support/fake_world";

const BASE = "https://host.example/";
const PART = 100; // bytes, of the models here
const CATALOG = `${BASE}models/catalog.json`;
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const quiet = () => {};
const running = new AbortController().signal;

/** Distinct bytes for each seed. */
function fill(length: number, seed: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, index) => (index * 7 + seed * 101) & 255);
}

interface Model {
  id: string;
  parts: Uint8Array<ArrayBuffer>[];
}

function serve(world: FakeWorld, ...models: Model[]): void {
  const entries = models.map(({ id, parts }) => ({
    id,
    name: `Model ${id}`,
    description: "",
    revision: "1",
    license: "MIT",
    license_url: "LICENSE",
    languages: [],
    architecture: "gpt2",
    quantization: "Q8_0",
    parameters: 1,
    context: 8,
    chat_format: "completion",
    preset: {},
    files: [
      {
        url: `${id}.gguf`,
        bytes: parts.reduce((sum, part) => sum + part.length, 0),
        parts: parts.map((bytes) => ({
          url: `${sha256(bytes)}.part`,
          bytes: bytes.length,
          sha256: sha256(bytes),
        })),
      },
    ],
  }));
  world.serve(CATALOG, new TextEncoder().encode(JSON.stringify({ version: 1, models: entries })));
  for (const bytes of models.flatMap(({ parts }) => parts)) {
    world.serve(`${BASE}models/${sha256(bytes)}.part`, bytes);
  }
}

async function openStore(): Promise<OpenedStore & { parts: IndexedDbParts }> {
  const database = await openDatabase();
  return { parts: new IndexedDbParts(database), database, refused: "" };
}

async function readAll(library: ModelLibrary, id: string): Promise<Uint8Array> {
  const file = await library.open(id, quiet, running);
  const target = new Uint8Array(PART_BYTES);
  const bytes: number[] = [];
  for (let index = 0; index < file.partCount; index++) {
    bytes.push(...target.subarray(0, await file.read(index, target)));
  }
  await file.close();
  return Uint8Array.from(bytes);
}

const partRequests = (world: FakeWorld) => world.requests.filter((url) => url.endsWith(".part"));

const libraryOf = (store: OpenedStore) => new ModelLibrary(BASE, store, world, { partBytes: PART });

let world: FakeWorld;
const a: Model = { id: "a", parts: [fill(100, 1), fill(80, 2)] };
const b: Model = { id: "b", parts: [fill(100, 1), fill(60, 3)] }; // shares its first part with a

beforeEach(() => {
  globalThis.indexedDB = new IDBFactory();
  world = new FakeWorld();
  serve(world, a, b);
});

describe("a stored model", () => {
  test("is fetched once; the next time nothing but the catalog is asked for", async () => {
    const library = libraryOf(await openStore());
    const expected = Uint8Array.from([...fill(100, 1), ...fill(80, 2)]);
    expect(await readAll(library, "a")).toEqual(expected);
    world.requests.length = 0;
    const again = libraryOf(await openStore());
    expect((await again.open("a", quiet, running)).fromStorage).toBe(true);
    expect(await readAll(again, "a")).toEqual(expected);
    expect(partRequests(world)).toEqual([]);
  });

  test("names what is stored by the hash of its parts' hashes where nobody told the file's", async () => {
    const library = libraryOf(await openStore());
    await readAll(library, "a");
    const hash = sha256(new TextEncoder().encode(a.parts.map(sha256).join("")));
    expect(await library.stored()).toMatchObject([{ id: "a", hash }]);
  });

  test("loads without a network", async () => {
    await readAll(libraryOf(await openStore()), "a");
    world.isOnline = false;
    expect((await readAll(libraryOf(await openStore()), "a")).length).toBe(180);
    expect(world.cameOnline).toBe(0);
  });

  test("resumes with the parts that are missing", async () => {
    world.answers.set(`${BASE}models/${sha256(fill(80, 2))}.part`, () => new Response("", { status: 404 }));
    const library = libraryOf(await openStore());
    await expect(library.open("a", quiet, running)).rejects.toMatchObject({ code: "HTTP_STATUS" });
    expect(await library.stored()).toMatchObject([
      { id: "a", name: "Model a", bytes: 100, total_bytes: 180, complete: false },
    ]);
    serve(world, a);
    world.requests.length = 0;
    await library.open("a", quiet, running);
    expect(partRequests(world)).toEqual([`${BASE}models/${sha256(fill(80, 2))}.part`]);
  });

  test("shares parts with another, and keeps them when one of the two is deleted", async () => {
    const library = libraryOf(await openStore());
    await readAll(library, "a");
    world.requests.length = 0;
    await readAll(library, "b");
    expect(partRequests(world)).toHaveLength(1);
    await library.remove("a");
    world.requests.length = 0;
    expect((await readAll(library, "b")).length).toBe(160);
    expect(partRequests(world)).toEqual([]);
    await library.remove("b");
    const { parts } = await openStore();
    expect(await parts.open(sha256(fill(100, 1)))).toBeNull();
    expect(await library.stored()).toEqual([]);
  });

  test("D16: a part that rotted is found while loading, and it alone is fetched again", async () => {
    const store = await openStore();
    const library = libraryOf(store);
    const expected = await readAll(library, "a");
    const rotten = fill(80, 2);
    rotten[79] = (rotten[79] as number) ^ 128;
    await store.parts.write(sha256(fill(80, 2)), rotten);
    world.requests.length = 0;
    expect(await readAll(library, "a")).toEqual(expected);
    expect(partRequests(world)).toEqual([`${BASE}models/${sha256(fill(80, 2))}.part`]);
  });

  test("D16: a part that was evicted is fetched again", async () => {
    const store = await openStore();
    const library = libraryOf(store);
    const expected = await readAll(library, "a");
    await store.parts.remove(sha256(fill(100, 1)));
    expect(await readAll(library, "a")).toEqual(expected);
  });

  test("D12: bytes without a record are not a part", async () => {
    const store = await openStore();
    await store.parts.write(sha256(fill(100, 1)), new Uint8Array(100));
    await readAll(libraryOf(store), "a");
    expect(partRequests(world)).toHaveLength(2);
  });

  test("D12: a part with a tail of zeros, as a crash leaves it, is found when it is read and fetched again", async () => {
    const store = await openStore();
    const library = libraryOf(store);
    const expected = await readAll(library, "a");
    const torn = fill(100, 1);
    torn.fill(0, 64);
    await store.parts.write(sha256(fill(100, 1)), torn);
    world.requests.length = 0;
    expect(await readAll(library, "a")).toEqual(expected);
    expect(partRequests(world)).toHaveLength(1);
  });

  test("is given out as one file, whose bytes are checked; a part that has rotted is named", async () => {
    const store = await openStore();
    const library = libraryOf(store);
    const expected = await readAll(library, "a");
    const [{ file_name } = { file_name: "" }] = await library.stored();
    const file = await library.export("a");
    expect(file.name).toBe(file_name);
    expect(file_name).toBe("a.gguf");
    expect(new Uint8Array(await file.arrayBuffer())).toEqual(expected);
    await store.parts.write(sha256(fill(80, 2)), new Uint8Array(80));
    await expect(library.export("a")).rejects.toMatchObject({
      code: "CHECKSUM",
      message: expect.stringContaining("Part 2"),
    });
    await expect(library.export("c")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("verifying counts bad parts and forgets them", async () => {
    const store = await openStore();
    const library = libraryOf(store);
    await readAll(library, "a");
    expect(await library.verify("a")).toEqual({ ok: true, bad_parts: 0 });
    await store.parts.write(sha256(fill(80, 2)), new Uint8Array(80));
    expect(await library.verify("a")).toEqual({ ok: false, bad_parts: 1 });
    world.requests.length = 0;
    await readAll(library, "a");
    expect(partRequests(world)).toHaveLength(1);
    expect(await library.verify("a")).toEqual({ ok: true, bad_parts: 0 });
    await expect(library.verify("c")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("a new revision takes the place of the old one and leaves no part behind", async () => {
    const store = await openStore();
    const library = libraryOf(store);
    await readAll(library, "a");
    serve(world, { id: "a", parts: [fill(100, 1), fill(90, 9)] });
    expect((await readAll(library, "a")).length).toBe(190);
    expect(await store.parts.open(sha256(fill(80, 2)))).toBeNull();
    expect(await library.stored()).toMatchObject([
      {
        id: "a",
        name: "Model a",
        bytes: 190,
        total_bytes: 190,
        complete: true,
        revision: "1",
        license: "MIT",
      },
    ]);
  });
});

/** An IndexedDB that refuses to open so many times first. */
function refusing(times: number, name: string): { tries: number } {
  const real = globalThis.indexedDB.open.bind(globalThis.indexedDB);
  const seen = { tries: 0 };
  globalThis.indexedDB.open = (database, version) => {
    seen.tries += 1;
    if (seen.tries > times) return real(database, version);
    throw new DOMException("Internal error opening backing store for indexedDB.open.", name);
  };
  return seen;
}

describe("storage that fails", () => {
  test("D12, D18: a database that cannot be opened right after a crash is waited for, what is stored is found", async () => {
    await readAll(libraryOf(await openStore()), "a");
    const seen = refusing(3, "UnknownError");
    world.requests.length = 0;
    const { parts, database } = await openParts();
    expect(seen.tries).toBe(4);
    expect(database).not.toBeNull();
    const library = libraryOf({ parts, database, refused: "" });
    expect(await library.stored()).toMatchObject([{ id: "a", complete: true, bytes: 180 }]);
    await readAll(library, "a");
    expect(partRequests(world)).toEqual([]);
  });

  test("R12: a database that is refused for good leaves memory at once", async () => {
    const seen = refusing(100, "SecurityError");
    expect(await openParts()).toMatchObject({
      database: null,
      refused: expect.stringContaining("SecurityError"),
    });
    expect(seen.tries).toBe(1);
  });

  class FullParts extends IndexedDbParts {
    room = 1;
    override async write(hash: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
      if (this.room === 0) throw new DOMException("full", "QuotaExceededError");
      this.room -= 1;
      await super.write(hash, bytes);
    }
  }

  test("D15: when it is full the rest stays in memory, is said, and can be deleted", async () => {
    const database = await openDatabase();
    const library = libraryOf({ parts: new FullParts(database), database, refused: "" });
    expect((await readAll(library, "a")).length).toBe(180);
    expect(library.notices).toContainEqual({
      code: "STORAGE_MEMORY",
      detail: "the browser's storage is full",
    });
    expect(await library.stored()).toMatchObject([{ id: "a", complete: false }]);
    await library.remove("a");
    expect(await library.stored()).toEqual([]);
  });

  test("R12: without any storage the model runs from memory, which is given back after loading", async () => {
    const parts = new MemoryParts();
    const library = libraryOf({ parts, database: null, refused: "SecurityError: no" });
    expect((await readAll(library, "a")).length).toBe(180);
    expect(library.notices).toEqual([{ code: "STORAGE_MEMORY", detail: "SecurityError: no" }]);
    expect(await parts.open(sha256(fill(100, 1)))).toBeNull();
    expect((await readAll(library, "a")).length).toBe(180);
  });
});

describe("other sources", () => {
  test("a file without parts is cut into parts and found again", async () => {
    const bytes = fill(PART_BYTES + 1000, 5);
    world.serve("https://files.example/some/model.gguf", bytes);
    const library = new ModelLibrary(BASE, await openStore(), world);
    const url = "https://files.example/some/model.gguf";
    const file = await library.open(url, quiet, running);
    expect(file).toMatchObject({
      id: url,
      name: "model.gguf",
      bytes: bytes.length,
      partCount: 2,
      fromStorage: false,
    });
    const target = new Uint8Array(PART_BYTES);
    expect(await file.read(1, target)).toBe(1000);
    expect(target.slice(0, 1000)).toEqual(bytes.slice(PART_BYTES));
    world.requests.length = 0;
    expect((await library.open(url, quiet, running)).fromStorage).toBe(true);
    expect(world.requests).toEqual([]);
  });

  const mine = fill(150, 6);
  const choose = (library: ModelLibrary) =>
    library.add([openBlob(new Blob([mine]), "mine.gguf")], "q8_0", quiet, running);

  test("a stored file of the user's is found without a catalog", async () => {
    await choose(libraryOf(await openStore()));
    world.answers.delete(CATALOG);
    world.requests.length = 0;
    expect(await readAll(libraryOf(await openStore()), "file:mine")).toEqual(mine);
    expect(world.requests).toEqual([]);
    await expect(libraryOf(await openStore()).open("file:other", quiet, running)).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringContaining("choose its file again"),
    });
  });

  test("D1: with nothing but a file of the user's stored, the catalog is not waited for", async () => {
    await choose(libraryOf(await openStore()));
    world.isOnline = false;
    expect(await libraryOf(await openStore()).catalog()).toEqual([]);
    expect(await readAll(libraryOf(await openStore()), "file:mine")).toEqual(mine);
    expect(world.cameOnline).toBe(0);
  });

  test.each([
    ["gone", () => new Response("", { status: 404 })],
    ["a page", () => new Response("<!doctype html>")],
  ])("a stored model is found where the catalog is %s", async (_, answer) => {
    await readAll(libraryOf(await openStore()), "a");
    world.answers.set(CATALOG, answer);
    expect((await readAll(libraryOf(await openStore()), "a")).length).toBe(180);
    await expect(libraryOf(await openStore()).open("b", quiet, running)).rejects.toBeInstanceOf(ParleyError);
  });

  test("what has arrived of a model is gone on with where there is no catalog any more", async () => {
    const missing = `${BASE}models/${sha256(fill(80, 2))}.part`;
    world.answers.delete(missing);
    const library = libraryOf(await openStore());
    await expect(library.open("a", quiet, running)).rejects.toMatchObject({ code: "HTTP_STATUS" });
    world.serve(missing, fill(80, 2));
    world.answers.delete(CATALOG);
    expect((await readAll(library, "a")).length).toBe(180);
  });

  test("an address needs no catalog, whatever its file is called", async () => {
    const url = "https://files.example/weights.bin";
    world.serve(url, mine);
    world.answers.delete(CATALOG);
    expect(await readAll(libraryOf(await openStore()), url)).toEqual(mine);
  });

  test("an id that no catalog has is NOT_FOUND", async () => {
    const library = libraryOf(await openStore());
    await expect(library.open("gpt-9", quiet, running)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("a file of the user's is read where it lies", async () => {
    const bytes = fill(PART_BYTES + 5, 4);
    const file = openBlob(new Blob([bytes]), "mine.gguf");
    const target = new Uint8Array(PART_BYTES);
    expect(file.partCount).toBe(2);
    expect(await file.read(1, target)).toBe(5);
    expect(target.slice(0, 5)).toEqual(bytes.slice(PART_BYTES));
  });
});

describe("a file that the user adds", () => {
  const first = fill(PART, 7);
  const second = fill(60, 8);
  const whole = Uint8Array.from([...first, ...second]);

  /** A file of two parts, the second of which `last` reads. */
  function chosen(last: () => Promise<Uint8Array>, name = "mine.gguf"): PartedFile {
    const open = async (index: number) => ({
      read: async (target: Uint8Array) => {
        const bytes = index === 0 ? first : await last();
        target.set(bytes);
        return bytes.length;
      },
      close() {},
    });
    return { name, bytes: whole.length, partCount: 2, ...readable(open) };
  }

  const add = (library: ModelLibrary, file: PartedFile, signal = running) =>
    library.add([file], "q8_0", quiet, signal);
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  const gone = async (): Promise<never> => {
    throw new DOMException("The file could not be read.", "NotReadableError");
  };

  test("and that cannot be read to its end leaves nothing behind", async () => {
    const store = await openStore();
    const library = libraryOf(store);
    await expect(add(library, chosen(gone))).rejects.toMatchObject({ name: "NotReadableError" });
    expect(await library.stored()).toEqual([]);
    expect(await store.parts.names()).toEqual([]);
  });

  test("and that cannot be read to its end leaves the model of that name as it was", async () => {
    const store = await openStore();
    const library = libraryOf(store);
    const earlier = fill(150, 9);
    await add(library, openBlob(new Blob([earlier]), "mine.gguf"));
    const [before] = await library.stored();
    const names = await store.parts.names();
    await expect(add(library, chosen(gone))).rejects.toMatchObject({ name: "NotReadableError" });
    expect(await library.stored()).toEqual([before]);
    expect(await store.parts.names()).toEqual(names);
    expect(await readAll(library, "file:mine")).toEqual(earlier);
    await add(
      library,
      chosen(async () => second),
    ); // the same name, and its parts in place of the earlier ones
    expect(await readAll(library, "file:mine")).toEqual(whole);
    expect(await store.parts.names()).toHaveLength(2);
  });

  test("and is aborted leaves the model of that name as it was", async () => {
    const library = libraryOf(await openStore());
    await add(library, openBlob(new Blob([fill(150, 9)]), "mine.gguf"));
    const stop = new AbortController();
    const abort = async () => {
      stop.abort();
      return second;
    };
    await expect(add(library, chosen(abort), stop.signal)).rejects.toMatchObject({ name: "AbortError" });
    expect(await readAll(library, "file:mine")).toEqual(fill(150, 9));
  });

  test("D12: when its tab is killed meanwhile no half model is there, and its parts are swept up", async () => {
    const store = await openStore();
    let die: (reason: Error) => void = quiet;
    let begun = quiet;
    const reading = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const asleep = () =>
      new Promise<never>((_, reject) => {
        die = reject;
        begun();
      });
    const adding = add(libraryOf(store), chosen(asleep, "killed.gguf"));
    await reading;
    expect(await store.parts.names()).toHaveLength(1);
    const next = libraryOf(await openStore());
    expect(await next.stored()).toEqual([]);
    await expect(next.open("file:killed", quiet, running)).rejects.toMatchObject({ code: "NOT_FOUND" });
    await new Shelf(store).sweep();
    expect(await store.parts.names()).toEqual([]);
    die(new Error("killed"));
    await expect(adding).rejects.toThrow("killed");
  });

  test("is not swept up while it arrives, where there are no locks that say so either", async () => {
    vi.stubGlobal("navigator", {});
    const store = await openStore();
    const library = libraryOf(store);
    const sweep = async () => {
      await library.sweep();
      return second;
    };
    await add(library, chosen(sweep));
    expect(await readAll(library, "file:mine")).toEqual(whole);
  });

  test("is not taken for whole when it was deleted while it arrived", async () => {
    const library = libraryOf(await openStore());
    const clear = async () => {
      await library.clear();
      return second;
    };
    await expect(add(library, chosen(clear))).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(await library.stored()).toEqual([]);
  });

  test("as a checkpoint whose conversion fails leaves the model of that name as it was", async () => {
    const store = await openStore();
    await add(libraryOf(store), openBlob(new Blob([fill(150, 9)]), "model.gguf"));
    const convert: Convert = async (_files, _type, _name, write) => {
      await write(fill(PART, 1));
      throw new ParleyError("BAD_SHAPE", "wte");
    };
    const library = new ModelLibrary(BASE, store, world, { partBytes: PART, convert });
    const files = [
      openBlob(new Blob([first]), "model.safetensors"),
      openBlob(new Blob(["{}"]), "config.json"),
    ];
    await expect(library.add(files, "q4_0", quiet, running)).rejects.toMatchObject({ code: "BAD_SHAPE" });
    expect(await readAll(library, "file:model")).toEqual(fill(150, 9));
    expect(await store.parts.names()).toHaveLength(2);
  });

  test("D16: and whose part has rotted is to be chosen again: there is no address to fetch it from", async () => {
    const store = await openStore();
    const library = libraryOf(store);
    await add(
      library,
      chosen(async () => second),
    );
    await store.parts.write(sha256(second), new Uint8Array(60));
    for (const times of ["found", "gone"]) {
      await expect(readAll(library, "file:mine"), times).rejects.toMatchObject({
        code: "CHECKSUM",
        message: expect.stringContaining("choose its file again"),
      });
    }
    expect(world.requests).toEqual([]);
    await add(
      library,
      chosen(async () => second),
    );
    expect(await readAll(library, "file:mine")).toEqual(whole);
  });

  test.each([
    ["a GGUF file", null],
    ["a checkpoint", "q8_0"],
  ] as const)("and was left half-made by an earlier version, %s, is to be chosen again", async (_, type) => {
    const store = await openStore();
    await new Shelf(store).keep(sha256(first), first);
    const parts = [{ sha256: sha256(first), bytes: PART }];
    const file = { name: "half.gguf", url: "", bytes: 0, sha256: "", mark: "", checked: true, parts };
    const record: ModelRecord = {
      ...{ id: "file:half", name: "half", revision: "", license: "", file, sources: [], old: [] },
      ...{ complete: false, entry: null, import: type, memory_bytes: 0 },
    };
    await store.database?.put("models", record);
    const convert: Convert = async () => {};
    const library = new ModelLibrary(BASE, store, world, { partBytes: PART, convert });
    await expect(library.open("file:half", quiet, running)).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringContaining("choose its file again"),
    });
    expect(world.requests).toEqual([]);
    expect(await store.database?.get("models", "file:half")).toEqual(record);
  });

  test("D15: and for which storage has no room runs from memory", async () => {
    class NoRoom extends IndexedDbParts {
      override async write(): Promise<void> {
        throw new DOMException("full", "QuotaExceededError");
      }
    }
    const database = await openDatabase();
    const convert: Convert = async (_files, _type, _name, write) => write(whole);
    const store = { parts: new NoRoom(database), database, refused: "" };
    const library = new ModelLibrary(BASE, store, world, { partBytes: PART, convert });
    const { id } = await library.add(
      [openBlob(new Blob([first]), "model.safetensors")],
      "q8_0",
      quiet,
      running,
    );
    expect(await readAll(library, id)).toEqual(whole);
    await expect(library.open(id, quiet, running)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});
