// Keeps a worker with the model in it: starts it, loads, and when it dies starts another and loads the same model again
// from storage. Each worker is an epoch; whatever still comes from an earlier one is ignored.
import type { WireFile, WireLoadOptions, WireSource } from "./contract";
import { isAbortError, ParleyError, throwIfAborted } from "./errors";
import { TabLock } from "./tab_lock";
import { orAborted } from "./turns";
import type { BuildName, EngineState, LoadOptions, LoadProgress, ModelInfo } from "./types";
import { type Work, WorkerHandle } from "./worker_handle";

export interface SupervisorOptions {
  script: string;
  baseUrl: string;
  hub: string;
  build: BuildName | null;
  exclusive: boolean; // one tab at a time has a model
  onState(state: EngineState): void;
}

interface Model {
  source: WireSource;
  options: WireLoadOptions;
  info: ModelInfo;
  handle: WorkerHandle | null; // the worker that has it; it may be gone
}

const NO_MODEL = "No model is loaded.";
const DISPOSED = "The engine was disposed of.";

export class Supervisor {
  readonly #options: SupervisorOptions;
  #state: EngineState = { state: "idle" };
  #beforeSilence: EngineState | null = null;
  #handle: WorkerHandle | null = null;
  #model: Model | null = null; // that was loaded last, also while it is being loaded again
  #away: Model | null = null; // to be loaded again when the tab that has taken over is done
  #wait: AbortController | null = null; // for that tab
  #epoch = 0;
  #calls = 0;
  #loading = false;
  #restarting: Promise<void> | null = null;
  #disposed = false;
  #relaxed = true;
  readonly #tab: TabLock | null;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#tab = options.exclusive
      ? new TabLock(`parley-engine-${options.baseUrl}`, () => this.#onTakenOver())
      : null;
  }

  get state(): EngineState {
    return this.#state;
  }

  get info(): ModelInfo | null {
    return this.#model?.info ?? null;
  }

  nextCall(): number {
    this.#calls += 1;
    return this.#calls;
  }

