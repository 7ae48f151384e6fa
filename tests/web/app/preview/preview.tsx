// The page over the fake engine, in the state that the address asks for: ?state=loading. For looking at every state and
// for running the accessibility checks on it; no part of what ships.

import { signal } from "@preact/signals";
import { start } from "../../../../web/app/start";
import type { EngineState } from "../../../../web/engine/types";
import { FakeEngine, type FakeOptions } from "../fake_engine";
import { downloading } from "../fake_models";

const LONG_LINE = "A long evening leaves room for a long answer. ";
const asked = new URLSearchParams(location.search);
const PAYLOAD = asked.get("payload") ?? "<b>bold</b>";

const STATES: Record<string, Partial<FakeOptions>> = {
  ready: {},
  slow: { pieceMs: 150 },
  drawn_out: { pieceMs: 150, reply: () => Array.from({ length: 90 }, (_, i) => `word ${i} `) },
  brisk: { pieceMs: 10, reply: () => Array.from({ length: 12 }, (_, i) => `Word ${i} `) },
  models: { more: true },
  switching: { more: true, later: { holdAt: { ...downloading(12_400_000, 8_100_000), total: 145_000_000 } } },
  switch_fails: {
    more: true,
    later: { failLoad: { code: "NETWORK", message: "SmolLM2-135M-Instruct-Q8_0.gguf" } },
  },
  elsewhere: { hold: { state: "elsewhere" } },
  loading: { holdAt: downloading(12_400_000, 8_100_000) },
  reading: { holdAt: { phase: "load", loaded: 9_000_000, total: 19_826_144 } },
  arriving: { loadMs: 3000 },
  no_network: { failLoad: { code: "NETWORK", message: "models/parley-17m/parley-17m-q8_0.000.part" } },
  refused: { failLoad: { code: "OOM", message: "142 MB were refused", bytes: 142_000_000 } },
  refused_import: {
    more: true,
    failLoad: { code: "OOM", message: "240 MB were refused", bytes: 240_000_000 },
  },
  storage_full: { failLoad: { code: "STORAGE_FULL", message: "40 MB", bytes: 40_000_000 } },
  bad_data: { failLoad: { code: "HASH_MISMATCH", message: "part 3 of 5: expected 41c2f09a, got 9e107d9d" } },
  single_thread: { notices: [{ code: "SINGLE_THREAD", detail: "not cross-origin isolated" }] },
  no_storage: {
    notices: [{ code: "STORAGE_MEMORY", detail: "refused" }],
    storage: { backend: "memory", persisted: false },
  },
  cut: { finish: "length" },
  broken: { failReply: { code: "WORKER_CRASHED", message: "the worker stopped", after: 3 } },
  too_long: { failReply: { code: "CONTEXT_FULL", message: "713 tokens needed, 448 available", after: 0 } },
  long: { reply: () => Array.from({ length: 400 }, (_, i) => (i % 40 === 39 ? "\n\n" : LONG_LINE)) },
  megabyte: { reply: () => [LONG_LINE.repeat(23_000)] },
  small_context: { context: 96 },
  rtl: { reply: () => ["שלום! ", "מה שלומך ", "היום?\n", "مرحبا، ", "كيف حالك؟"] },
  attack: {
    reply: () => [PAYLOAD],
    name: PAYLOAD,
    licence: PAYLOAD,
    ...(asked.has("fail") && { failLoad: { code: PAYLOAD, message: PAYLOAD } }),
  },
};

const engineState = signal<EngineState>({ state: "idle" });
const engine = new FakeEngine({
  pieceMs: 20,
  ...STATES[asked.get("state") ?? "ready"],
  onState: (state) => {
    engineState.value = state;
  },
});
const ready = signal(asked.has("update"));

const root = document.getElementById("app");
if (root !== null) {
  start(root, {
    engine,
    engineState,
    modelId: asked.get("model") ?? "parley-17m",
    version: "0.1.0",
    modelHosts: ["https://huggingface.co"],
    updates: { ready, apply: () => location.reload() },
    mayLoad: Promise.resolve(true),
  });
}
if (asked.has("unresponsive")) setTimeout(() => engine.set({ state: "unresponsive", seconds: 34 }), 300);
