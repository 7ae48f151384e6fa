// Who is next: calls that need the session to themselves take turns in the order in which they were made.
import { abortError, throwIfAborted } from "./errors";

export class Turns {
  #last: Promise<void> = Promise.resolve();

  /** Waits for the turn; call what it returns to end it. A signal that aborts while waiting gives the turn up. */
  async enter(signal?: AbortSignal): Promise<() => void> {
    let end: () => void = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const before = this.#last;
    this.#last = before.then(() => ended);
    try {
      throwIfAborted(signal);
      await orAborted(before, signal);
      return end;
    } catch (error) {
      end();
      throw error;
    }
  }
}

/** `promise`, or AbortError as soon as the signal aborts. */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  promise.catch(() => {}); // may fail after nobody waits for it any more
  throwIfAborted(signal);
  let onAbort: () => void = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(abortError());
    signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
