#!/usr/bin/env node
// Whether a long conversation scrolls at 60 frames a second: the page in dist/ with a stored conversation of so many messages,
// scrolled from its end to its beginning and back, a step a frame. Reports the time between frames and, out of a trace,
// what the main thread worked in its longest task, in processor time, which other programs do not lengthen.
//
//   scroll.mjs [--messages 200,2000] [--speed 3000,30000] [--seconds 10] [--out bench/results/scroll.json]
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { createStaticServer } from '../../scripts/serve.mjs';
import { launchChromium } from '../support/chromium.mjs';
import { describeCommit, describeMachine } from '../support/machine.mjs';
import { ROOT } from '../support/models.mjs';
import { figure, markdownTable, median } from '../support/numbers.mjs';

const FRAME_MS = 1000 / 60;
const VIEWPORT = { width: 1280, height: 800 };

const { values: options } = parseArgs({
  options: {
    messages: { type: 'string', default: '200,2000' },
    speed: { type: 'string', default: '3000,30000' }, // CSS pixels a second
    seconds: { type: 'string', default: '10' },
    out: { type: 'string', default: join(ROOT, 'bench/results/scroll.json') },
  },
});
const numbers = (list) => list.split(',').map(Number);

/** In the page: puts a conversation of `count` messages of one to five lines into the database, as the newest. */
function store(count) {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open('parley');
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const transaction = request.result.transaction(['conversations', 'messages'], 'readwrite');
      for (let index = 0; index < count; index++) {
        const reply = index % 2 === 1;
        transaction.objectStore('messages').put({
          id: `m${index}`,
          conversation: 'long',
          parent: index === 0 ? null : `m${index - 1}`,
          role: reply ? 'assistant' : 'user',
          content: `Turn ${index}. ${'Some words to fill a line or two. '.repeat(1 + ((index * 7) % 10))}`,
          created: index,
          ...(reply && { state: 'done' }),
        });
      }
      const updated = Date.now() + 1000;
      const leaf = `m${count - 1}`;
      transaction.objectStore('conversations').put({ id: 'long', title: 'Long', created: 0, updated, leaf, system: '' });
      transaction.oncomplete = resolve;
      transaction.onerror = () => reject(transaction.error);
    };
  });
}

/** In the page: scrolls up and down for so long; the times of the frames, in ms, and how far it came, in CSS pixels. */
function scroll({ speed, seconds }) {
  return new Promise((resolve) => {
    const frames = [];
    let direction = -1;
    let travelled = 0;
    const begin = performance.now();
    const step = (now) => {
      frames.push(now);
      if (now - begin > seconds * 1000) return resolve({ frames, travelled });
      const before = scrollY;
      scrollBy({ top: (direction * speed) / 60, behavior: 'instant' });
      travelled += Math.abs(scrollY - before);
      if (scrollY === before) direction = -direction;
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  });
}

/** Processor time, in ms, of each of the main thread's tasks while `act` ran. */
async function tasksDuring(browser, page, act) {
  await browser.startTracing(page, { categories: ['toplevel', 'devtools.timeline'] });
  const result = await act();
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString());
  const thread = ({ pid, tid }) => `${pid}:${tid}`;
  const isMain = ({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain';
  const main = new Set(traceEvents.filter(isMain).map(thread));
  const tasks = traceEvents
    .filter((event) => event.ph === 'X' && event.name.endsWith('RunTask') && main.has(thread(event)))
    .map(({ tdur = 0 }) => tdur / 1000);
  return { result, tasks };
}

async function measure(url, messages, speed) {
  const browser = await launchChromium();
  try {
    const page = await browser.newPage({ viewport: VIEWPORT });
    await page.goto(url);
    await page.locator('.chip[data-phase="ready"]').waitFor({ timeout: 60_000 });
    await page.evaluate(store, messages);
    await page.evaluate(() => sessionStorage.setItem('parley.shown', 'long'));
    await page.reload();
    await page.locator('.chip[data-phase="ready"]').waitFor({ timeout: 60_000 });
    await page.waitForFunction((count) => document.querySelectorAll('.turn').length === count, messages);
    await page.waitForTimeout(2000); // for what follows loading: compilers, collectors
    const nodes = await page.evaluate(() => document.querySelectorAll('*').length);
    const { result, tasks } = await tasksDuring(browser, page, () =>
      page.evaluate(scroll, { speed, seconds: Number(options.seconds) }),
    );
    const gaps = result.frames.slice(1).map((time, index) => time - result.frames[index]);
    gaps.sort((a, b) => a - b);
    return {
      messages,
      speed,
      browser: browser.version(),
      elements: nodes,
      frames: gaps.length,
      screens: Math.round(result.travelled / VIEWPORT.height),
      median_ms: median(gaps),
      p99_ms: gaps[Math.floor(gaps.length * 0.99)],
      longest_ms: gaps.at(-1),
      late: gaps.filter((gap) => gap > 1.5 * FRAME_MS).length,
      longest_task_ms: Math.max(...tasks),
      tasks_over_frame: tasks.filter((ms) => ms > FRAME_MS).length,
    };
  } finally {
    await browser.close();
  }
}

async function main() {
  const dist = join(ROOT, 'dist');
  if (!existsSync(join(dist, 'index.html'))) throw new Error('no dist/: run scripts/build.sh first');
  const server = await createStaticServer({ dir: dist });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://localhost:${server.address().port}/`;
  const rows = [];
  try {
    for (const messages of numbers(options.messages))
      for (const speed of numbers(options.speed)) rows.push(await measure(url, messages, speed));
  } finally {
    server.close();
    server.closeAllConnections();
  }
  const taken = new Date().toISOString();
  const result = { taken, commit: describeCommit(), machine: describeMachine(), viewport: VIEWPORT, rows };
  mkdirSync(dirname(options.out), { recursive: true });
  writeFileSync(options.out, `${JSON.stringify(result, null, 1)}\n`);
  const heads = ['messages', 'px/s', 'screens', 'frames', 'median ms', '99% ms', 'longest ms', 'late', 'longest task ms'];
  const cells = rows.map((row) => [
    row.messages,
    row.speed,
    row.screens,
    row.frames,
    ...[row.median_ms, row.p99_ms, row.longest_ms].map(figure),
    row.late,
    figure(row.longest_task_ms),
  ]);
  process.stdout.write(`${markdownTable(heads, cells)}\n`);
}

await main().catch((error) => {
  process.stderr.write(`scroll: ${error.stack}\n`);
  process.exitCode = 1;
});
