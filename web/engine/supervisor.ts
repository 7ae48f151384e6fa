// Keeps a worker with the model in it: starts it, loads, and when it dies starts another and loads the same model again
// from storage. Each worker is an epoch; whatever still comes from an earlier one is ignored.
import type { WireFile, WireLoadOptions, WireSource } from "./contract";
import { isAbortError, ParleyError } from "./errors";
import { TabLock } from "./tab_lock";
import { orAborted } from "./turns";
import type { BuildName, EngineState, LoadOptions, LoadProgress, ModelInfo } from "./types";
import { WorkerHandle } from "./worker_handle";

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
}

const NO_MODEL = "No model is loaded.";

export class Supervisor {
  readonly #options: SupervisorOptions;
  #state: EngineState = { state: "idle" };
  #beforeSilence: EngineState | null = null;
  #handle: WorkerHandle | null = null;
  #model: Model | null = null;
  #epoch = 0;
  #calls = 0;
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
    await this.#restarting;
    this.#handle ??= this.#start();
    return this.#handle;
  }

  /** The worker with its model. NOT_LOADED without one. */
  async loaded(): Promise<{ handle: WorkerHandle; info: ModelInfo }> {
    const handle = await this.worker();
    if (this.#model === null) throw new ParleyError("NOT_LOADED", NO_MODEL);
    return { handle, info: this.#model.info };
  }

  /** Loads a model in place of the one before, which is back again when that fails. */
  async load(source: WireSource, options: LoadOptions): Promise<ModelInfo> {
    const { context = 0, threads = 0, quantization = null } = options;
    const wire = { context, threads, quantization };
    const before = this.#model;
    this.#setState({ state: "loading", progress: null });
    try {
      await this.#acquireTab(options.signal);
      if (this.#state.state === "elsewhere") this.#setState({ state: "loading", progress: null });
      if (before !== null) {
        // Whatever can be wrong with the new model comes out while the old one still runs.
        const handle = await this.worker();
        await this.#cancellable(handle, options, (call) =>
          handle.call((api) => api.prepare(call, source, wire)),
        );
        this.#recycle();
      }
      const info = await this.#loadInto(await this.worker(), source, wire, options);
      this.#model = { source, options: wire, info };
      this.#setState({ state: "ready", info });
      return info;
    } catch (error) {
      await this.#afterFailedLoad(before, error);
      throw error;
    }
  }

  async #acquireTab(signal?: AbortSignal): Promise<void> {
    await this.#tab?.acquire(signal, () => this.#setState({ state: "elsewhere" }));
  }

  takeOver(): void {
    this.#tab?.takeOver();
  }

  /** Gives the memory up to the tab that has taken over, and waits until that one is closed. */
  #onTakenOver(): void {
    const model = this.#model;
    if (this.#disposed) return;
    this.#endWorker("NOT_LOADED", "Another tab has taken over.");
    this.#model = null;
    this.#setState({ state: "elsewhere" });
    if (model === null) return;
    void this.#acquireTab()
      .then(() => this.#reload(model, "the other tab was closed"))
      .catch(() => {});
  }

  async #afterFailedLoad(before: Model | null, error: unknown): Promise<void> {
    if (this.#disposed) return;
    if (before !== null && this.#model !== null) {
      this.#setState({ state: "ready", info: before.info });
    } else if (before !== null) {
      await this.#reload(before, "the other model could not be loaded").catch(() => {});
    } else {
      // What a failed load took is given back with its worker. A download that was cancelled took nothing, and may
      // be storing the last of what has arrived.
      const tookMemory = this.#state.state === "loading" && this.#state.progress?.phase === "load";
      if (!isAbortError(error) || tookMemory) this.#recycle();
      this.#tab?.release();
      this.#setState(isAbortError(error) ? { state: "idle" } : failed(error));
    }
  }

  #loadInto(
    handle: WorkerHandle,
    source: WireSource,
    wire: WireLoadOptions,
    options: LoadOptions,
  ): Promise<ModelInfo> {
    return this.#cancellable(handle, options, (call) => handle.call((api) => api.load(call, source, wire)));
  }

  /** Runs a call that reports progress and stops when the signal aborts. */
  async #cancellable<T>(
    handle: WorkerHandle,
    options: LoadOptions,
    work: (call: number) => Promise<T>,
  ): Promise<T> {
    const call = this.nextCall();
    const unlisten = handle.listen(call, (event) => {
      if (event.kind === "progress") this.#onProgress(event.progress, options);
    });
    const onAbort = () => handle.cancel(call);
    options.signal?.addEventListener("abort", onAbort, { once: true });
    try {
      return await orAborted(work(call), options.signal);
    } finally {
      unlisten();
      options.signal?.removeEventListener("abort", onAbort);
    }
  }

  #onProgress(progress: LoadProgress, options: LoadOptions): void {
    if (options.signal?.aborted) return;
    if (this.#state.state === "loading") this.#setState({ state: "loading", progress });
    options.onProgress?.(progress);
  }

  /** Copies the user's files into storage; the state stays as it is. */
  async add(files: WireFile[], options: LoadOptions): Promise<string> {
    const handle = await this.worker();
    const type = options.quantization ?? "q8_0";
    return this.#cancellable(handle, options, (call) => handle.call((api) => api.add(call, files, type)));
  }

  unload(): void {
    this.#recycle();
    this.#tab?.release();
    this.#setState({ state: "idle" });
  }

  /** A fresh worker with the same model; what runs now fails with WORKER_CRASHED. */
  async restart(): Promise<void> {
    this.#checkDisposed();
    this.#endWorker("WORKER_CRASHED", "The worker was restarted.");
    if (this.#model !== null) await this.#reload(this.#model, "asked for");
    else this.#setState({ state: "idle" });
  }

  /** From now on without relaxed SIMD: its dot product no longer gives the sums that it gave at first. */
  async leaveRelaxed(): Promise<void> {
    const model = this.#model;
    this.#relaxed = false;
    this.#endWorker("WORKER_CRASHED", "The worker was replaced by one without relaxed SIMD.");
    if (model !== null) await this.#reload(model, "relaxed SIMD no longer computes what it did");
  }

  dispose(): void {
    this.#endWorker("DISPOSED", "The engine was disposed of.");
    this.#disposed = true;
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
    this.#epoch += 1;
    const epoch = this.#epoch;
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
    return new WorkerHandle(this.#options.script, setup, {
      onDeath: (reason) => current(() => this.#onDeath(reason)),
      onSilence: (seconds) => current(() => this.#onSilence(seconds)),
      onAlive: () => current(() => this.#onAlive()),
    });
  }

  #onDeath(reason: string): void {
    this.#handle = null;
    this.#beforeSilence = null;
    // A death while loading is that load's failure; it is not tried again by itself.
    if (this.#model === null || this.#restarting !== null || this.#state.state === "loading") return;
    void this.#reload(this.#model, reason).catch(() => {});
  }

  /** Loads `model` into a new worker. Calls made meanwhile wait for it. */
  #reload(model: Model, reason: string): Promise<void> {
    this.#setState({ state: "restarting", reason });
    this.#model = null;
    const reloading = (async () => {
      try {
        this.#handle ??= this.#start();
        const info = await this.#loadInto(this.#handle, model.source, model.options, {});
        this.#model = { ...model, info };
        this.#setState({ state: "ready", info });
      } catch (error) {
        this.#recycle();
        this.#setState(failed(error));
        throw error;
      }
    })();
    this.#restarting = reloading
      .catch(() => {})
      .finally(() => {
        this.#restarting = null;
      });
    return reloading;
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
    const handle = this.#handle;
    this.#handle = null;
    this.#beforeSilence = null;
    handle?.terminate(new ParleyError(code, message));
  }

  #checkDisposed(): void {
    if (this.#disposed) throw new ParleyError("DISPOSED", "The engine was disposed of.");
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
