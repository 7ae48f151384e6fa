// The model as the page sees it: what the engine is doing, loading and its cancellation, storage, and what the user
// should be told. Replies are left to conversation.ts; sentences to i18n/.

import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type {
  CatalogEntry,
  Engine,
  EngineState,
  LoadProgress,
  ModelInfo,
  ModelPreset,
  Notice,
  StorageState,
  StoredModel,
} from "../../engine/types";
import type { Failure } from "./messages";
import { saveFile } from "./save_file";

export type { CatalogEntry, ModelPreset, StoredModel };

export type Phase =
  | { phase: "idle" } // nothing loaded: cancelled, or about to start
  | { phase: "loading"; progress: LoadProgress | null }
  | { phase: "ready"; info: ModelInfo }
  | { phase: "restarting"; reason: string }
  | { phase: "unresponsive"; seconds: number }
  | { phase: "elsewhere" } // another tab has the model
  | { phase: "failed"; failure: Failure };

export type Verification = "none" | "running" | "whole" | { badParts: number } | Failure;

/** What became of saving a model's file. */
export interface Saving {
  id: string;
  state: "running" | "saved" | Failure;
}

export interface ModelState {
  /** What to load it by; changes when another is chosen. */
  readonly id: ReadonlySignal<string>;
  readonly phase: ReadonlySignal<Phase>;
  /** The host's catalog, empty until it has come. */
  readonly catalog: ReadonlySignal<readonly CatalogEntry[]>;
  /** The catalog's entry, known before the model is loaded. */
  readonly entry: ReadonlySignal<CatalogEntry | null>;
  /** What was loaded last; it stays while the engine restarts. */
  readonly info: ReadonlySignal<ModelInfo | null>;
  /** How many threads the newest reply used; before the first, how many there are. */
  readonly threads: ReadonlySignal<number>;
  readonly notices: ReadonlySignal<readonly Notice[]>;
  readonly storage: ReadonlySignal<StorageState | null>;
  readonly stored: ReadonlySignal<readonly StoredModel[]>;
  readonly storedBytes: ReadonlySignal<number>;
  readonly verification: ReadonlySignal<Verification>;
  /** Of the model that was saved last; null before that, and when the user thought better of it. */
  readonly saving: ReadonlySignal<Saving | null>;
  /** Why the model that was chosen last could not be loaded. */
  readonly failure: ReadonlySignal<Failure | null>;
  /** Takes note of how many threads a reply used. */
  usedThreads(count: number): void;
  load(): Promise<void>;
  /** Loads another model in place of this one, which stays when that fails; the conversation is not touched. */
  choose(id: string, quantization?: "q8_0" | "q4_0"): Promise<void>;
  /** Stores the user's files and loads the model that they make. */
  add(files: readonly File[]): Promise<void>;
  cancel(): void;
  takeOver(): void;
  restart(): Promise<void>;
  verify(): Promise<void>;
  /** Gives the user a stored model's GGUF file. */
  save(id: string): Promise<void>;
  /** Deletes a stored model; this one when none is named. */
  remove(id?: string): Promise<void>;
  /** Ends the engine and deletes every model. */
  clear(): Promise<void>;
  refreshStorage(): Promise<void>;
}

/** Whether what is missing of a stored model can be fetched: the user's own files have no address. */
export function canResume({ id, bytes, complete }: StoredModel): boolean {
  return !complete && bytes > 0 && !id.startsWith("file:");
}

/** Any thrown value as a failure; the library's errors carry a stable code. */
export function failureFrom(error: unknown): Failure {
  if (error instanceof Error) {
    const code = "code" in error && typeof error.code === "string" ? error.code : "UNKNOWN";
    const bytes = "bytes" in error && typeof error.bytes === "number" ? { bytes: error.bytes } : {};
    return { code, message: error.message, ...bytes };
  }
  return { code: "UNKNOWN", message: String(error) };
}

export function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}

function phaseFrom(state: EngineState, failure: Failure | null): Phase {
  switch (state.state) {
    case "idle":
      return failure === null ? { phase: "idle" } : { phase: "failed", failure };
    case "loading":
      return { phase: "loading", progress: state.progress };
    case "ready":
    case "generating":
      return { phase: "ready", info: state.info };
    case "restarting":
      return { phase: "restarting", reason: state.reason };
    case "elsewhere":
      return { phase: "elsewhere" };
    case "unresponsive":
      return { phase: "unresponsive", seconds: state.seconds };
    case "failed":
      return { phase: "failed", failure: failureOf(state) };
  }
}

function failureOf({ code, message, bytes }: EngineState & { state: "failed" }): Failure {
  return { code, message, ...(bytes !== undefined && { bytes }) };
}

