// What the inspector is open on, and the engine that it asks. All that the page holds of it until somebody looks; the
// questions themselves are review.ts's, which comes with the panel.

import { type Signal, signal } from "@preact/signals";
import type { Engine } from "../../engine/types";

/** A reply on the page by its message's id, or any text that is typed or pasted into the panel. */
export type Target = { kind: "reply"; id: string } | { kind: "text" };

export interface InspectorState {
  readonly engine: Pick<Engine, "review" | "alternatives" | "attention" | "layers" | "detokenize">;
  /** Null while the panel is closed. */
  readonly target: Signal<Target | null>;
}

export function createInspector(engine: InspectorState["engine"]): InspectorState {
  return { engine, target: signal<Target | null>(null) };
}
