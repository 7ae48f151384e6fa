// How far a download is: bytes, their rate over the last seconds and the time left, for all files of a model together.
import type { LoadProgress } from "../types";

/** What is told of a download; reports come at most ten times a second. */
export class ProgressMeter {
  #total: number; // 0 while it is not known
  readonly #files = new Map<string, number>(); // address -> bytes, of files whose size no manifest told
  readonly #now: () => number;
  readonly #report: (progress: LoadProgress) => void;
  #loaded = 0;
  #window: { at: number; loaded: number }[] = [];
  #reported = Number.NEGATIVE_INFINITY;
  #waiting: LoadProgress["waiting"];

  readonly #unknown: ReadonlySet<string>;

  /** `stored`: bytes of `total` that are there already. `unknown`: addresses of files that `total` leaves out. */
  constructor(
    total: number,
    stored: number,
    now: () => number,
    report: (progress: LoadProgress) => void,
    unknown: Iterable<string> = [],
  ) {
    this.#total = total;
    this.#unknown = new Set(unknown);
    this.#loaded = stored;
    this.#now = now;
    this.#report = report;
    this.#send();
  }

  /** `bytes` is negative when a part that failed must be fetched again. */
  add(bytes: number): void {
    this.#loaded += bytes;
    this.#waiting = undefined;
    if (this.#now() - this.#reported >= 100 || this.#loaded >= this.#total) this.#send();
  }

  /** Tells what add() held back, so that no one waits for the next byte to see the last. */
  flush(): void {
    this.#send();
  }

  /** The size of a file that no manifest told, as its host says now. */
  expectFile(url: string, bytes: number): void {
    if (!this.#unknown.has(url)) return;
    this.#total += bytes - (this.#files.get(url) ?? 0);
    this.#files.set(url, bytes);
  }

  wait(why: LoadProgress["waiting"]): void {
    this.#waiting = why;
    this.#send();
  }

  #send(): void {
    const now = this.#now();
    this.#reported = now;
    this.#window = this.#window.filter(({ at }) => now - at < 3000);
    this.#window.push({ at: now, loaded: this.#loaded });
    const first = this.#window[0] ?? { at: now, loaded: this.#loaded };
    const seconds = (now - first.at) / 1000;
    const rate = seconds > 0.2 ? Math.max(0, this.#loaded - first.loaded) / seconds : 0;
    const loaded = this.#total > 0 ? Math.min(this.#loaded, this.#total) : this.#loaded;
    const progress: LoadProgress = { phase: "download", loaded, total: this.#total };
    if (this.#waiting !== undefined) {
      progress.waiting = this.#waiting;
    } else if (rate > 0) {
      progress.bytes_per_second = rate;
      if (this.#total > 0) progress.seconds_left = (this.#total - loaded) / rate;
    }
    this.#report(progress);
  }
}
