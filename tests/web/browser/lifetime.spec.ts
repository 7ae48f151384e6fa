// What many loads leave behind, in a real browser.
import { readFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import { expect, test } from "./fixtures";

/** A model of 16 KB. */
const TINY = readFileSync(new URL("../../fuzz/corpus/gguf/model_q4_0", import.meta.url)).toString("base64");

function loadTiny(page: Page, cycles: number): Promise<void> {
  return page.evaluate(
    async ({ base64, count }) => {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      for (let cycle = 0; cycle < count; cycle++) {
        await window.engine.load(new Blob([bytes]), { threads: 2 });
        await window.engine.unload();
      }
    },
    { base64: TINY, count: cycles },
  );
}

/** Bytes of this page and its workers, after a collection. */
function memoryOf(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const measure = performance as unknown as {
      measureUserAgentSpecificMemory(): Promise<{ bytes: number }>;
    };
    return (await measure.measureUserAgentSpecificMemory()).bytes;
  });
}

test("R10: 200 loads and unloads leave neither workers nor memory behind, nor does planning", async ({
  library,
  page,
}) => {
  test.setTimeout(600_000); // two minutes on an idle machine
  await library.open();
  await loadTiny(page, 10);
  await expect.poll(() => page.workers().length).toBe(0);
  const before = await memoryOf(page);
  await loadTiny(page, 190);
  await expect.poll(() => page.workers().length).toBe(0);
  const growth = (await memoryOf(page)) - before;
  // One load alone takes a wasm memory of more than 5 MB.
  expect(growth).toBeLessThan(2_000_000);
  const info = await library.load({ threads: 2 });
  expect(info.build).toBe("relaxed-threads");
  expect((await library.ask("Hello")).ids.length).toBeGreaterThan(0);
  // Planning takes a memory of 32 MiB; page and worker have a few MiB of their own.
  expect((await memoryOf(page)) - info.memory.actual_bytes).toBeLessThan(16 << 20);
});
