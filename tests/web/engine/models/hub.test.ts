// Names and listings of the hub, and loading a repository through a made-up hub.
import { createHash } from "node:crypto";
import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { ParleyError } from "../../../../web/engine/errors";
import { bestGguf, checkpointFiles, parseHubName, parseListing } from "../../../../web/engine/models/hub";
import { type Convert, ModelLibrary } from "../../../../web/engine/models/library";
import { IndexedDbParts, type OpenedStore } from "../../../../web/engine/models/part_store";
import { openDatabase, partsOf } from "../../../../web/engine/models/records";
import { FakeWorld } from "../../support/fake_world";

const HUB = "https://hub.example/";
const BASE = "https://host.example/";
const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const running = new AbortController().signal;
const quiet = () => {};
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

describe("names", () => {
  const main = { repository: "openai-community/gpt2", revision: "main", file: null };
  test.each([
    ["hf:openai-community/gpt2", main],
    ["hf:openai-community/gpt2@refs%2Fpr%2F7", { ...main, revision: "refs/pr/7" }],
    ["hf:me/it@v2/a/b.gguf", { repository: "me/it", revision: "v2", file: "a/b.gguf" }],
    ["https://hub.example/openai-community/gpt2", main],
    ["https://hub.example/openai-community/gpt2/tree/main", main],
    ["https://hub.example/me/it/blob/v2/b.gguf", { repository: "me/it", revision: "v2", file: "b.gguf" }],
    [
      "https://hub.example/me/it/resolve/v2/b.gguf?download=true",
      { repository: "me/it", revision: "v2", file: "b.gguf" },
    ],
    ["https://elsewhere.example/me/it", null],
    ["parley-17m", null],
  ])("%s", (name, expected) => {
    expect(parseHubName(name, HUB)).toEqual(expected);
  });

  test("an hf: name that is none is BAD_ARG", () => {
    for (const name of ["hf:", "hf:gpt2", "hf:a b/c", "hf:../../x"]) {
      expect(() => parseHubName(name, HUB)).toThrow(ParleyError);
    }
  });

  test.each([
    "hf:a/b@%",
    "hf:a/b@%zz/c.gguf",
    "hf:a/b@\ud800",
    "https://hub.example/%zz/b",
    "https://hub.example/a/b/blob/main/%ff.gguf",
  ])("%j, which nothing can decode, is BAD_ARG and named", (name) => {
    expect(() => parseHubName(name, HUB)).toThrow(
      expect.objectContaining({ code: "BAD_ARG", message: expect.stringContaining(name) }),
    );
  });
});

describe("files", () => {
  test("Q8_0 comes before Q4_0, split files are left alone", () => {
    expect(bestGguf(["m.Q4_K_M.gguf", "m.Q4_0.gguf", "m.Q8_0.gguf"])).toBe("m.Q8_0.gguf");
    expect(bestGguf(["m-F16.gguf"])).toBe("m-F16.gguf");
    expect(bestGguf(["m-q8_0-00001-of-00002.gguf", "README.md"])).toBeNull();
  });

  test("a checkpoint is its config, its tokenizer and its weights, sharded or not", () => {
    const texts = ["config.json", "vocab.json", "merges.txt"];
    expect(checkpointFiles([...texts, "model.safetensors", "tf_model.h5"])).toEqual([
      ...texts,
      "model.safetensors",
    ]);
    const shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    const index = "model.safetensors.index.json";
    expect(checkpointFiles(["config.json", "tokenizer.json", ...shards, index])).toEqual([
      "config.json",
      "tokenizer.json",
      index,
      ...shards,
    ]);
    expect(checkpointFiles(["config.json", "model.safetensors"])).toBeNull();
  });

  test("a file whose name no address can say is left out", () => {
    const siblings = [{ rfilename: "\ud800.gguf" }, { rfilename: "a.gguf" }];
    expect(parseListing(JSON.stringify({ sha: COMMIT, siblings }), "a/b").files).toMatchObject([
      { path: "a.gguf" },
    ]);
  });

  test("any answer is a listing or a ParleyError", () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        try {
          parseListing(json, "a/b");
        } catch (error) {
          expect(error).toBeInstanceOf(ParleyError);
        }
      }),
    );
  });
});

