// The run on show: made here out of a reply, or come in by a link or a file. It says what it would do, and does it when asked.

import { batch, computed, effect, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { CatalogEntry, Engine, StoredModel } from "../../engine/types";
import { failureFrom, isAbort, type ModelState } from "./model";
import { bringModel } from "./model_switch";
import { generate, type Outcome } from "./runs";
import {
  LINK_PREFIX,
  LONGEST_LINK,
  LONGEST_RUN,
  makeRun,
  RunError,
  readFragment,
  readRun,
  runFragment,
  runJson,
  type SharedRun,
  textMark,
} from "./shared_run";
import type { GivenRun, ToolsState } from "./tools";

export interface SharedRunsState {
  readonly run: ReadonlySignal<SharedRun | null>;
  readonly error: ReadonlySignal<RunError | null>;
  /** The address of the run on show; null while it is made, or when it is too long for a link. */
  readonly link: ReadonlySignal<string | null>;
  /** What running it needs first. */
  readonly need: ReadonlySignal<Need>;
  readonly outcome: ReadonlySignal<Outcome>;
  readonly busy: ReadonlySignal<boolean>;
  /** After it was run: whether the text is the one that the run was made of. */
  readonly same: ReadonlySignal<boolean | null>;
  open(file: Blob): Promise<void>;
  start(): Promise<void>;
  stop(): void;
  /** The run as a file. */
  json(): string;
}

export type Need =
  | { kind: "none" }
  | { kind: "load" } // stored here, and not the one in use
  | { kind: "download"; bytes: number; from: string } // `from`: a host, "" for this site
  | { kind: "changed" } // the model of this name has another hash here
  | { kind: "context"; tokens: number }; // another context here, so another text where the words do not fit

export interface SharedRunsParts {
  engine: Engine;
  model: ModelState;
  tools: Pick<ToolsState, "given" | "fragment">;
  /** The page's address without a fragment. */
  address: string;
}

export function createSharedRuns(parts: SharedRunsParts): SharedRunsState {
  const { engine, model, tools, address } = parts;
  const run: Signal<SharedRun | null> = signal(null);
  const error: Signal<RunError | null> = signal(null);
  const link: Signal<string | null> = signal(null);
  const outcome: Signal<Outcome> = signal({ state: "none" });
  const same: Signal<boolean | null> = signal(null);
  let running: AbortController | null = null;
  let asked = 0; // counts what was to be shown; the last one is

  async function show(find: () => Promise<SharedRun>): Promise<void> {
    const mine = ++asked;
    running?.abort();
    batch(() => {
      run.value = null;
      error.value = null;
      link.value = null;
      same.value = null;
      outcome.value = { state: "none" };
    });
    try {
      const found = await find();
      const whole = `${address}#${await runFragment(found)}`;
      if (mine !== asked) return;
      batch(() => {
        run.value = found;
        link.value = whole.length <= LONGEST_LINK ? whole : null;
      });
    } catch (thrown) {
      if (mine !== asked) return;
      error.value = thrown instanceof RunError ? thrown : new RunError("BAD_RUN", String(thrown));
    }
  }

  effect(() => {
    const given = tools.given.value;
    if (given !== null) void show(() => runOf(given, model));
  });
  effect(() => {
    const fragment = tools.fragment.value;
    if (fragment.startsWith(LINK_PREFIX)) void show(() => readFragment(fragment));
  });

  return {
    run,
    error,
    link,
    need: computed(() => needOf(run.value, model)),
    outcome,
    busy: computed(() => ["waiting", "running"].includes(outcome.value.state)),
    same,
    open: (file) =>
      show(async () => {
        if (file.size > LONGEST_RUN) throw new RunError("LIMIT", `more than ${LONGEST_RUN} bytes`);
        return readRun(await file.text());
      }),
    async start() {
      const wanted = run.peek();
      if (wanted === null || ["waiting", "running"].includes(outcome.peek().state)) return;
      const mine = new AbortController();
      running = mine;
      same.value = null;
      outcome.value = { state: "waiting" };
      let text = "";
      try {
        const failure = await bringModel(model, wanted.model.source, mine.signal);
        if (failure !== null) {
          outcome.value = { state: "failed", text, failure };
          return;
        }
        const result = await generate(engine, wanted.asked, wanted.options, mine.signal, (now) => {
          text = now;
          outcome.value = { state: "running", text };
        });
        const mark = await textMark(result.text);
        batch(() => {
          outcome.value = { state: "done", result };
          same.value = mark === wanted.text;
        });
      } catch (thrown) {
        if (running !== mine && mine.signal.aborted) return; // another run is on show
        outcome.value = isAbort(thrown)
          ? { state: "stopped", text }
          : { state: "failed", text, failure: failureFrom(thrown) };
      } finally {
        if (running === mine) running = null;
      }
    },
    stop: () => running?.abort(),
    json: () => (run.peek() === null ? "" : runJson(run.peek() as SharedRun)),
  };
}

/** What tells the model's weights from others: the catalog's hash, else that of what is stored; "" before it is. */
function hashOf({ entry, stored }: Found): string {
  return (entry?.files.length === 1 ? entry.files[0]?.sha256 : undefined) ?? stored?.hash ?? "";
}

function runOf(given: GivenRun, model: ModelState): Promise<SharedRun> {
  const found = find(given.model, model);
  const { entry, stored } = found;
  const info = model.info.peek();
  const known = info?.id === given.model ? info : null;
  const name = known?.name ?? entry?.name ?? stored?.name ?? given.model;
  const context = known?.context ?? given.context;
  return makeRun(
    { source: given.model, name: name.slice(0, 200), sha256: hashOf(found), context },
    given.asked,
    given.options,
    given.text,
  );
}

interface Found {
  entry: CatalogEntry | null;
  stored: StoredModel | null;
}

function find(id: string, model: ModelState): Found {
  const stored = model.stored.value.find((one) => one.id === id) ?? null;
  const entry = model.catalog.value.find((one) => one.id === id) ?? stored?.entry ?? null;
  return { entry, stored };
}

function needOf(run: SharedRun | null, model: ModelState): Need {
  if (run === null) return { kind: "none" };
  const { source, sha256, context } = run.model;
  const found = find(source, model);
  const { entry, stored } = found;
  const hash = hashOf(found);
  if (sha256 !== "" && hash !== "" && sha256 !== hash) return { kind: "changed" };
  if (model.id.value === source) {
    const info = model.info.value;
    return info !== null && info.context !== context
      ? { kind: "context", tokens: info.context }
      : { kind: "none" };
  }
  if (stored?.complete === true) return { kind: "load" };
  const bytes = entry?.download_bytes ?? entry?.files.reduce((sum, file) => sum + file.bytes, 0) ?? 0;
  return { kind: "download", bytes, from: hostOf(source, entry) };
}

function hostOf(source: string, entry: CatalogEntry | null): string {
  if (source.startsWith("hf:") || entry?.hub !== undefined) return "huggingface.co";
  return URL.canParse(source) ? new URL(source).host : "";
}
