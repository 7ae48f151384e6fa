// Which build of the core runs in a real browser, with how many threads, and what happens when one does not: rows R1 to R8.
import { readFileSync } from "node:fs";
import { commonHeaders } from "../../../scripts/headers.mjs";
import type { BuildName } from "../../../web/engine/types";
import { answer } from "../support/site";
import { expect, failureOf, siteFile, test } from "./fixtures";

const BUILDS: BuildName[] = ["relaxed-threads", "relaxed", "simd128-threads", "simd128"];

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

test("R2: without SIMD the error names the versions that have it, before anything of the model is fetched", async ({
  library,
  page,
}) => {
  library.prefixWorker("WebAssembly.validate = () => false");
  await library.open();
  expect(await failureOf(page, () => window.engine.load("parley-17m"))).toMatchObject({
    code: "UNSUPPORTED_BROWSER",
    message: expect.stringContaining("16.4"),
  });
  expect(library.site.requests.filter((path) => path.endsWith(".part"))).toEqual([]);
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

// A real trap: a module whose only function is `unreachable`, called in the place of the eighth step of a chat's reply, in
// the first worker only. Warming up makes steps, too, but begins no chat.
const TRAP = `
  const { t } = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(
    [0,97,115,109,1,0,0,0,1,4,1,96,0,0,3,2,1,0,7,5,1,1,116,0,0,10,5,1,3,0,0,11]))).exports;
  const channel = new BroadcastChannel("traps");
  let traps = true;
  channel.onmessage = () => { traps = false; };
  let steps = NaN;
  export default async (options) => {
    const core = await Module(options);
    const next = core._parley_next;
    const trapping = (parley) => {
      steps += 1;
      if (traps && steps === 8) t();
      return next(parley);
    };
    const begin = core._parley_begin_chat;
    const beginning = (parley) => {
      steps = 0;
      return begin(parley);
    };
    // Emscripten puts the export itself in the place of its wrapper after the first call.
    Object.defineProperty(core, "_parley_next", { get: () => trapping, set() {} });
    Object.defineProperty(core, "_parley_begin_chat", { get: () => beginning, set() {} });
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

test("while the first model arrives the core runs in the one build that is fetched, and not on the second visit", async ({
  library,
  page,
}) => {
  const held: (() => void)[] = [];
  let hold = true;
  library.addFault((_, response, path) => {
    if (!hold || !path.endsWith(".part") || path.endsWith("000.part")) return false;
    held.push(() => answer(response, 200, "application/octet-stream", siteFile(path)));
    return true;
  });
  const warmUps = async () => {
    const worker = page.workers().find((one) => one.url().endsWith("/worker.js"));
    return worker?.evaluate(() => performance.getEntriesByName("parley warm up").length);
  };
  await library.open();
  const loading = library.load();
  await expect.poll(warmUps).toBe(4);
  hold = false;
  for (const release of held) release();
  const { build } = await loading;
  expect(build).toBe("relaxed-threads");
  const fetched = library.site.requests.filter((path) => path.endsWith(".wasm"));
  expect(fetched.map((path) => path.split("/").at(-2))).toEqual([build]);
  await library.open();
  expect((await library.load()).from_storage).toBe(true);
  expect(await warmUps()).toBe(0);
});
