// The library in a real browser with the real core, under the full policy: builds, faults of host and browser, storage.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { commonHeaders } from "../../../scripts/headers.mjs";
import type { BuildName } from "../../../web/engine/types";
import { answer } from "../support/site";
import { expect, failureOf, siteFile, test } from "./fixtures";

const BUILDS: BuildName[] = ["relaxed-threads", "relaxed", "simd128-threads", "simd128"];

test("loads, answers, counts and streams, and asks for nothing after loading (C7)", async ({
  library,
  page,
}) => {
  const elsewhere: string[] = [];
  page.on("request", (request) => {
    if (!request.url().startsWith(library.site.url)) elsewhere.push(request.url());
  });
  const violations: string[] = [];
  page.on("console", (message) => {
    if (/Content Security Policy|Trusted/i.test(message.text())) violations.push(message.text());
  });
  await library.open();
  const info = await library.load();
  expect(info).toMatchObject({ id: "parley-17m", quantization: "Q8_0", from_storage: false, notices: [] });
  expect(info.memory.actual_bytes - info.memory.planned_bytes).toBeLessThan(65536);
  library.site.requests.length = 0;
  const reply = await library.ask("Hello, how are you?");
  expect(reply.text.length).toBeGreaterThan(0);
  const streamed = await page.evaluate(async () => {
    const stream = await window.engine.chat.completions.create({
      messages: [{ role: "user", content: "Hello, how are you?" }],
      seed: 11,
      max_tokens: 24,
      stream: true,
    });
    let text = "";
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
    const ids = await window.engine.tokenize("Hello there");
    return { text, back: await window.engine.detokenize(ids), count: ids.length };
  });
  expect(streamed).toMatchObject({ text: reply.text, back: "Hello there" });
  expect(library.site.requests).toEqual([]);
  expect(elsewhere).toEqual([]);
  expect(violations).toEqual([]);
});

test("I6, law 2: every build and any number of threads writes the native tokens, with one hash of log-probabilities", async ({
  library,
  page,
}) => {
  test.setTimeout(480_000); // 8,192 tokens
  const golden = JSON.parse(
    readFileSync(new URL("../../golden/exactness.json", import.meta.url), "utf8"),
  ) as { prompts: string[]; models: Record<string, { ids: number[][] }> };
  const hashes: Record<string, string> = {};
  for (const build of BUILDS) {
    await library.open(`?build=${build}`);
    for (const threads of build.endsWith("-threads") ? [1, 2, 3] : [1]) {
      expect(await library.load({ threads })).toMatchObject({ build, threads });
      const { ids, hash } = await page.evaluate(async (prompts) => {
        const all: number[][] = [];
        const seen: unknown[] = [];
        for (const prompt of prompts) {
          const params = {
            prompt,
            special: true,
            temperature: 0,
            max_tokens: 64,
            ignore_eos: true,
            logprobs: 20,
          };
          const { choices, parley } = await window.engine.completions.create({ ...params, seed: 0 });
          all.push(parley?.ids ?? []);
          seen.push(choices[0]?.logprobs);
        }
        // JSON writes a double so that it reads back as the same double.
        const text = new TextEncoder().encode(JSON.stringify(seen));
        const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", text));
        return { ids: all, hash: Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("") };
      }, golden.prompts);
      expect(ids, `${build}, ${threads}`).toEqual(golden.models["parley-17m"]?.ids);
      hashes[`${build}, ${threads}`] = hash;
    }
  }
  expect(Object.keys(hashes)).toHaveLength(8);
  expect(new Set(Object.values(hashes)).size, JSON.stringify(hashes)).toBe(1);
});

test.describe("without isolation", () => {
  test.use({ isolation: false });
  test("R1: one thread, said so, and the same tokens", async ({ library }) => {
    await library.open();
    const info = await library.load();
    expect(info).toMatchObject({ threads: 1, build: "relaxed" });
    expect(info.notices).toEqual([{ code: "SINGLE_THREAD", detail: "not isolated" }]);
    const { ids } = await library.ask("Good morning");
    expect(ids.length).toBeGreaterThan(1);
  });
});

test("R2: without relaxed SIMD the simd128 build runs", async ({ library }) => {
  library.prefixWorker(
    "const validate = WebAssembly.validate; WebAssembly.validate = (bytes) => bytes.length !== 40 && validate(bytes)",
  );
  await library.open();
  expect(await library.load()).toMatchObject({
    build: "simd128-threads",
    kernels: expect.stringContaining("simd128"),
  });
});

