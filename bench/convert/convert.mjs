#!/usr/bin/env node
// What converting a checkpoint takes of memory in the browser: a random GPT-2 in f32 safetensors is fetched from a server on
// this machine, quantized in the worker, stored and loaded, each run in a freshly started browser. Reports the finished
// model's bytes, the size to which the converter's wasm memory grew, and by how much the page's process exceeded, in each
// phase, the size that it had when the worker stood ready.
//
//   convert.mjs [--model 124M] [--types q8_0,q4_0] [--rounds 3] [--out bench/results/convert.json]
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildLibrary } from '../support/library.mjs';
import { describeCommit, describeMachine } from '../support/machine.mjs';
import { CACHE, checkpointFolder, ROOT } from '../support/models.mjs';
import { figure, markdownTable, median } from '../support/numbers.mjs';
import { forgetPeak, peakProcessBytes, residentProcessBytes } from '../support/processes.mjs';
import { openSite } from '../support/site.mjs';
import { openUnwatched } from '../support/unwatched_chromium.mjs';

const { values: options } = parseArgs({
  options: {
    model: { type: 'string', default: '124M' },
    types: { type: 'string', default: 'q8_0,q4_0' },
    rounds: { type: 'string', default: '3' },
    out: { type: 'string', default: join(ROOT, 'bench/results/convert.json') },
  },
});

/** Puts the catalog entry of a checkpoint beside its files. */
function writeEntry(folder) {
  const files = readdirSync(folder).filter((name) => name !== 'entry.json');
  const entry = {
    id: options.model,
    name: options.model,
    description: '',
    revision: '1',
    license: '',
    license_url: 'https://localhost/',
    languages: [],
    architecture: 'gpt2',
    quantization: '',
    parameters: 0,
    context: 1024,
    chat_format: 'completion',
    import: 'q8_0',
    files: files.map((url) => ({ url, bytes: statSync(join(folder, url)).size })),
  };
  writeFileSync(join(folder, 'entry.json'), JSON.stringify(entry));
}

/** In the worker: keeps the largest size of each wasm memory that is made from now on, and no memory itself. */
function watchMemories() {
  const sizes = [];
  globalThis.wasmMemories = sizes;
  WebAssembly.Memory = class extends WebAssembly.Memory {
    #number;

    constructor(descriptor) {
      super(descriptor);
      this.#number = sizes.push(this.buffer.byteLength) - 1;
    }

    grow(pages) {
      const before = super.grow(pages);
      sizes[this.#number] = this.buffer.byteLength;
      return before;
    }
  };
}

/** The peaks of a browser's pages, phase by phase, above what they had when it was made. */
class Watch {
  constructor(pids) {
    this.before = new Map(pids.map((pid) => [pid, residentProcessBytes(pid)]));
    for (const pid of pids) forgetPeak(pid);
  }

  /** Bytes since the last call, of the page that grew most; forgets them. */
  take() {
    const grown = [...this.before].map(([pid, bytes]) => peakProcessBytes(pid) - bytes);
    for (const pid of this.before.keys()) forgetPeak(pid);
    return Math.max(...grown);
  }
}

async function convert(site, type) {
  const profile = mkdtempSync(join(tmpdir(), 'parley-convert-'));
  const peaks = {};
  let begun = 0;
  let ended = 0;
  let watch;
  const browser = await openUnwatched(profile, `${site.url}page.html`, (phase) => {
    if (phase === 'convert') {
      peaks.download = watch.take();
      begun = performance.now();
    } else if (phase === 'made') {
      peaks.convert = watch.take();
      ended = performance.now();
    }
  });
  try {
    await browser.evaluate(() => window.prepare());
    const inWorker = await browser.worker();
    await inWorker(watchMemories);
    watch = new Watch(await browser.pages());
    const entry = `/models/${options.model}-checkpoint/entry.json`;
    const loaded = await browser.evaluate((...given) => window.start(...given), entry, type);
    peaks.load = watch.take();
    const [wasm_bytes] = await inWorker(() => globalThis.wasmMemories); // the converter's was made first
    return {
      type,
      browser: browser.version,
      ...loaded,
      source_bytes: statSync(join(checkpointFolder(options.model), 'model.safetensors')).size,
      wasm_bytes,
      convert_ms: ended - begun,
      download_peak_bytes: peaks.download,
      convert_peak_bytes: peaks.convert,
      load_peak_bytes: peaks.load,
    };
  } finally {
    await browser.close();
    rmSync(profile, { recursive: true, force: true });
  }
}

async function main() {
  writeEntry(checkpointFolder(options.model));
  const pages = fileURLToPath(new URL('.', import.meta.url));
  const site = await openSite({ '/library/': buildLibrary(), '/models/': CACHE, '/': pages });
  const rounds = [];
  try {
    for (let round = 0; round < Number(options.rounds); round++)
      for (const type of options.types.split(',')) rounds.push(await convert(site, type));
  } finally {
    site.close();
  }
  const taken = new Date().toISOString();
  const { browser } = rounds[0];
  const result = { taken, commit: describeCommit(), machine: describeMachine(), browser, model: options.model, rounds };
  mkdirSync(dirname(options.out), { recursive: true });
  writeFileSync(options.out, `${JSON.stringify(result, null, 1)}\n`);
  const heads = ['type', 'source MB', 'model MB', 'wasm MB', 'download +MB', 'convert +MB', 'load +MB', 'planned MB', 'convert s'];
  const rows = options.types.split(',').map((type) => {
    const of = (key) => median(rounds.filter((round) => round.type === type).map((round) => round[key]));
    const keys = ['source', 'model', 'wasm', 'download_peak', 'convert_peak', 'load_peak', 'planned'];
    return [type.toUpperCase(), ...keys.map((key) => figure(of(`${key}_bytes`) / 1e6)), figure(of('convert_ms') / 1000)];
  });
  process.stdout.write(`${markdownTable(heads, rows)}\n`);
}

await main().catch((error) => {
  process.stderr.write(`convert: ${error.stack}\n`);
  process.exitCode = 1;
});
