// The page's end of one worker: calls that fail when it dies instead of waiting for ever, events by call, and a watch over
// its heartbeat. What to do about a death is left to supervisor.ts.
import * as Comlink from "comlink";
import type { Outcome, WorkerApi, WorkerEvent, WorkerSetup } from "./contract";
import { fromWire, ParleyError, throwIfAborted } from "./errors";
import { trustedScript } from "./trusted_script";

const TICK_MS = 1000;
const SILENCE_SECONDS = 30;

export interface Hooks {
  /** At most once: the worker is gone or its core has failed. */
  onDeath(reason: string): void;
  /** No heartbeat for this long while the page was visible. */
  onSilence(seconds: number): void;
  /** The first sign of life after a silence. */
  onAlive(): void;
}

export type CallEvent = Exclude<WorkerEvent, { kind: "heartbeat" }>;

export type Work<T> = (api: Comlink.Remote<WorkerApi>) => Promise<Outcome<T>>;

function startWorker(script: string): Worker {
  try {
    return new Worker(trustedScript(script), { type: "module", name: "parley" });
  } catch (cause) {
    const text = `${script} could not be started as a worker; it must come from the page's own origin.`;
    throw new ParleyError("BUILD_FAILED", text, { cause });
  }
}

export class WorkerHandle {
  readonly #worker: Worker;
  readonly #api: Comlink.Remote<WorkerApi>;
  readonly #hooks: Hooks;
  readonly #listeners = new Map<number, (event: CallEvent) => void>();
  readonly #ended = new AbortController();
  readonly #death: Promise<never>;
  readonly #ready: Promise<void>;
  #reject: (error: ParleyError) => void = () => {};
  #started = false;
  #silence = 0; // seconds
  #lastTick = performance.now();

  constructor(script: string, setup: WorkerSetup, hooks: Hooks) {
    this.#hooks = hooks;
    this.#death = new Promise((_, reject) => {
      this.#reject = reject;
    });
    this.#death.catch(() => {});
    this.#worker = startWorker(script);
    this.#worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.die(event.message || `${script} could not be loaded`);
    });
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }: MessageEvent<WorkerEvent>) => this.#receive(data);
    this.#ended.signal.addEventListener("abort", () => port1.close());
    this.#api = Comlink.wrap<WorkerApi>(this.#worker);
    this.#ready = Promise.race([this.#api.setUp(setup, Comlink.transfer(port2, [port2])), this.#death]);
    this.#ready.then(
      () => {
        this.#started = true;
        this.#watchLock(setup.lock);
      },
      () => {},
    );
    const timer = setInterval(() => this.#tick(), TICK_MS);
    this.#ended.signal.addEventListener("abort", () => clearInterval(timer));
  }

  get ended(): boolean {
    return this.#ended.signal.aborted;
  }

  /**
   * The value of a call, or its error as an exception; WORKER_CRASHED when the worker dies before the answer. A signal that has
   * aborted before the worker was ready makes it AbortError, and the worker hears nothing of it.
   */
  async call<T>(work: Work<T>, signal?: AbortSignal): Promise<T> {
    await this.#ready;
    throwIfAborted(signal);
    const outcome = await Promise.race([work(this.#api), this.#death]);
    if (outcome.ok) return outcome.value;
    const error = fromWire(outcome.error);
    if (outcome.error.code === "WORKER_CRASHED") this.die(error.message);
    throw error;
  }

  /** Posts one message and does not wait. */
  cancel(call: number): void {
    void Promise.resolve(this.#api.cancel(call)).catch(() => {});
  }

  listen(call: number, listener: (event: CallEvent) => void): () => void {
    this.#listeners.set(call, listener);
    return () => this.#listeners.delete(call);
  }

  /** Ends the worker and says that it failed. */
  die(reason: string): void {
    if (this.ended) return;
    this.terminate(
      this.#started
        ? new ParleyError("WORKER_CRASHED", `The worker stopped: ${reason}`)
        : new ParleyError("BUILD_FAILED", `The worker did not start: ${reason}`),
    );
    this.#hooks.onDeath(reason);
  }

  /** Ends the worker on purpose; calls without an answer fail with `error`. */
  terminate(error: ParleyError): void {
    if (this.ended) return;
    this.#ended.abort();
    this.#worker.terminate();
    this.#reject(error);
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    const counts = {
      prompt_tokens: 0,
      cached_tokens: 0,
      completion_tokens: 0,
      context: 0,
      prompt_ms: 0,
      predicted_ms: 0,
      threads: 0,
    };
    for (const [call, listener] of listeners) {
      listener({ kind: "failed", call, error: { code: error.code, message: error.message }, counts });
    }
  }

  /** The worker holds a lock while it lives; getting it means that it does not. */
  #watchLock(lock: string): void {
    const locks = navigator.locks as LockManager | undefined;
    void locks
      ?.request(lock, { signal: this.#ended.signal }, async () => this.die("it ended by itself"))
      .catch(() => {});
  }

  #receive(event: WorkerEvent): void {
    if (this.#silence >= SILENCE_SECONDS) this.#hooks.onAlive();
    this.#silence = 0;
    if (event.kind === "heartbeat") return;
    this.#listeners.get(event.call)?.(event);
    if (event.kind === "failed" && event.error.code === "WORKER_CRASHED") this.die(event.error.message);
  }

  /** Time in which the page was hidden or frozen does not count. */
  #tick(): void {
    const now = performance.now();
    const seconds = Math.min(now - this.#lastTick, 2 * TICK_MS) / 1000;
    this.#lastTick = now;
    if (globalThis.document?.visibilityState === "hidden") return;
    this.#silence += seconds;
    if (this.#silence >= SILENCE_SECONDS) this.#hooks.onSilence(Math.round(this.#silence));
  }
}
