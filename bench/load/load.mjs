#!/usr/bin/env node
// How long a second visit waits: load() of a stored model against a bare read of the same bytes from the browser's storage,
// and the time from opening the page to the first token of a 16-token prompt. Every round is a browser started anew, with the
// profile of the first visit, that has had time to come to rest. --spans also says what the load spent its time on.
//
//   load.mjs [--model 124M] [--type q8_0] [--threads 2] [--rounds 5] [--spans] [--out bench/results/load.json]
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { launchProfile } from '../support/chromium.mjs';
import { buildLibrary } from '../support/library.mjs';
import { describeCommit, describeMachine } from '../support/machine.mjs';
import { CACHE, ggufFile, ggufName, ROOT } from '../support/models.mjs';
import { figure, markdownTable, median } from '../support/numbers.mjs';
import { openSite } from '../support/site.mjs';

const PROMPT = ` of${' the'.repeat(15)}`; // 16 tokens
const ANOTHER = ` and${' the'.repeat(15)}`; // of which nothing is in the cache
const REST_MS = 2000; // a browser that was just started takes the processors for itself
const FIRST_VISIT_MS = 8000; // in which the browser stores the machine code that it has made

const { values: options } = parseArgs({
  options: {
    model: { type: 'string', default: '124M' },
    type: { type: 'string', default: 'q8_0' },
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '5' },
    spans: { type: 'boolean', default: false },
    out: { type: 'string', default: join(ROOT, 'bench/results/load.json') },
  },
});

/** Opens the page in a browser started for it, and runs `work` there. */
async function visit(profile, url, work) {
  const context = await launchProfile(profile);
  try {
    const page = await context.newPage();
    await page.waitForTimeout(REST_MS);
    await page.goto(url);
    await page.waitForFunction('window.ready');
    return { browser: context.browser()?.version(), ...(await work(page)) };
  } finally {
    await context.close();
  }
}

/** The spans of web/engine/spans.ts by name: how many, ms in all, and where they begin and end, in ms since load(). */
async function spansOf(page, loadBegun) {
  const worker = page.workers().find((one) => one.url().endsWith('/worker.js')); // the others are its threads
  const measures = await worker.evaluate(() =>
    performance
      .getEntriesByType('measure')
      .map(({ name, startTime, duration }) => ({ name, begin: performance.timeOrigin + startTime, duration })),
  );
  const spans = {};
  for (const { name, begin, duration } of measures) {
    if (!name.startsWith('parley ')) continue;
    const from = begin - loadBegun;
    spans[name.slice(7)] ??= { count: 0, ms: 0, begin: from, end: 0 };
    const span = spans[name.slice(7)];
    span.count += 1;
    span.ms += duration;
    span.end = from + duration;
  }
  return spans;
}

/** What spansOf found in each round, as a table of medians. */
function spanTable(rounds) {
  const rows = Object.keys(rounds[0]).map((name) => {
    const of = (key) => figure(median(rounds.map((spans) => spans[name]?.[key])));
    return [name, rounds[0][name].count, of('ms'), of('begin'), of('end')];
  });
  return markdownTable(['span of load()', 'count', 'ms', 'begins at', 'ends at'], rows);
}

async function main() {
  ggufFile(options.model, options.type);
  const pages = fileURLToPath(new URL('.', import.meta.url));
  const site = await openSite({ '/library/': buildLibrary(), '/models/': CACHE, '/': pages });
  const profile = mkdtempSync(join(tmpdir(), 'parley-load-'));
  const url = `${site.url}page.html`;
  const start = async (page) => {
    const taken = await page.evaluate((given) => window.start(...given), [
      `/models/${ggufName(options.model, options.type)}`,
      Number(options.threads),
      PROMPT,
    ]);
    return { ...taken, spans: await spansOf(page, taken.load_begun) };
  };
  const rounds = [];
  let first;
  try {
    first = await visit(profile, url, async (page) => {
      const taken = await start(page);
      await page.waitForTimeout(FIRST_VISIT_MS);
      return { ...taken, later_answer_ms: await page.evaluate((prompt) => window.ask(prompt), ANOTHER) };
    });
    for (let round = 0; round < Number(options.rounds); round++) {
      const read = await visit(profile, url, (page) => page.evaluate(() => window.bareRead()));
      const taken = await visit(profile, url, start);
      if (!taken.from_storage) throw new Error('the model was fetched again');
      rounds.push({ read_ms: read.ms, read_bytes: read.bytes, ...taken });
    }
  } finally {
    site.close();
    rmSync(profile, { recursive: true, force: true });
  }
  const of = (key) => median(rounds.map((round) => round[key]));
  const result = {
    taken: new Date().toISOString(),
    commit: describeCommit(),
    machine: describeMachine(),
    browser: `Chromium ${rounds[0].browser}`,
    model: options.model,
    type: options.type,
    first_visit: first,
    rounds,
  };
  mkdirSync(dirname(options.out), { recursive: true });
  writeFileSync(options.out, `${JSON.stringify(result, null, 1)}\n`);
  const heads = ['model', 'threads', 'bare read ms', 'load() ms', 'ratio', 'page to first token ms', 'answer ms'];
  const ratio = of('load_ms') / of('read_ms');
  const figures = [of('read_ms'), of('load_ms'), ratio, of('first_token_ms'), of('answer_ms')].map(figure);
  const row = [`${options.model} ${options.type.toUpperCase()}`, options.threads, ...figures];
  process.stdout.write(`${markdownTable(heads, [row])}\n`);
  if (options.spans) process.stdout.write(`\n${spanTable(rounds.map(({ spans }) => spans))}\n`);
}

await main().catch((error) => {
  process.stderr.write(`load: ${error.stack}\n`);
  process.exitCode = 1;
});