test("R2: without SIMD the error names the versions that have it", async ({ library, page }) => {
  library.prefixWorker("WebAssembly.validate = () => false");
  await library.open();
  expect(await failureOf(page, () => window.engine.load("parley-17m"))).toMatchObject({
    code: "UNSUPPORTED_BROWSER",
    message: expect.stringContaining("16.4"),
  });
});

test("R3: refused shared memory leaves one thread, and refused memory is OOM with the bytes", async ({
  library,
  page,
}) => {
  const refuse = (
    condition: string,
  ) => `const { Memory } = WebAssembly; WebAssembly.Memory = function (type) {
    if (type.initial > 512 && (${condition})) throw new RangeError("refused"); return new Memory(type); }`;
  library.prefixWorker(refuse("type.shared"));
  await library.open();
  const info = await library.load();
  expect(info).toMatchObject({ build: "relaxed", threads: 1 });
  expect(info.notices).toMatchObject([
    { code: "SINGLE_THREAD", detail: expect.stringContaining("would not give") },
  ]);
  library.prefixWorker(refuse("true"));
  await library.open();
  expect(await failureOf(page, () => window.engine.load("parley-17m"))).toMatchObject({
    code: "OOM",
    message: expect.stringMatching(/\d+ MB/),
  });
});

// A real trap: a module whose only function is `unreachable`, called in the place of the core's eighth step, in the first
// worker only.
const TRAP = `
  const { t } = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(
    [0,97,115,109,1,0,0,0,1,4,1,96,0,0,3,2,1,0,7,5,1,1,116,0,0,10,5,1,3,0,0,11]))).exports;
  const channel = new BroadcastChannel("traps");
  let traps = true;
  channel.onmessage = () => { traps = false; };
  let steps = 0;
  export default async (options) => {
    const core = await Module(options);
    const next = core._parley_next;
    const trapping = (parley) => {
      steps += 1;
      if (traps && steps === 8) t();
      return next(parley);
    };
    // Emscripten puts the export itself in the place of its wrapper after the first call.
    Object.defineProperty(core, "_parley_next", { get: () => trapping, set() {} });
    return core;
  };`;

