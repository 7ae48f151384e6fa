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

  /** Resolves once this tab has the lock; `onWait` when another has it now. Without locks, every tab has it. */
  async acquire(signal: AbortSignal | undefined, onWait: () => void): Promise<void> {
    throwIfAborted(signal);
    const locks = globalThis.navigator?.locks as LockManager | undefined;
    if (locks === undefined || this.#letGo !== null) return;
    if (await this.#request(locks, { ifAvailable: true })) return;
    onWait();
    const queue = new AbortController();
    const stop = () => queue.abort();
    signal?.addEventListener("abort", stop, { once: true });
    try {
      const taken = new Promise<"take">((resolve) => {
        this.#take = () => resolve("take");
      });
      const first = await Promise.race([this.#request(locks, { signal: queue.signal }), taken]);
      if (first !== "take") return;
      queue.abort();
      await this.#request(locks, { steal: true });
    } finally {
      this.#take = null;
      signal?.removeEventListener("abort", stop);
    }
  }

  /** Ends the waiting by taking the lock from whoever has it. */
  takeOver(): void {
    this.#take?.();
  }

  release(): void {
    const letGo = this.#letGo;
    this.#letGo = null;
    letGo?.();
  }

  /** True once it is granted; false when `ifAvailable` and it is not. */
  #request(locks: LockManager, options: LockOptions): Promise<boolean> {
    return new Promise((resolve, reject) => {
      let mine: (() => void) | null = null;
      const held = (lock: Lock | null) => {
        if (lock === null) {
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
