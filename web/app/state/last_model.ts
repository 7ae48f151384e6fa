// Which model the next visit begins with: the one that was loaded last. One that is only on its way is not kept: a visit
// that ends before it is there, or that it fails, comes back to what is on the device.

import { effect, type ReadonlySignal } from "@preact/signals";
import type { ModelState } from "./model";
import type { PreferencesState } from "./preferences";

interface LastModelParts {
  model: ModelState;
  preferences: PreferencesState;
  /** A tool has put another model in the place of the page's own. */
  borrowing: ReadonlySignal<boolean>;
  /** The model of a page that keeps none. */
  byDefault: string;
}

export function keepLastModel({ model, preferences, borrowing, byDefault }: LastModelParts): void {
  effect(() => {
    const id = model.id.value;
    if (model.phase.value.phase !== "ready" || borrowing.value) return;
    if (id !== (preferences.value.peek().model || byDefault)) preferences.change({ model: id });
  });
}