test("R4: a trap in the middle of a reply restarts the worker; the text so far is kept and the next reply works", async ({
  library,
  page,
}) => {
  library.addFault((_, response, path) => {
    if (!path.endsWith("parley.mjs")) return false;
    const script = siteFile(path).toString();
    const body = script.replace(/export default Module;?/, TRAP);
    response.writeHead(200, { ...commonHeaders(), "Content-Type": "text/javascript" });
    response.end(body);
    return true;
  });
  await library.open();
  await library.load();
  const outcome = await page.evaluate(async () => {
    const stream = await window.engine.chat.completions.create({
      messages: [{ role: "user", content: "Tell me about the weather." }],
      seed: 3,
      min_tokens: 20,
      max_tokens: 24,
      stream: true,
    });
    let text = "";
    try {
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
    } catch (error) {
      const { code, delivered } = error as { code: string; delivered: { text: string; tokens: number } };
      return { text, code, delivered };
    }
    return { text, code: "none", delivered: null };
  });
  expect(outcome.code).toBe("WORKER_CRASHED");
  expect(outcome.text.length).toBeGreaterThan(0);
  expect(outcome.delivered).toMatchObject({ text: outcome.text });
  await page.evaluate(async () => {
    const channel = new BroadcastChannel("traps");
    while (window.engine.state.state !== "ready") {
      channel.postMessage("no more");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    channel.postMessage("no more");
    await new Promise((resolve) => setTimeout(resolve, 100));
  });
  expect((await library.ask("Hello")).text.length).toBeGreaterThan(0);
  expect(await page.evaluate(() => window.states.map(({ state }) => state))).toContain("restarting");
});

test("R5: a worker that ends by itself is noticed and replaced", async ({ library, page }) => {
  await library.open();
  await library.load();
  const before = await library.ask("Hello");
  const worker = page.workers().find((one) => one.url().endsWith("worker.js"));
  await worker?.evaluate(() => self.close());
  await expect
    .poll(() => page.evaluate(() => window.states.map(({ state }) => state)))
    .toContain("restarting");
  expect(await library.ask("Hello")).toEqual(before);
});

test("R6: a thread that cannot start leaves one thread", async ({ library }) => {
  library.addFault((request, response, path) =>
    path.endsWith("parley.mjs") && request.headers["sec-fetch-dest"] === "worker"
      ? answer(response, 404, "text/plain", "no")
      : false,
  );
  await library.open();
  const info = await library.load();
  expect(info).toMatchObject({ threads: 1, build: "relaxed" });
  expect(info.notices).toMatchObject([{ code: "SINGLE_THREAD" }]);
});

test("R7: a wasm file that is missing or cut off leaves the next build; a wrong type does no harm", async ({
  library,
}) => {
  let fault: "404" | "cut" | "type" = "404";
  library.addFault((_, response, path) => {
    if (!path.endsWith("relaxed-threads/parley.wasm")) return false;
    const bytes = siteFile(path);
    if (fault === "404") return answer(response, 404, "text/plain", "no");
    if (fault === "cut")
      return answer(response, 200, "application/wasm", bytes.subarray(0, bytes.length / 2));
    return answer(response, 200, "text/plain", bytes);
  });
  for (fault of ["404", "cut"] as const) {
    await library.open();
    const info = await library.load();
    expect(info.build).toBe("relaxed");
    expect(info.notices.map(({ code }) => code)).toEqual(["SINGLE_THREAD"]);
  }
  fault = "type";
  await library.open();
  expect(await library.load()).toMatchObject({ build: "relaxed-threads", notices: [] });
});

test("R8: wasm files of another build are refused", async ({ library, page }) => {
  library.addFault((_, response, path) => {
    if (!path.endsWith("parley.wasm")) return false;
    const bytes = siteFile(path);
    bytes[bytes.length - 1] = bytes.at(-1) === 48 ? 49 : 48; // the last digit of the stamp
    return answer(response, 200, "application/wasm", bytes);
  });
  await library.open();
  expect(await failureOf(page, () => window.engine.load("parley-17m"))).toMatchObject({
    code: "BUILD_MISMATCH",
  });
});

test("R12: where storage is refused the model runs from memory and says so", async ({ library }) => {
  library.prefixWorker(`const refuse = () => { throw new DOMException("no", "SecurityError"); };
    navigator.storage.getDirectory = refuse; indexedDB.open = refuse`);
  await library.open();
  const info = await library.load();
  expect(info.notices).toEqual([{ code: "STORAGE_MEMORY", detail: "SecurityError: no" }]);
  expect((await library.ask("Hello")).text.length).toBeGreaterThan(0);
});

test("where private files are refused IndexedDB keeps the model", async ({ library }) => {
  library.prefixWorker(
    'navigator.storage.getDirectory = () => Promise.reject(new DOMException("no", "SecurityError"))',
  );
  await library.open();
  expect((await library.load()).notices).toEqual([
    { code: "STORAGE_INDEXEDDB", detail: "SecurityError: no" },
  ]);
  await library.open();
  expect((await library.load()).from_storage).toBe(true);
});

test("the second visit loads from storage, without a part over the network, and without a network at all", async ({
  library,
  page,
}) => {
  await library.open();
  await library.load();
  const first = await library.ask("Hello");
  library.site.requests.length = 0;
  await library.open();
  expect((await library.load()).from_storage).toBe(true);
  expect(library.site.requests.filter((path) => path.endsWith(".part"))).toEqual([]);
  await page.evaluate(() => window.engine.unload());
  library.addFault((request, _response, path) => {
    if (!path.includes("/models/")) return false;
    request.socket.destroy();
    return true;
  });
  expect((await library.load()).from_storage).toBe(true);
  expect(await library.ask("Hello")).toEqual(first);
});

test("D2, D9, D10: a cut, an HTML page and a flipped byte cost one part, and nothing wrong is kept", async ({
  library,
  page,
}) => {
  const tries = new Map<string, number>();
  const part = (path: string) => siteFile(path);
  library.addFault((_, response, path) => {
    if (!path.endsWith(".part")) return false;
    const attempt = (tries.get(path) ?? 0) + 1;
    tries.set(path, attempt);
    if (attempt > 1) return false;
    if (path.endsWith("000.part")) {
      response.writeHead(200, { "Content-Length": part(path).length });
      response.write(part(path).subarray(0, 1_000_000), () => response.destroy());
      return true;
    }
    if (path.endsWith("001.part")) return answer(response, 200, "text/html", "<!DOCTYPE html><p>Log in");
    if (path.endsWith("002.part")) {
      const bytes = part(path);
      bytes[1234] = (bytes[1234] as number) ^ 1;
      return answer(response, 200, "application/octet-stream", bytes);
    }
    return false;
  });
  await library.open();
  await library.load();
  expect([...tries.entries()].map(([path, count]) => [path.slice(-8, -5), count]).sort()).toEqual([
    ["000", 2],
    ["001", 2],
    ["002", 2],
    ["003", 1],
    ["004", 1],
  ]);
  expect(await page.evaluate(() => window.engine.models.verify("parley-17m"))).toEqual({
    ok: true,
    bad_parts: 0,
  });
});

test("D9: a host that serves only HTML is named, and nothing is stored", async ({ library, page }) => {
  library.addFault((_, response, path) =>
    path.endsWith(".part") ? answer(response, 200, "text/html", "<!DOCTYPE html><p>Log in") : false,
  );
  await library.open();
  expect(await failureOf(page, () => window.engine.load("parley-17m"))).toMatchObject({
    code: "HASH_MISMATCH",
    message: expect.stringContaining("HTML page"),
  });
  expect(await page.evaluate(() => window.engine.models.stored())).toMatchObject([
    { bytes: 0, complete: false },
  ]);
});

test("D13: two tabs that want the same model download it once, and both load", async ({
  library,
  page,
  context,
}) => {
  const other = await context.newPage();
  await Promise.all([library.open(), library.open("", other)]);
  const loaded = await Promise.all([library.load(), library.load({}, other)]);
  expect(loaded.map(({ from_storage }) => from_storage).sort()).toEqual([false, true]);
  expect(library.site.requests.filter((path) => path.endsWith(".part"))).toHaveLength(5);
  expect(await library.ask("Hello", {}, other)).toEqual(await library.ask("Hello", {}, page));
});

test("D16: a part that rotted in storage is found by loading and fetched again alone", async ({
  library,
  page,
}) => {
  await library.open();
  await library.load();
  const expected = await library.ask("Hello");
  await page.evaluate(async () => {
    await window.engine.unload();
    const root = await navigator.storage.getDirectory();
    const parts = await root.getDirectoryHandle("parley-parts");
    for await (const [, handle] of parts as unknown as AsyncIterable<[string, FileSystemFileHandle]>) {
      const bytes = new Uint8Array(await (await handle.getFile()).arrayBuffer());
      bytes[100_000] = (bytes[100_000] as number) ^ 8;
      const writable = await handle.createWritable();
      await writable.write(bytes);
      await writable.close();
      break;
    }
  });
  library.site.requests.length = 0;
  await library.load();
  expect(library.site.requests.filter((path) => path.endsWith(".part"))).toHaveLength(1);
  expect(await library.ask("Hello")).toEqual(expected);
});

test("a stored model is listed, verified and deleted", async ({ library, page }) => {
  await library.open();
  const { entry } = await library.load();
  const bytes = entry?.files[0]?.bytes;
  const state = await page.evaluate(async () => {
    const { models } = window.engine;
    const listed = await models.stored();
    const verified = await models.verify("parley-17m");
    const storage = await models.storage();
    await models.remove("parley-17m");
    return { listed, verified, backend: storage.backend, after: await models.stored() };
  });
  expect(state).toMatchObject({
    listed: [{ id: "parley-17m", name: "Parley 17M", bytes, total_bytes: bytes, complete: true }],
    verified: { ok: true, bad_parts: 0 },
    backend: "opfs",
    after: [],
  });
});

test("a load is cancelled at once, and takes up where it was", async ({ library, page }) => {
  let given = 0;
  library.addFault((_, response, path) => {
    if (!path.endsWith(".part")) return false;
    given += 1;
    if (given > 2) return setTimeout(() => response.destroy(), 20_000) && true;
    return false;
  });
  await library.open();
  const outcome = await page.evaluate(async () => {
    const controller = new AbortController();
    let stored = 0;
    const loading = window.engine.load("parley-17m", {
      signal: controller.signal,
      onProgress: ({ loaded }) => {
        stored = loaded;
      },
    });
    while (stored < 2 * (4 << 20)) await new Promise((resolve) => setTimeout(resolve, 10));
    await new Promise((resolve) => setTimeout(resolve, 300));
    const started = performance.now();
    controller.abort();
    const name = await loading.then(
      () => "loaded",
      (error: Error) => error.name,
    );
    return { name, ms: performance.now() - started, state: window.engine.state.state };
  });
  expect(outcome).toMatchObject({ name: "AbortError", state: "idle" });
  expect(outcome.ms).toBeLessThan(250);
  given = -1000;
  library.site.requests.length = 0;
  await library.load();
  expect(library.site.requests.filter((path) => path.endsWith(".part"))).toHaveLength(3);
});

test("I5: stopping takes under 250 ms, while the prompt is read and while the reply is written", async ({
  library,
  page,
}) => {
  await library.open();
  await library.load();
  const times = await page.evaluate(async () => {
    const content = "The weather is fine and we walk along the river. ".repeat(38);
    const stop = async (afterTokens: number) => {
      const controller = new AbortController();
      const stream = await window.engine.chat.completions.create(
        {
          messages: [{ role: "user", content }],
          min_tokens: 60,
          max_tokens: 64,
          stream: true,
          seed: afterTokens,
        },
        { signal: controller.signal },
      );
      let started = 0;
      let tokens = 0;
      const abort = () => {
        started = performance.now();
        controller.abort();
      };
      if (afterTokens === 0) setTimeout(abort, 1);
      try {
        for await (const chunk of stream) {
          if (chunk.choices[0]?.delta.content) tokens += 1;
          if (tokens === afterTokens && afterTokens > 0 && started === 0) abort();
        }
      } catch (error) {
        return { name: (error as Error).name, ms: performance.now() - started };
      }
      return { name: "finished", ms: 0 };
    };
    return [await stop(0), await stop(3)];
  });
  for (const { name, ms } of times) {
    expect(name).toBe("AbortError");
    expect(ms).toBeLessThan(250);
  }
  expect((await library.ask("Hello")).text.length).toBeGreaterThan(0);
});

test("a file that the user chose is loaded; one that is no model is named", async ({ library, page }) => {
  await library.open();
  const { entry } = await library.load();
  const parts = entry?.files[0]?.parts?.map(({ url }) => url) ?? [];
  const info = await page.evaluate(async (urls) => {
    const blobs = await Promise.all(urls.map(async (url) => (await fetch(url)).blob()));
    return window.engine.load(new File(blobs, "mine.gguf"));
  }, parts);
  expect(info).toMatchObject({ id: "mine.gguf", architecture: "gpt2", from_storage: false });
  expect(await failureOf(page, () => window.engine.load(new File(["<html>"], "page.gguf")))).toMatchObject({
    code: "BAD_MAGIC",
    message: expect.stringMatching(/HTML/i),
  });
  // The model before is still there.
  expect((await library.ask("Hello")).text.length).toBeGreaterThan(0);
  expect(await failureOf(page, () => window.engine.load(new File([], "empty.gguf")))).toMatchObject({
    code: "TRUNCATED",
  });
});

test("options that Parley does not have are refused by name, and leave it ready", async ({
  library,
  page,
}) => {
  await library.open();
  await library.load();
  const errors = await page.evaluate(async () => {
    const tries = [{ tools: [] }, { temperature: 9 }, { tempratur: 1 }, { max_tokens: 3, max_length: 3 }];
    const results: string[] = [];
    for (const params of tries) {
      const messages = [{ role: "user" as const, content: "Hello" }];
      const create = window.engine.chat.completions.create({ messages, ...params } as {
        messages: typeof messages;
      });
      results.push(
        await create.then(
          String,
          (error: { code: string; message: string }) => `${error.code} ${error.message}`,
        ),
      );
    }
    return results;
  });
  expect(errors[0]).toMatch(/^UNSUPPORTED_OPTION .*tools/);
  expect(errors[1]).toMatch(/^BAD_ARG .*temperature/);
  expect(errors[2]).toMatch(/^UNSUPPORTED_OPTION .*tempratur/);
  expect(errors[3]).toMatch(/^BAD_ARG .*max_length/);
  expect((await library.ask("Hello")).text.length).toBeGreaterThan(0);
});

test("every option of the library is one of the core's", async ({ library }) => {
  await library.open();
  await library.load();
  const { ids } = await library.ask("Hello", {
    temperature: 0.9,
    top_k: 30,
    top_p: 0.9,
    min_p: 0.01,
    typical_p: 0.95,
    repetition_penalty: 1.1,
    repeat_last_n: 64,
    frequency_penalty: 0.1,
    presence_penalty: 0.1,
    no_repeat_ngram_size: 3,
    logit_bias: { 5: -100 },
    min_tokens: 2,
    stop: ["\n\n"],
    stop_token_ids: [3],
    ignore_eos: false,
  });
  expect(ids.length).toBeGreaterThanOrEqual(2);
  for (const name of ["max_completion_tokens", "max_new_tokens"]) {
    expect(
      (await library.ask("Hello", { max_tokens: undefined, [name]: 3, ignore_eos: true })).ids,
    ).toHaveLength(3);
  }
  const long = await library.ask("Hello", {
    max_tokens: undefined,
    max_length: 12,
    min_new_tokens: 1,
    ignore_eos: true,
  });
  expect(long.ids.length).toBeLessThan(12);
});

test("I1: a reply that meets the end of the context stops with length", async ({ library }) => {
  await library.open();
  const info = await library.load({ context: 48 });
  expect(info.context).toBe(48);
  const { finish, ids } = await library.ask("Hello", { max_tokens: 400, ignore_eos: true });
  expect(finish).toBe("length");
  expect(ids.length).toBeLessThan(48);
});

test("the same seed gives the same reply, the returned seed repeats one that was drawn", async ({
  library,
}) => {
  await library.open();
  await library.load();
  const drawn = await library.ask("Any plans for the weekend?", { seed: undefined, temperature: 1.2 });
  const again = await library.ask("Any plans for the weekend?", { seed: drawn.seed, temperature: 1.2 });
  expect(again.ids).toEqual(drawn.ids);
});

test("logprobs: the chosen token's is among the best, and bytes spell the token", async ({
  library,
  page,
}) => {
  await library.open();
  await library.load();
  const tokens = await page.evaluate(async () => {
    const reply = await window.engine.chat.completions.create({
      messages: [{ role: "user", content: "Hello" }],
      temperature: 0,
      repetition_penalty: 1,
      logprobs: true,
      top_logprobs: 3,
    });
    return reply.choices[0]?.logprobs?.content ?? [];
  });
  expect(tokens.length).toBeGreaterThan(1);
  for (const { id, logprob, bytes, token, top_logprobs } of tokens) {
    expect(top_logprobs).toHaveLength(3);
    expect(top_logprobs[0]).toMatchObject({ id, logprob });
    expect(Buffer.from(bytes).toString()).toBe(token);
    expect(top_logprobs.reduce((sum, one) => sum + Math.exp(one.logprob), 0)).toBeLessThanOrEqual(1);
  }
});

test("the bundled parts are what the catalog says", async () => {
  const catalog = JSON.parse(readFileSync(new URL("../../../models/catalog.json", import.meta.url), "utf8"));
  for (const { url, bytes, sha256 } of catalog.models[0].files[0].parts) {
    const data = readFileSync(new URL(`../../../models/${url}`, import.meta.url));
    expect([data.length, createHash("sha256").update(data).digest("hex")]).toEqual([bytes, sha256]);
  }
});

test("the page for embedders: twenty lines, on a host without a header of ours", async ({
  library,
  page,
}) => {
  const html = readFileSync(new URL("../../../web/examples/embed.html", import.meta.url), "utf8");
  expect(html.trimEnd().split("\n").length).toBeLessThanOrEqual(20);
  library.addFault((_, response, path) => {
    const name = path.split("?")[0] as string;
    const types: Record<string, string> = {
      html: "text/html",
      js: "text/javascript",
      mjs: "text/javascript",
    };
    try {
      const bytes = name === "/examples/embed.html" ? html : siteFile(name);
      return answer(response, 200, types[name.split(".").at(-1) ?? ""] ?? "application/octet-stream", bytes);
    } catch {
      return answer(response, 404, "text/plain", "no");
    }
  });
  await page.goto(`${library.site.url}examples/embed.html`);
  await expect(page.getByRole("button", { name: "Send" })).toBeEnabled();
  await page.getByRole("textbox").fill("Hello");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("log")).toHaveText(/\w.*\n/);
});
