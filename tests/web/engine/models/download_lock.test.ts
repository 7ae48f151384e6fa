// Who downloads: one at a time, over the locks of a real runtime. Frozen tabs are requests that keep a lock and say nothing.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { isAbortError } from "../../../../web/engine/errors";
import { exclusively } from "../../../../web/engine/models/download_lock";

const SILENCE_MS = 8000;
const quiet = () => {};
const running = new AbortController().signal;
let count = 0;
let id: string;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
  count += 1;
  id = `model ${count}`;
});

afterEach(() => {
  vi.useRealTimers();
});

/** Holds the lock of this test's model, as another tab does; resolves once it has it. */
function hold(options: LockOptions): Promise<{ release: () => void }> {
  return new Promise((granted) => {
    const held = () => new Promise<void>((release) => granted({ release }));
    navigator.locks.request(`parley-download-${id}`, options, held).catch(quiet); // it may be taken from this one, too
  });
}

/** Work that goes on until it is aborted or told to end. */
function slowWork() {
  const begun: AbortSignal[] = [];
  let end = quiet;
  const work = (_report: unknown, signal: AbortSignal) =>
    new Promise<string>((resolve, reject) => {
      begun.push(signal);
      end = () => resolve("done");
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  return { begun, work, end: () => end() };
}

test("D14: a lock that is lost stops the work, which begins again when it is free", async () => {
  const { begun, work, end } = slowWork();
  const outcome = exclusively(id, quiet, running, work);
  await vi.waitFor(() => expect(begun).toHaveLength(1));
  const thief = await hold({ steal: true });
  await vi.waitFor(() => expect(begun[0]?.aborted).toBe(true));
  thief.release();
  await vi.waitFor(() => expect(begun).toHaveLength(2));
  end();
  expect(await outcome).toBe("done");
});

test("D14: so does one that was taken from a frozen tab and is lost in turn", async () => {
  await hold({});
  const { begun, work, end } = slowWork();
  const outcome = exclusively(id, quiet, running, work);
  outcome.catch(quiet); // looked at below
  await vi.advanceTimersByTimeAsync(SILENCE_MS);
  await vi.waitFor(() => expect(begun).toHaveLength(1));
  const thief = await hold({ steal: true });
  await vi.waitFor(() => expect(begun[0]?.aborted).toBe(true));
  thief.release();
  await vi.waitFor(() => expect(begun).toHaveLength(2));
  end();
  expect(await outcome).toBe("done");
});

test("aborting while another tab works is AbortError, and nothing is taken from it", async () => {
  const other = await hold({});
  const stop = new AbortController();
  const { begun, work } = slowWork();
  const outcome = exclusively(id, quiet, stop.signal, work);
  stop.abort();
  expect(isAbortError(await outcome.catch((error: unknown) => error))).toBe(true);
  await vi.advanceTimersByTimeAsync(SILENCE_MS);
  expect(begun).toHaveLength(0);
  other.release();
});
