// The longest task of a page's main thread, out of a trace of the browser.

import { type Browser, expect, type Page } from "@playwright/test";

/** What nobody notices: three frames at 60 Hz. */
export const LONGEST_TASK_MS = 50;

/** Processor time, in ms, of the page's longest task while `act` runs; time that other programs took does not count. */
export async function longestTask(browser: Browser, page: Page, act: () => Promise<void>): Promise<number> {
  await browser.startTracing(page, { categories: ["toplevel", "devtools.timeline"] });
  await act();
  interface TraceEvent {
    name: string;
    ph: string;
    pid: number;
    tid: number;
    tdur?: number;
    args: { name?: string };
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
  const tasks = traceEvents.filter(
    (event) => event.ph === "X" && event.name.endsWith("RunTask") && main.has(thread(event)),
  );
  expect(tasks.length).toBeGreaterThan(100); // the trace was taken
  return Math.max(...tasks.map(({ tdur = 0 }) => tdur)) / 1000;
}
