// The library with a real browser's storage: the second visit, faults of host and storage, a load that is cancelled.
import { answer } from "../support/site";
import { expect, failureOf, siteFile, test } from "./fixtures";

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

test("D15: a model that storage has no room for runs, partly from memory, and says so; it can be deleted", async ({
  library,
  page,
  context,
}) => {
  const devtools = await context.newCDPSession(page);
  const origin = new URL(library.site.url).origin;
  const setQuota = (quotaSize?: number) =>
    devtools.send("Storage.overrideQuotaForOrigin", { origin, ...(quotaSize && { quotaSize }) });
  const stored = () => page.evaluate(() => window.engine.models.stored());
  await setQuota(10 << 20); // two parts of five, and their records
  await library.open();
  const info = await library.load();
  expect(info).toMatchObject({
    from_storage: false,
    notices: [{ code: "STORAGE_MEMORY", detail: "the browser's storage is full" }],
  });
  const answer = await library.ask("Hello");
  expect(answer.text.length).toBeGreaterThan(0);
  const [kept] = await stored();
  expect(kept).toMatchObject({ id: "parley-17m", complete: false });
  expect(kept?.bytes).toBeGreaterThan(0);
  expect(kept?.bytes).toBeLessThan(10 << 20);

  await page.evaluate(() => window.engine.models.remove("parley-17m"));
  expect(await stored()).toEqual([]);
  expect(await library.ask("Hello")).toEqual(answer); // what is in use stays in memory
  const files = await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const parts = await root.getDirectoryHandle("parley-parts");
    return Array.fromAsync((parts as unknown as { keys(): AsyncIterable<string> }).keys());
  });
  expect(files).toEqual([]);

  await setQuota();
  await page.evaluate(() => window.engine.unload());
  expect(await library.load()).toMatchObject({ from_storage: false, notices: [] });
  expect(await library.ask("Hello")).toEqual(answer);
  expect(await stored()).toMatchObject([{ id: "parley-17m", complete: true }]);
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
