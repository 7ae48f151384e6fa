// One engine, one model, one round in a fresh Chromium: load, speed, memory, and the bytes of code that it fetched.
import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { gzipSync } from 'node:zlib';
import { launchChromium, peakPageBytes } from '../support/chromium.mjs';
import { contextOf, measure } from './work.mjs';

const CODE = new Set(['.js', '.mjs', '.wasm']);

/**
 * `path` is one under pages/; `site` serves pages, packages, models and Parley's library. Live memory is the same in every
 * round and takes up to a minute, since Chromium asks threads that sleep: `withMemory` says whether to ask for it.
 */
export async function runInBrowser(site, path, { model, type, threads }, withMemory) {
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    const failed = new Promise((_, reject) => page.on('pageerror', reject));
    failed.catch(() => {});
    site.requested.clear();
    const run = async () => {
      await page.goto(`${site.url}pages/${path}`);
      await page.waitForFunction('window.ready');
      const begun = performance.now();
      const loaded = await page.evaluate((given) => window.load(...given), [model, type, threads, contextOf(model)]);
      const load_s = (performance.now() - begun) / 1000;
      const generate = (...given) => page.evaluate((words) => window.generate(...words), given);
      const speed = await measure(generate, model);
      return {
        ...loaded,
        load_s,
        ...speed,
        code_bytes: codeBytes(site.requested),
        peak_bytes: await peakPageBytes(browser),
        ...(withMemory && (await page.evaluate(liveBytes))),
      };
    };
    return await Promise.race([run(), failed]);
  } finally {
    await browser.close();
  }
}

/** In the page: undefined for an engine that does not say. */
const liveBytes = async () => window.liveBytes && { live_bytes: await window.liveBytes() };

const compressed = new Map();

/** Bytes after gzip -9 of the scripts and wasm files among `files`. */
function codeBytes(files) {
  let sum = 0;
  for (const file of files) {
    if (!CODE.has(extname(file))) continue;
    if (!compressed.has(file)) compressed.set(file, gzipSync(readFileSync(file), { level: 9 }).length);
    sum += compressed.get(file);
  }
  return sum;
}