  /** The worker, started when there is none; waits while one is being replaced. */
  async worker(): Promise<WorkerHandle> {
    this.#checkDisposed();
    while (this.#restarting !== null) await this.#restarting;
    this.#checkDisposed();
    this.#handle ??= this.#start();
    return this.#handle;
  }

  /** The worker with its model. NOT_LOADED without one. */
  async loaded(): Promise<{ handle: WorkerHandle; info: ModelInfo }> {
    const handle = await this.worker();
    if (this.#model?.handle !== handle) throw new ParleyError("NOT_LOADED", NO_MODEL);
    return { handle, info: this.#model.info };
  }

  /** What needs no model: done again in the next worker when this one was ended for the sake of another model. */
  call<T>(work: Work<T>): Promise<T> {
    return this.#again((handle) => handle.call(work));
  }

  async #again<T>(work: (handle: WorkerHandle) => Promise<T>): Promise<T> {
    for (;;) {
      const handle = await this.worker();
      try {
        return await work(handle);
      } catch (error) {
        if (!(error instanceof ParleyError) || error.code !== "NOT_LOADED" || !handle.ended) throw error;
      }
    }
  }

  /** Loads a model in place of the one before, which is back again when that fails. */
  async load(source: WireSource, given: LoadOptions): Promise<ModelInfo> {
    this.#checkDisposed();
    const { context = 0, threads = 0, quantization = null } = given;
    const wire = { context, threads, quantization };
    const onProgress = (progress: LoadProgress) => {
      if (this.#state.state === "loading") this.#setState({ state: "loading", progress });
      given.onProgress?.(progress);
    };
    const options = { ...given, onProgress };
    // A model that is being loaded again is there to come back to.
    while (this.#restarting !== null) await orAborted(this.#restarting, options.signal);
    const away = this.#away;
    this.#loading = true;
    this.#setState({ state: "loading", progress: null });
    try {
      await this.#acquireTab(options.signal);
      if (this.#state.state === "elsewhere") this.#setState({ state: "loading", progress: null });
      if (this.#model !== null) {
        // Whatever can be wrong with the new model comes out while the old one still runs.
        const handle = await this.worker();
        await this.#cancellable(handle, options, (call) => (api) => api.prepare(call, source, wire));
        this.#endWorker("NOT_LOADED", NO_MODEL);
      }
      const handle = await this.worker();
      const info = await this.#loadInto(handle, source, wire, options);
      this.#model = { source, options: wire, info, handle };
      this.#setState({ state: "ready", info });
      return info;
    } catch (error) {
      await this.#afterFailedLoad(away, error);
      this.#checkDisposed();
      throw error;
    } finally {
      this.#loading = false;
    }
  }

  /** Waits for the tab that has a model now. Only the last wait goes on. */
  async #acquireTab(signal?: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    this.#callOffWait();
    const wait = new AbortController();
    const stop = () => wait.abort();
    signal?.addEventListener("abort", stop, { once: true });
    this.#wait = wait;
    try {
      await this.#tab?.acquire(wait.signal, () => this.#setState({ state: "elsewhere" }));
    } finally {
      signal?.removeEventListener("abort", stop);
      if (this.#wait === wait) this.#wait = null;
    }
  }

  #callOffWait(): void {
    this.#wait?.abort();
    this.#wait = null;
    this.#away = null;
  }

  takeOver(): void {
    this.#tab?.takeOver();
  }

  /** Gives the memory up to the tab that has taken over. */
  #onTakenOver(): void {
    const model = this.#model;
    if (this.#disposed) return;
    this.#endWorker("NOT_LOADED", "Another tab has taken over.");
    this.#model = null;
    this.#setState({ state: "elsewhere" });
    if (model !== null) void this.#comeBack(model);
  }

  /** Waits until the tab that has taken over is done, then loads `model` again. */
  async #comeBack(model: Model): Promise<void> {
    try {
      const waiting = this.#acquireTab();
      this.#away = model;
      await waiting;
      this.#away = null;
      await this.#reload(model, "the other tab was closed");
    } catch {
      // Called off, or the state says what failed.
    }
  }

  /** Goes back to what was there before, or to nothing; `away`: what waited for another tab. */
  async #afterFailedLoad(away: Model | null, error: unknown): Promise<void> {
    if (this.#disposed || this.#away !== null) return; // what was taken over waits for its tab already
    if (this.#restarting !== null) return this.#restarting; // asked for meanwhile
    const before = this.#model ?? away;
    if (before === null) {
      // What a failed load took is given back with its worker. A download that was cancelled took nothing, and may
      // be storing the last of what has arrived.
      const isArriving = this.#state.state === "loading" && this.#state.progress?.phase !== "load";
      if (!isAbortError(error) || !isArriving) this.#recycle();
      this.#tab?.release();
      this.#setState(isAbortError(error) ? { state: "idle" } : failed(error));
    } else if (away !== null && this.#tab?.isHeld === false) {
      void this.#comeBack(away);
    } else if (before.handle !== null && before.handle === this.#handle) {
      this.#setState({ state: "ready", info: before.info });
    } else {
      this.#endWorker("NOT_LOADED", NO_MODEL); // and with it what the failed load took
      await this.#reload(before, "the other model could not be loaded").catch(() => {});
    }
  }

  #loadInto(
    handle: WorkerHandle,
    source: WireSource,
    wire: WireLoadOptions,
    options: LoadOptions,
  ): Promise<ModelInfo> {
    return this.#cancellable(handle, options, (call) => (api) => api.load(call, source, wire));
  }

  /** Runs a call that reports progress and stops when the signal aborts. */
  async #cancellable<T>(
    handle: WorkerHandle,
    options: LoadOptions,
    work: (call: number) => Work<T>,
  ): Promise<T> {
    const call = this.nextCall();
    const unlisten = handle.listen(call, (event) => {
      if (event.kind === "progress" && options.signal?.aborted !== true) options.onProgress?.(event.progress);
    });
    const onAbort = () => handle.cancel(call);
    options.signal?.addEventListener("abort", onAbort, { once: true });
    try {
      return await orAborted(handle.call(work(call), options.signal), options.signal);
    } finally {
      unlisten();
      options.signal?.removeEventListener("abort", onAbort);
    }
  }

  /** Copies the user's files into storage; the state stays as it is. */
  async add(files: WireFile[], options: LoadOptions): Promise<string> {
    const type = options.quantization ?? "q8_0";
    return this.#again(async (handle) =>
      this.#cancellable(handle, options, (call) => (api) => api.add(call, files, type)),
    );
  }

  unload(): void {
    this.#callOffWait();
    this.#recycle();
    this.#tab?.release();
    this.#setState({ state: "idle" });
  }

  /** A fresh worker with the same model; what runs now fails with WORKER_CRASHED. */
  async restart(): Promise<void> {
    this.#checkDisposed();
    if (this.#wait !== null) return; // nothing runs before the other tab is done
    const model = this.#model;
    this.#endWorker("WORKER_CRASHED", "The worker was restarted.");
    if (model !== null) await this.#reload(model, "asked for");
    else if (!this.#loading) this.#setState({ state: "idle" });
  }

  /** From now on without relaxed SIMD: its dot product no longer gives the sums that it gave at first. */
  async leaveRelaxed(): Promise<void> {
    const model = this.#model;
    this.#relaxed = false;
    this.#endWorker("WORKER_CRASHED", "The worker was replaced by one without relaxed SIMD.");
    if (model !== null) await this.#reload(model, "relaxed SIMD no longer computes what it did");
  }

  dispose(): void {
    this.#disposed = true;
    this.#callOffWait();
    this.#endWorker("DISPOSED", DISPOSED);
    this.#model = null;
    this.#tab?.release();
    this.#setState({ state: "idle" });
  }

  generating(info: ModelInfo, yes: boolean): void {
    if (this.#disposed || this.#model?.info !== info) return;
    if (this.#state.state === "ready" || this.#state.state === "generating") {
      this.#setState({ state: yes ? "generating" : "ready", info });
    }
  }

  #start(): WorkerHandle {
    const epoch = this.#epoch + 1;
    const setup = {
      baseUrl: this.#options.baseUrl,
      hub: this.#options.hub,
      build: this.#options.build,
      relaxed: this.#relaxed,
      lock: `parley-worker-${randomName()}`,
    };
    const current = (work: () => void) => {
      if (epoch === this.#epoch && !this.#disposed) work();
    };
    const handle = new WorkerHandle(this.#options.script, setup, {
      onDeath: (reason) => current(() => this.#onDeath(reason)),
      onSilence: (seconds) => current(() => this.#onSilence(seconds)),
      onAlive: () => current(() => this.#onAlive()),
    });
    this.#epoch = epoch;
    return handle;
  }

  #onDeath(reason: string): void {
    this.#handle = null;
    this.#beforeSilence = null;
    // A death while loading is that load's failure; it is not tried again by itself.
    if (this.#model === null || this.#restarting !== null || this.#loading) return;
    void this.#reload(this.#model, reason).catch(() => {});
  }

  /** Loads `model` into a new worker. Calls made meanwhile wait for it. */
  #reload(model: Model, reason: string): Promise<void> {
    this.#model = { ...model, handle: null };
    this.#setState({ state: "restarting", reason });
    const reloading = this.#loadAgain(model);
    const restarting = reloading
      .catch(() => {})
      .finally(() => {
        if (this.#restarting === restarting) this.#restarting = null;
      });
    this.#restarting = restarting;
    return reloading;
  }

  async #loadAgain(model: Model): Promise<void> {
    let epoch = this.#epoch;
    try {
      this.#handle ??= this.#start();
      epoch = this.#epoch;
      const handle = this.#handle;
      const info = await this.#loadInto(handle, model.source, model.options, {});
      this.#model = { ...model, info, handle };
      this.#setState({ state: "ready", info });
    } catch (error) {
      // Whoever has ended this worker on purpose says what is the state.
      if (epoch === this.#epoch) {
        this.#recycle();
        this.#setState(failed(error));
      }
      throw error;
    }
  }

  #onSilence(seconds: number): void {
    if (this.#state.state !== "unresponsive") this.#beforeSilence = this.#state;
    this.#setState({ state: "unresponsive", seconds });
  }

  #onAlive(): void {
    if (this.#state.state === "unresponsive" && this.#beforeSilence !== null)
      this.#setState(this.#beforeSilence);
    this.#beforeSilence = null;
  }

  /** Ends the worker and with it all memory of the model. */
  #recycle(): void {
    this.#endWorker("NOT_LOADED", NO_MODEL);
    this.#model = null;
  }

  #endWorker(code: "NOT_LOADED" | "WORKER_CRASHED" | "DISPOSED", message: string): void {
    this.#epoch += 1;
    this.#restarting = null;
    const handle = this.#handle;
    this.#handle = null;
    this.#beforeSilence = null;
    handle?.terminate(new ParleyError(code, message));
  }

  #checkDisposed(): void {
    if (this.#disposed) throw new ParleyError("DISPOSED", DISPOSED);
  }

  #setState(state: EngineState): void {
    this.#state = state;
    this.#options.onState(state);
  }
}

function failed(error: unknown): EngineState {
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof ParleyError)) return { state: "failed", code: "WORKER_CRASHED", message };
  const { code, bytes } = error;
  return { state: "failed", code, message, ...(bytes !== undefined && { bytes }) };
}

/** crypto.randomUUID is for secure pages only. */
export function randomName(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}
