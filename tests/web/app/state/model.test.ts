// Which model the page has while another is on its way, when that fails or is given up, and at the next visit.

import { signal } from "@preact/signals";
import { expect, test, vi } from "vitest";
import { keepLastModel } from "../../../../web/app/state/last_model";
import { canResume, createModel, type StoredModel } from "../../../../web/app/state/model";
import { createPreferences } from "../../../../web/app/state/preferences";
import type { EngineState } from "../../../../web/engine/types";
import { FakeEngine, type FakeOptions } from "../fake_engine";
import { downloading } from "../fake_models";

const OTHER = "smollm2-135m-instruct";
const HELD = { later: { holdAt: downloading(1_000_000, 8_100_000) } };

function visit(options: Partial<FakeOptions> = {}, kept = "") {
  const engineState = signal<EngineState>({ state: "idle" });
  const engine = new FakeEngine({
    more: true,
    ...options,
    onState: (state) => {
      engineState.value = state;
    },
  });
  const preferences = createPreferences(null);
  if (kept !== "") preferences.change({ model: kept });
  const model = createModel(engine, engineState, kept || "parley-17m");
  const borrowing = signal(false);
  keepLastModel({ model, preferences, borrowing, byDefault: "parley-17m" });
  return { engine, engineState, model, borrowing, kept: () => preferences.value.value.model };
}

async function visitReady(options: Partial<FakeOptions> = {}) {
  const page = visit(options);
  await page.model.load();
  return page;
}

const downloadingNow = (page: ReturnType<typeof visit>) =>
  vi.waitFor(() => expect(page.model.phase.value).toMatchObject({ phase: "loading", progress: {} }));

test("a model that is chosen takes the place of the one before once it is loaded, and is kept for the next visit", async () => {
  const page = await visitReady({ later: { loadMs: 50 } });
  const pairs = new Set<string>();
  page.model.phase.subscribe((phase) => {
    if (phase.phase === "ready") pairs.add(`${page.model.id.peek()}: ${phase.info.id}`);
  });
  const choosing = page.model.choose(OTHER);
  await downloadingNow(page);
  expect(page.model.id.value).toBe("parley-17m");
  expect(page.model.entry.value?.name).toBe("Parley 17M");
  expect(page.model.info.value?.name).toBe("Parley 17M");
  expect(page.model.arriving.value).toEqual({ id: OTHER, name: "SmolLM2 135M Instruct" });
  expect(page.kept()).toBe("");
  await choosing;
  expect(page.model.id.value).toBe(OTHER);
  expect(page.model.info.value?.id).toBe(OTHER);
  expect(page.model.arriving.value).toBeNull();
  expect(page.kept()).toBe(OTHER);
  expect([...pairs]).toEqual(["parley-17m: parley-17m", `${OTHER}: ${OTHER}`]); // what is ready goes by its own id
});

test("a switch that is cancelled leaves the model before in use, for this visit and the next", async () => {
  const page = await visitReady(HELD);
  const choosing = page.model.choose(OTHER);
  await downloadingNow(page);
  page.model.cancel();
  await choosing;
  expect(page.model.id.value).toBe("parley-17m");
  expect(page.model.phase.value).toMatchObject({ phase: "ready", info: { id: "parley-17m" } });
  expect(page.model.arriving.value).toBeNull();
  expect(page.model.refused.value).toBeNull();
  expect(page.kept()).toBe("");
  void page.model.load();
  await vi.waitFor(() => expect(page.engine.loaded).toEqual(["parley-17m", OTHER, "parley-17m"]));
});

test("a switch that fails leaves the model before, and says which model failed and why", async () => {
  const failure = { code: "NETWORK", message: "offline" };
  const page = await visitReady({ later: { failLoad: failure } });
  await page.model.choose(OTHER);
  expect(page.model.id.value).toBe("parley-17m");
  expect(page.model.phase.value.phase).toBe("ready");
  expect(page.model.refused.value).toEqual({ id: OTHER, name: "SmolLM2 135M Instruct", failure });
  expect(page.kept()).toBe("");
  page.model.dismissRefused();
  expect(page.model.refused.value).toBeNull();
});

