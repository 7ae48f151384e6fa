// What the library takes of the processor, in a real browser: threads, time while idle, and what it does when the
// processor no longer computes what it did.
import type { Page } from "@playwright/test";
import { commonHeaders } from "../../../scripts/headers.mjs";
import { expect, type Library, siteFile, test } from "./fixtures";

for (const [processors, threads, build] of [
  ["undefined", 1, "relaxed"],
  ["1", 1, "relaxed"],
  ["2", 2, "relaxed-threads"],
  ["64", 8, "relaxed-threads"],
] as const) {
  test(`R11: a browser that says ${processors} processors starts ${threads} threads, and uses no more`, async ({
    library,
    page,
  }) => {
    library.prefixWorker(
      `Object.defineProperty(navigator, "hardwareConcurrency", { get: () => ${processors} })`,
    );
    await library.open();
    expect(await library.load()).toMatchObject({ threads, build, notices: [] });
    const used = await usedThreads(page);
    expect(used).toBeGreaterThanOrEqual(1);
    expect(used).toBeLessThanOrEqual(threads);
  });
}

test("a number of threads that was asked for is used", async ({ library, page }) => {
  await library.open();
  for (const threads of [1, 2, 3]) {
    expect(await library.load({ threads })).toMatchObject({ threads });
    expect(await usedThreads(page)).toBe(threads);
  }
});

/** How many threads a reply used. */
function usedThreads(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const reply = await window.engine.chat.completions.create({
      messages: [{ role: "user", content: "Hello" }],
      max_tokens: 24,
      min_tokens: 24,
      seed: 1,
    });
    return reply.parley.timings.threads;
  });
}

test("a page that waits for its user takes no processor time", async ({ library, page, browser }) => {
  await library.open();
  await library.load({ threads: 2 });
  await library.ask("Hello");
  const session = await browser.newBrowserCDPSession();
  const seconds = async () => {
    const { processInfo } = await session.send("SystemInfo.getProcessInfo");
    return processInfo
      .filter(({ type }) => type === "renderer")
      .reduce((sum, { cpuTime }) => sum + cpuTime, 0);
  };
  await page.waitForTimeout(1000); // for what follows a reply: compilers, collectors
  const before = await seconds();
  await page.waitForTimeout(3000);
  // Processor time, not time: a thread that spins takes three seconds of it.
  expect((await seconds()) - before).toBeLessThan(0.6);
});

test("where files are not read into shared memory, one staging buffer of a part serves the whole load", async ({
  library,
  page,
}) => {
  await library.open();
  await library.load();
  const expected = await library.ask("Hello");
  library.prefixWorker(`{
    const { read } = FileSystemSyncAccessHandle.prototype;
    globalThis.staged = new Set();
    FileSystemSyncAccessHandle.prototype.read = function (target, options) {
      if (!(target.buffer instanceof ArrayBuffer)) throw new TypeError("shared memory");
      globalThis.staged.add(target.buffer);
      return read.call(this, target, options);
    };
  }`);
  await library.open();
  expect(await library.load({ threads: 2 })).toMatchObject({ from_storage: true, build: "relaxed-threads" });
  expect(await library.ask("Hello")).toEqual(expected);
  const worker = page.workers().find((one) => one.url().endsWith("worker.js"));
  const sizes = await worker?.evaluate(() =>
    [...(globalThis as unknown as { staged: Set<ArrayBuffer> }).staged].map(({ byteLength }) => byteLength),
  );
  // Five parts: the first is read once for its header, then all of them through one buffer.
  expect(sizes?.filter((bytes) => bytes === 4 << 20)).toHaveLength(2);
});

test("a second turn computes its own tokens only", async ({ library, page }) => {
  await library.open();
  await library.load();
  const { first, second } = await page.evaluate(async () => {
    const ask = async (messages: { role: "user" | "assistant"; content: string }[]) => {
      const { choices, parley, usage } = await window.engine.chat.completions.create({
        messages,
        seed: 11,
        max_tokens: 24,
      });
      return { text: choices[0]?.message.content ?? "", usage, prompt: parley.prompt_ids, ids: parley.ids };
    };
    const question = { role: "user", content: "Tell me about the weather today." } as const;
    const one = await ask([question]);
    const two = await ask([
      question,
      { role: "assistant", content: one.text },
      { role: "user", content: "And tomorrow?" },
    ]);
    return { first: one, second: two };
  });
  // The last token of a reply is drawn and not run.
  const held = [...first.prompt, ...first.ids.slice(0, -1)];
  let common = 0;
  while (common < second.prompt.length - 1 && held[common] === second.prompt[common]) common += 1;
  expect(common).toBeGreaterThan(first.prompt.length);
  expect(second.usage).toMatchObject({
    prompt_tokens: second.prompt.length,
    prompt_tokens_details: { cached_tokens: common },
  });
});

/** Makes builds with relaxed SIMD refuse every reply after the first, as their probe would. */
function changeKernels(library: Library): void {
  const shim = `
    export default async (options) => {
      const core = await Module(options);
      const begin = core._parley_begin_chat;
      let replies = 0;
      const refusing = (parley) => {
        const status = begin(parley);
        replies += 1;
        if (replies < 2) return status;
        new DataView(options.wasmMemory.buffer).setInt32(core._parley_error(parley), 24, true);
        return -24;
      };
      Object.defineProperty(core, "_parley_begin_chat", { get: () => refusing, set() {} });
      return core;
    };`;
  library.addFault((_, response, path) => {
    if (!/\/relaxed(-threads)?\/parley\.mjs$/.test(path)) return false;
    response.writeHead(200, { ...commonHeaders(), "Content-Type": "text/javascript" });
    response.end(
      siteFile(path)
        .toString()
        .replace(/export default Module;?/, shim),
    );
    return true;
  });
}

test("when relaxed SIMD no longer computes what it did, a build without it goes on with the conversation", async ({
  library,
  page,
}) => {
  await library.open();
  await library.load();
  const expected = [await library.ask("Hello"), await library.ask("What is your name?")];
  changeKernels(library);
  await library.open();
  expect(await library.load()).toMatchObject({ build: expect.stringContaining("relaxed"), notices: [] });
  expect([await library.ask("Hello"), await library.ask("What is your name?")]).toEqual(expected);
  const state = await page.evaluate(() => window.engine.state);
  expect(state).toMatchObject({
    state: "ready",
    info: {
      build: expect.stringContaining("simd128"),
      notices: [{ code: "BUILD_FALLBACK", detail: "relaxed SIMD changed what it computes" }],
    },
  });
  expect(await library.ask("Hello")).toEqual(expected[0]);
});