describe("a repository", () => {
  let world: FakeWorld;
  let store: OpenedStore;
  let listings: number;

  function publish(files: Record<string, Uint8Array<ArrayBuffer>>, commit = COMMIT): void {
    const siblings = Object.entries(files).map(([rfilename, bytes]) => ({
      rfilename,
      size: bytes.length,
      ...(bytes.length > 100 && { lfs: { sha256: sha256(bytes), size: bytes.length, pointerSize: 130 } }),
    }));
    listings = 0;
    world.answers.set(`${HUB}api/models/me/it/revision/main?blobs=true`, () => {
      listings += 1;
      return new Response(JSON.stringify({ sha: commit, siblings, cardData: { license: "mit" } }));
    });
    for (const [path, bytes] of Object.entries(files)) {
      world.answers.set(`${HUB}me/it/resolve/${commit}/${path}`, ({ init }) => {
        const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(new Headers(init.headers).get("Range") ?? "") ?? [];
        if (start === undefined) return new Response(bytes);
        const range = { "Content-Range": `bytes ${start}-${end}/${bytes.length}` };
        return new Response(bytes.slice(Number(start), Number(end) + 1), { status: 206, headers: range });
      });
    }
  }

  const library = (convert?: Convert) =>
    new ModelLibrary(BASE, store, world, { hub: HUB, partBytes: 64, ...(convert && { convert }) });

  beforeEach(async () => {
    globalThis.indexedDB = new IDBFactory();
    world = new FakeWorld();
    const database = await openDatabase();
    store = { parts: new IndexedDbParts(database), database, refused: "" };
  });

  const gguf = Uint8Array.from({ length: 300 }, (_, index) => index & 255);

  test("is listed once; its revision stays when the branch moves on", async () => {
    publish({ "it.Q8_0.gguf": gguf });
    await library().open("hf:me/it", quiet, running);
    expect(await library().stored()).toMatchObject([
      { id: "hf:me/it", revision: COMMIT, license: "mit", bytes: 300, complete: true },
    ]);
    publish({ "it.Q8_0.gguf": gguf.map((byte) => byte ^ 1) }, COMMIT.replace("0", "f"));
    expect((await library().open("hf:me/it", quiet, running)).fromStorage).toBe(true);
    expect(listings).toBe(0);
  });

  test("D10: a file that is not what the hub says is refused after a second try, and not kept", async () => {
    publish({ "it.Q8_0.gguf": gguf });
    world.answers.set(
      `${HUB}me/it/resolve/${COMMIT}/it.Q8_0.gguf`,
      () => new Response(gguf.map((byte) => byte ^ 1)),
    );
    await expect(library().open("hf:me/it", quiet, running)).rejects.toMatchObject({ code: "HASH_MISMATCH" });
    expect(await library().stored()).toMatchObject([{ bytes: 0, complete: false }]);
  });

  test("what its first part shows to be no model for here is refused before the rest is fetched", async () => {
    publish({ "it.Q8_0.gguf": gguf });
    const check = async (head: Uint8Array, bytes: number) => {
      throw new ParleyError("UNSUPPORTED_MODEL", `${head.length} of ${bytes}`);
    };
    const checking = new ModelLibrary(BASE, store, world, { hub: HUB, partBytes: 64, check });
    await expect(checking.open("hf:me/it", quiet, running)).rejects.toMatchObject({ message: "64 of 300" });
    expect(world.requests.filter((url) => url.includes("/resolve/"))).toHaveLength(1);
    expect(await checking.stored()).toMatchObject([{ bytes: 0 }]);
  });

  test("a checkpoint is converted, its own parts are let go, and the converted file is loaded ever after", async () => {
    const weights = Uint8Array.from({ length: 500 }, (_, index) => (index * 3) & 255);
    const text = new TextEncoder().encode("{}");
    publish({ "config.json": text, "tokenizer.json": text, "model.safetensors": weights });
    const seen: string[] = [];
    const convert: Convert = async (files, type, name, write) => {
      seen.push(type, name, ...files.map((file) => `${file.name} ${file.bytes}`));
      for (let part = 0; part < 5; part++) await write(new Uint8Array(50).fill(part));
    };
    const file = await library(convert).open("hf:me/it", quiet, running, "q4_0");
    expect(seen).toEqual(["q4_0", "me/it", "config.json 2", "tokenizer.json 2", "model.safetensors 500"]);
    expect(file.bytes).toBe(250);
    const target = new Uint8Array(64);
    expect(await file.read(3, target)).toBe(58);
    expect(target[57]).toBe(4);
    const [record] = (await store.database?.getAll("models")) ?? [];
    expect(record && partsOf(record)).toHaveLength(4);
    expect(await store.database?.count("bytes")).toBe(4);
    world.requests.length = 0;
    expect((await library().open("hf:me/it", quiet, running)).fromStorage).toBe(true);
    expect(world.requests).toEqual([]);
  });

  test.each([
    ["pytorch_model.bin", /PyTorch pickle/],
    ["model.onnx", /ONNX/],
    ["model.safetensors", /tokenizer/],
    ["README.md", /no GGUF file/],
  ])("with %s alone is named for what it is", async (path, message) => {
    publish({ [path]: gguf });
    await expect(library().open("hf:me/it", quiet, running)).rejects.toMatchObject({
      code: "UNSUPPORTED_MODEL",
      message: expect.stringMatching(message),
    });
  });

  test("that is not there is NOT_FOUND", async () => {
    world.answers.set(
      `${HUB}api/models/me/no/revision/main?blobs=true`,
      () => new Response("", { status: 401 }),
    );
    await expect(library().open("hf:me/no", quiet, running)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});
