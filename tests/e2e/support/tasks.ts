// The longest task of a page's main thread, out of a trace of the browser.

import { type Browser, expect, type Page } from "@playwright/test";

/** What nobody notices: three frames at 60 Hz. */
const LONGEST_TASK_MS = 50;
/** What else a machine does can lengthen a task, its caches and its shared processor, and never shortens one. */
const TRIES = 3;

/** That one of a few runs of `act` has no task longer than that; `prepare` is no part of what is looked at. */
export async function expectNoLongTask(
  browser: Browser,
  page: Page,
  act: () => Promise<void>,
  prepare: () => Promise<void> = async () => {},
): Promise<void> {
  let least = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < TRIES && least >= LONGEST_TASK_MS; tries++) {
    await prepare();
    least = Math.min(least, await longestTask(browser, page, act));
  }
  expect(least).toBeLessThan(LONGEST_TASK_MS);
}

/**
 * Processor time, in ms, of the page's longest task while `act` runs. What other programs took does not count, nor a task
 * that answered the test's own questions: to count two thousand turns takes longer than to draw one.
 */
async function longestTask(browser: Browser, page: Page, act: () => Promise<void>): Promise<number> {
  await browser.startTracing(page, { categories: ["toplevel", "devtools.timeline"] });
  await act();
  interface TraceEvent {
    name: string;
    ph: string;
    pid: number;
    tid: number;
    ts: number;
    dur?: number;
    tdur?: number;
    args: { name?: string; chrome_mojo_event_info?: { mojo_interface_tag?: string } };
  }
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as {
    traceEvents: TraceEvent[];
  };
  const thread = ({ pid, tid }: TraceEvent) => `${pid}:${tid}`;
  const main = new Set(
    traceEvents
      .filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain")
      .map(thread),
  );
  const complete = traceEvents.filter((event) => event.ph === "X" && main.has(thread(event)));
  const questions = complete.filter(
    ({ args }) => args.chrome_mojo_event_info?.mojo_interface_tag === "blink.mojom.DevToolsSession",
  );
  const tasks = complete.filter(
    (task) =>
      task.name.endsWith("RunTask") &&
      !questions.some(
        (event) =>
          thread(event) === thread(task) && event.ts >= task.ts && event.ts <= task.ts + (task.dur ?? 0),
      ),
  );
  expect(tasks.length).toBeGreaterThan(100); // the trace was taken
  return Math.max(...tasks.map(({ tdur = 0 }) => tdur)) / 1000;
}