/** `engineState` is where the engine's onState writes; `modelId` is the catalog's id of the model to load. */
export function createModel(
  engine: Engine,
  engineState: ReadonlySignal<EngineState>,
  modelId: string,
): ModelState {
  const id = signal(modelId);
  const catalog: Signal<readonly CatalogEntry[]> = signal([]);
  const stored: Signal<readonly StoredModel[]> = signal([]);
  let quantization: "q8_0" | "q4_0" | undefined;
  const failure: Signal<Failure | null> = signal(null);
  const starting = signal(true); // at first, and from load() until the engine says so
  const entry = computed(
    () =>
      catalog.value.find((one) => one.id === id.value) ??
      stored.value.find((one) => one.id === id.value)?.entry ??
      null,
  );
  const storage: Signal<StorageState | null> = signal(null);
  const storedBytes = computed(() => stored.value.find((one) => one.id === id.value)?.bytes ?? 0);
  const verification: Signal<Verification> = signal("none");
  const saving: Signal<Saving | null> = signal(null);
  const used: Signal<{ info: ModelInfo | null; threads: number }> = signal({ info: null, threads: 1 });
  let loading: AbortController | null = null;

  const arriving: Signal<LoadProgress | null> = signal(null); // of the user's own files
  const adding = (progress: LoadProgress) => {
    arriving.value = progress;
  };

  const phase = computed<Phase>(() => {
    const state = engineState.value;
    if (arriving.value !== null) return { phase: "loading", progress: arriving.value };
    if (starting.value && (state.state === "idle" || state.state === "failed")) {
      return { phase: "loading", progress: null };
    }
    return phaseFrom(state, failure.value);
  });
  let lastInfo: ModelInfo | null = null;
  const info = computed(() => {
    const now = phase.value;
    if (now.phase === "ready") lastInfo = now.info;
    return lastInfo;
  });

  async function refreshStorage(): Promise<void> {
    try {
      const [state, models] = await Promise.all([engine.models.storage(), engine.models.stored()]);
      storage.value = state;
      // An address that gave nothing is no model.
      stored.value = models.filter((one) => one.bytes > 0 || one.complete || one.id === id.peek());
    } catch {
      // The panel leaves out what the engine cannot say now.
    }
  }

  async function load(): Promise<void> {
    if (loading !== null) return;
    const mine = new AbortController();
    loading = mine;
    failure.value = null;
    starting.value = true;
    try {
      if (catalog.peek().length === 0) catalog.value = await engine.catalog();
      mine.signal.throwIfAborted();
      await engine.load(id.peek(), { signal: mine.signal, ...(quantization && { quantization }) });
    } catch (error) {
      if (!isAbort(error)) failure.value = failureFrom(error);
    } finally {
      if (loading === mine) {
        loading = null;
        starting.value = false;
      }
      void refreshStorage();
    }
  }

  async function choose(wanted: string, type?: "q8_0" | "q4_0"): Promise<void> {
    const before = { id: id.peek(), type: quantization };
    stop();
    id.value = wanted;
    quantization = type;
    verification.value = "none";
    await load();
    const now = engineState.peek();
    if (now.state === "ready" && failure.peek() !== null) {
      // The model before is still there.
      id.value = before.id;
      quantization = before.type;
    }
    await refreshStorage();
  }

  function stop(): void {
    loading?.abort();
    loading = null;
    starting.value = false;
  }

  return {
    id,
    catalog,
    stored,
    choose,
    async add(files) {
      failure.value = null;
      starting.value = true;
      const mine = new AbortController();
      stop();
      loading = mine;
      try {
        const made = await engine.models.add(files, { signal: mine.signal, onProgress: adding });
        if (loading === mine) loading = null;
        await choose(made);
      } catch (error) {
        if (!isAbort(error)) failure.value = failureFrom(error);
      } finally {
        arriving.value = null;
        if (loading === mine) loading = null;
      }
    },
    phase,
    entry,
    info,
    threads: computed(() =>
      used.value.info === info.value ? used.value.threads : (info.value?.threads ?? 1),
    ),
    usedThreads(threads) {
      used.value = { info: info.peek(), threads };
    },
    notices: computed(() => info.value?.notices ?? []),
    storage,
    storedBytes,
    verification,
    saving,
    failure,
    load,
    cancel: stop,
    takeOver: () => engine.takeOver(),
    async restart() {
      try {
        await engine.restart();
      } catch (error) {
        if (!isAbort(error)) failure.value = failureFrom(error);
      }
    },
    async verify() {
      verification.value = "running";
      try {
        const { ok, bad_parts } = await engine.models.verify(id.peek());
        verification.value = ok ? "whole" : { badParts: bad_parts };
      } catch (error) {
        verification.value = failureFrom(error);
      }
      await refreshStorage();
    },
    async save(which) {
      const name = stored.peek().find((one) => one.id === which)?.file_name ?? "model.gguf";
      const obtain = () => {
        saving.value = { id: which, state: "running" };
        return engine.models.export(which);
      };
      try {
        saving.value = null;
        if (await saveFile(name, obtain)) saving.value = { id: which, state: "saved" };
      } catch (error) {
        saving.value = { id: which, state: failureFrom(error) };
      }
    },
    async remove(which = id.peek()) {
      try {
        await engine.models.remove(which);
        verification.value = "none";
      } catch (error) {
        verification.value = failureFrom(error);
      }
      await refreshStorage();
    },
    async clear() {
      stop();
      await engine.unload().catch(() => {});
      await engine.models.clear();
      await engine.dispose();
    },
    refreshStorage,
  };
}
