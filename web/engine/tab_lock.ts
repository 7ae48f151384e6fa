// One tab of a site runs a model at a time, for pages that want it so: the others wait until it is closed, or take over.
// What a tab does when it is taken over is supervisor.ts's.
import { throwIfAborted } from "./errors";

export class TabLock {
  readonly #name: string;
  readonly #onLost: () => void;
  #letGo: (() => void) | null = null; // while it is held
  #take: (() => void) | null = null; // while it is waited for

  /** `onLost`: another tab has taken it. */
  constructor(name: string, onLost: () => void) {
    this.#name = name;
    this.#onLost = onLost;
  }

  /**
   * Resolves once this tab has the lock; `onWait` when another has it now. Without locks, every tab has it. One wait at a time:
   * what waited before has been called off.
   */
  async acquire(signal: AbortSignal, onWait: () => void): Promise<void> {
    throwIfAborted(signal);
    const locks = globalThis.navigator?.locks as LockManager | undefined;
    if (locks === undefined || this.#letGo !== null) return;
    if (!(await this.#request(locks, { ifAvailable: true }, signal))) {
      throwIfAborted(signal);
      onWait();
      await this.#wait(locks, signal);
    }
    if (signal.aborted) this.release();
    throwIfAborted(signal);
  }

  /** Ends the waiting by taking the lock from whoever has it. */
  takeOver(): void {
    this.#take?.();
  }

  get isHeld(): boolean {
    return this.#letGo !== null;
  }

  release(): void {
    const letGo = this.#letGo;
    this.#letGo = null;
    letGo?.();
  }

  /** In the queue, until the lock is free, taken over, or no longer wanted. */
  async #wait(locks: LockManager, signal: AbortSignal): Promise<void> {
    const queue = new AbortController();
    const stop = () => queue.abort();
    signal.addEventListener("abort", stop, { once: true });
    let take = () => {};
    const taken = new Promise<"take">((resolve) => {
      take = () => resolve("take");
    });
    this.#take = take;
    try {
      const first = await Promise.race([this.#request(locks, { signal: queue.signal }, queue.signal), taken]);
      if (first !== "take") return;
      queue.abort();
      await this.#request(locks, { steal: true }, signal);
    } finally {
      if (this.#take === take) this.#take = null;
      signal.removeEventListener("abort", stop);
    }
  }

  /** True once it is granted; false when `ifAvailable` and it is not, or when `wanted` has aborted meanwhile. */
  #request(locks: LockManager, options: LockOptions, wanted: AbortSignal): Promise<boolean> {
    return new Promise((resolve, reject) => {
      let mine: (() => void) | null = null;
      const held = (lock: Lock | null) => {
        if (lock === null || wanted.aborted) {
          resolve(false);
          return undefined;
        }
        return new Promise<void>((letGo) => {
          mine = letGo;
          this.#letGo = letGo;
          resolve(true);
        });
      };
      locks.request(this.#name, options, held).catch((error: unknown) => {
        reject(error);
        if (mine === null || this.#letGo !== mine) return;
        this.#letGo = null;
        this.#onLost();
      });
    });
  }
}