test("of two models chosen in a row the last one counts, and the end of the first changes nothing", async () => {
  const page = await visitReady(HELD);
  const first = page.model.choose(OTHER);
  await downloadingNow(page);
  const second = page.model.choose("gpt2");
  await first;
  expect(page.model.arriving.value).toEqual({ id: "gpt2", name: "GPT-2" });
  expect(page.model.id.value).toBe("parley-17m");
  page.model.cancel();
  await second;
  expect(page.model.id.value).toBe("parley-17m");
});

test("where the model before is read again after a switch was cancelled, it keeps its name meanwhile", async () => {
  const page = await visitReady();
  const again = { ...(page.model.info.value as NonNullable<typeof page.model.info.value>) };
  page.engine.load = async (_source, { signal: asked } = {}) => {
    page.engine.set({ state: "loading", progress: null });
    await new Promise((resolve) => asked?.addEventListener("abort", resolve));
    page.engine.set({ state: "restarting", reason: "the other model could not be loaded" });
    page.engine.set({ state: "ready", info: again });
    await new Promise((resolve) => setTimeout(resolve));
    throw new DOMException("aborted", "AbortError");
  };
  const ids: string[] = [];
  page.model.id.subscribe((id) => {
    ids.push(id);
  });
  const choosing = page.model.choose(OTHER);
  await vi.waitFor(() => expect(page.model.phase.value.phase).toBe("loading"));
  page.model.cancel();
  await choosing;
  expect(page.model.phase.value.phase).toBe("ready");
  expect(ids).toEqual(["parley-17m"]);
  expect(page.kept()).toBe("");
});

test("where nothing was loaded the chosen model is the page's at once, and kept once it was loaded", async () => {
  const page = visit({ holdAt: downloading(1_000_000, 8_100_000) });
  const loading = page.model.load();
  await downloadingNow(page);
  page.model.cancel();
  await loading;
  const choosing = page.model.choose(OTHER);
  await downloadingNow(page);
  expect(page.model.id.value).toBe(OTHER);
  expect(page.model.arriving.value).toBeNull();
  expect(page.kept()).toBe("");
  page.model.cancel();
  await choosing;
  expect(page.model.phase.value.phase).toBe("idle");
  expect(page.kept()).toBe("");

  const other = visit();
  await other.model.choose(OTHER);
  expect(other.kept()).toBe(OTHER);
});

test("the model of the last visit stays kept while it loads, and when it fails", async () => {
  const page = visit({ failLoad: { code: "NETWORK", message: "offline" } }, OTHER);
  await page.model.load();
  expect(page.model.phase.value.phase).toBe("failed");
  expect(page.kept()).toBe(OTHER);
});

test("what a tool has borrowed is not kept", async () => {
  const page = await visitReady();
  page.borrowing.value = true;
  await page.model.choose("gpt2");
  expect(page.kept()).toBe("");
  await page.model.choose("parley-17m");
  page.borrowing.value = false;
  expect(page.kept()).toBe("");
});

test("the user's own files are named while they are stored, and cancelling that leaves the model in use", async () => {
  const page = await visitReady();
  page.engine.models.add = (_files: unknown, { signal: asked }: { signal?: AbortSignal } = {}) =>
    new Promise((_, reject) => {
      asked?.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
    });
  const adding = page.model.add([new File(["GGUF"], "mine.gguf")]);
  expect(page.model.phase.value.phase).toBe("loading");
  expect(page.model.arriving.value).toEqual({ id: "", name: "mine.gguf" });
  page.model.cancel();
  expect(page.model.phase.value.phase).toBe("ready");
  await adding;
  expect(page.model.refused.value).toBeNull();
});

test("a model that has not arrived as a whole can be resumed, the user's own file cannot", () => {
  const model: StoredModel = {
    ...{ id: "hf:me/it", name: "it", bytes: 100, total_bytes: 180, complete: false },
    ...{ revision: "", license: "", memory_bytes: 0, file_name: "it.gguf" },
  };
  expect(canResume(model)).toBe(true);
  expect(canResume({ ...model, bytes: 0 })).toBe(false);
  expect(canResume({ ...model, complete: true })).toBe(false);
  expect(canResume({ ...model, id: "file:it" })).toBe(false);
});
