// The page's entry: puts the engine, the service worker and the page together.

import { signal } from "@preact/signals";
import { createEngine } from "../engine/index";
import type { EngineState } from "../engine/types";
import { startServiceWorker } from "./service_worker_client";
import { start } from "./start";

const MODEL_ID = "parley-17m";

const serviceWorker = startServiceWorker();
const engineState = signal<EngineState>({ state: "idle" });
const engine = createEngine({
  exclusive: true,
  onState: (state) => {
    engineState.value = state;
    serviceWorker.onEngineState(state);
  },
});

const root = document.getElementById("app");
if (root !== null) {
  start(root, {
    engine,
    engineState,
    modelId: MODEL_ID,
    version: __PARLEY_VERSION__,
    modelHosts: __PARLEY_MODEL_HOSTS__,
    updates: serviceWorker.updates,
    mayLoad: serviceWorker.settled.then((outcome) => outcome === "stay"),
  });
}
