// The model as the page sees it: what the engine is doing, loading and its cancellation, storage, and what the user
// should be told. Replies are left to conversation.ts; sentences to i18n/.

import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
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

/** A model that could not be loaded; one made of the user's files has no id yet. */
export interface Refused {
  id: string;
  name: string;
  failure: Failure;
}

export interface ModelState {
  /** The model that answers, or is to: another that is chosen takes its place once it is loaded. */
  readonly id: ReadonlySignal<string>;
  /** What is being loaded in its place; one made of the user's files has no id yet. */
  readonly arriving: ReadonlySignal<{ id: string; name: string } | null>;
  readonly phase: ReadonlySignal<Phase>;
  /** The host's catalog, empty until it has come. */
  readonly catalog: ReadonlySignal<readonly CatalogEntry[]>;
  /** The catalog's entry, known before the model is loaded. */
  readonly entry: ReadonlySignal<CatalogEntry | null>;
  /** Of the model as it was loaded last; it stays while the engine restarts. */
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
  /** The model that was chosen last, when it could not be loaded. */
  readonly refused: ReadonlySignal<Refused | null>;
  /** What a model is called: its id, where nobody has a name for it. */
  nameOf(id: string): string;
  /** The user has read why the model that was chosen last is not here. */
  dismissRefused(): void;
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

interface Choice {
  id: string;
  quantization?: "q8_0" | "q4_0";
}

/** `engineState` is where the engine's onState writes; `modelId` is the catalog's id of the model to load. */
export function createModel(
  engine: Engine,
  engineState: ReadonlySignal<EngineState>,
  modelId: string,
): ModelState {
  const own: Signal<Choice> = signal({ id: modelId });
  const id = computed(() => own.value.id);
  /** To take the place of `own`, whose `info` is there until it does. */
  const coming: Signal<(Choice & { info: ModelInfo }) | null> = signal(null);
  const catalog: Signal<readonly CatalogEntry[]> = signal([]);
  const stored: Signal<readonly StoredModel[]> = signal([]);
  const refused: Signal<Refused | null> = signal(null);
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

  const files: Signal<{ name: string; progress: LoadProgress | null } | null> = signal(null); // being stored

  const phase = computed<Phase>(() => {
    const state = engineState.value;
    if (files.value !== null) return { phase: "loading", progress: files.value.progress };
    if (starting.value && (state.state === "idle" || state.state === "failed")) {
      return { phase: "loading", progress: null };
    }
    // Which model is ready now, the end of load() says in a moment.
    if (coming.value !== null && state.state === "ready" && state.info !== coming.value.info) {
      return { phase: "loading", progress: null };
    }
    return phaseFrom(state, refused.value?.failure ?? null);
  });
  let last: { id: string; info: ModelInfo } | null = null;
  const info = computed(() => {
    const now = phase.value;
    if (now.phase === "ready") last = { id: id.value, info: now.info };
    return last?.id === id.value ? last.info : null;
  });

  function nameOf(which: string): string {
    const named = (one: { id: string }) => one.id === which;
    return (catalog.value.find(named) ?? stored.value.find(named))?.name ?? which;
  }

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
    if (loading === null) await bring(own.peek());
  }

  async function bring(wanted: Choice): Promise<void> {
    const { id: source, quantization } = wanted;
    const mine = new AbortController();
    loading = mine;
    refused.value = null;
    starting.value = true;
    try {
      if (catalog.peek().length === 0) catalog.value = await engine.catalog();
      mine.signal.throwIfAborted();
      await engine.load(source, { signal: mine.signal, ...(quantization && { quantization }) });
      batch(() => {
        if (source !== own.peek().id) verification.value = "none";
        own.value = wanted;
        if (loading === mine) coming.value = null;
      });
    } catch (error) {
      if (loading === mine && !isAbort(error)) {
        refused.value = { id: source, name: nameOf(source), failure: failureFrom(error) };
      }
    } finally {
      if (loading === mine) settle();
      void refreshStorage();
    }
  }

  async function choose(wanted: string, quantization?: "q8_0" | "q4_0"): Promise<void> {
    const choice = { id: wanted, ...(quantization && { quantization }) };
    const { state } = engineState.peek();
    const before = state === "idle" || state === "failed" ? null : info.peek();
    batch(() => {
      stop();
      if (before !== null) coming.value = { ...choice, info: before };
      else own.value = choice; // there is nothing that it could stand in for
    });
    await bring(choice);
    await refreshStorage();
  }

  /** What is loaded is given up; where another model was there before, that one stays. */
  function stop(): void {
    loading?.abort();
    settle();
  }

  function settle(): void {
    loading = null;
    batch(() => {
      starting.value = false;
      coming.value = null;
      files.value = null;
    });
  }

  return {
    id,
    arriving: computed(() => {
      if (files.value !== null) return { id: "", name: files.value.name };
      return coming.value && { id: coming.value.id, name: nameOf(coming.value.id) };
    }),
    nameOf,
    catalog,
    stored,
    choose,
    async add(chosen) {
      stop();
      const mine = new AbortController();
      const name = chosen[0]?.name ?? "";
      const onProgress = (progress: LoadProgress | null) => {
        if (loading === mine) files.value = { name, progress };
      };
      loading = mine;
      refused.value = null;
      onProgress(null);
      try {
        const made = await engine.models.add(chosen, { signal: mine.signal, onProgress });
        if (loading === mine) await choose(made);
      } catch (error) {
        if (loading === mine && !isAbort(error))
          refused.value = { id: "", name, failure: failureFrom(error) };
      } finally {
        if (loading === mine) settle();
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
    refused,
    dismissRefused() {
      refused.value = null;
    },
    load,
    cancel: stop,
    takeOver: () => engine.takeOver(),
    async restart() {
      try {
        await engine.restart();
      } catch (error) {
        if (!isAbort(error))
          refused.value = { id: id.peek(), name: nameOf(id.peek()), failure: failureFrom(error) };
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
