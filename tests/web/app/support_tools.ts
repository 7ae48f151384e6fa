// What tests of the tools begin with: the fake engine and a model that is ready.

import { signal } from "@preact/signals";
import { createModel, type ModelState } from "../../../web/app/state/model";
import type { EngineState } from "../../../web/engine/types";
import { FakeEngine, type FakeOptions } from "./fake_engine";

export async function readyModel(
  options: Partial<FakeOptions> = {},
): Promise<{ engine: FakeEngine; model: ModelState }> {
  const engineState = signal<EngineState>({ state: "idle" });
  const engine = new FakeEngine({
    ...options,
    onState: (state) => {
      engineState.value = state;
    },
  });
  const model = createModel(engine, engineState, "parley-17m");
  await model.load();
  return { engine, model };
}
