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
} from "../../engine/types";
import type { Failure } from "./messages";

export type { CatalogEntry, ModelPreset };

export type Phase =
  | { phase: "idle" } // nothing loaded: cancelled, or about to start
  | { phase: "loading"; progress: LoadProgress | null }
  | { phase: "ready"; info: ModelInfo }
  | { phase: "restarting"; reason: string }
  | { phase: "unresponsive"; seconds: number }
  | { phase: "failed"; failure: Failure };

export type Verification = "none" | "running" | "whole" | { badParts: number } | Failure;

export interface ModelState {
  readonly phase: ReadonlySignal<Phase>;
  /** The catalog's entry, known before the model is loaded. */
  readonly entry: ReadonlySignal<CatalogEntry | null>;
  /** What was loaded last; it stays while the engine restarts. */
  readonly info: ReadonlySignal<ModelInfo | null>;
  readonly notices: ReadonlySignal<readonly Notice[]>;
  readonly storage: ReadonlySignal<StorageState | null>;
  readonly storedBytes: ReadonlySignal<number>;
  readonly verification: ReadonlySignal<Verification>;
  load(): Promise<void>;
  cancel(): void;
  restart(): Promise<void>;
  verify(): Promise<void>;
  remove(): Promise<void>;
  refreshStorage(): Promise<void>;
}

/** Any thrown value as a failure; the library's errors carry a stable code. */
export function failureFrom(error: unknown): Failure {
  if (error instanceof Error) {
    const code = "code" in error && typeof error.code === "string" ? error.code : "UNKNOWN";
    return { code, message: error.message };
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
    case "unresponsive":
      return { phase: "unresponsive", seconds: state.seconds };
    case "failed":
      return { phase: "failed", failure: { code: state.code, message: state.message } };
  }
}

/** `engineState` is where the engine's onState writes; `modelId` is the catalog's id of the model to load. */
export function createModel(
  engine: Engine,
  engineState: ReadonlySignal<EngineState>,
  modelId: string,
): ModelState {
  const failure: Signal<Failure | null> = signal(null);
  const starting = signal(true); // at first, and from load() until the engine says so
  const entry: Signal<CatalogEntry | null> = signal(null);
  const storage: Signal<StorageState | null> = signal(null);
  const storedBytes = signal(0);
  const verification: Signal<Verification> = signal("none");
  let loading: AbortController | null = null;

  const phase = computed<Phase>(() => {
    const state = engineState.value;
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
      const [state, stored] = await Promise.all([engine.models.storage(), engine.models.stored()]);
      storage.value = state;
      storedBytes.value = stored.find((model) => model.id === modelId)?.bytes ?? 0;
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
      if (entry.peek() === null) {
        const catalog = await engine.catalog();
        entry.value = catalog.find((candidate) => candidate.id === modelId) ?? null;
      }
      mine.signal.throwIfAborted();
      await engine.load(modelId, { signal: mine.signal });
      void refreshStorage();
    } catch (error) {
      if (!isAbort(error)) failure.value = failureFrom(error);
    } finally {
      if (loading === mine) {
        loading = null;
        starting.value = false;
      }
    }
  }

  return {
    phase,
    entry,
    info,
    notices: computed(() => info.value?.notices ?? []),
    storage,
    storedBytes,
    verification,
    load,
    cancel() {
      loading?.abort();
      loading = null;
      starting.value = false;
    },
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
        const { ok, bad_parts } = await engine.models.verify(modelId);
        verification.value = ok ? "whole" : { badParts: bad_parts };
      } catch (error) {
        verification.value = failureFrom(error);
      }
      await refreshStorage();
    },
    async remove() {
      try {
        await engine.models.remove(modelId);
        verification.value = "none";
      } catch (error) {
        verification.value = failureFrom(error);
      }
      await refreshStorage();
    },
    refreshStorage,
  };
}
