// The page's entry: puts the engine, the service worker and the page together.

import { signal } from "@preact/signals";
import { createEngine } from "../engine/index";
import type { EngineState } from "../engine/types";
import { start } from "./start";

const MODEL_ID = "parley-17m";

const engineState = signal<EngineState>({ state: "idle" });
const engine = createEngine({
  onState: (state) => {
    engineState.value = state;
  },
});

const root = document.getElementById("app");
if (root !== null) {
  start(root, { engine, engineState, modelId: MODEL_ID, version: __PARLEY_VERSION__, updates: null });
}
