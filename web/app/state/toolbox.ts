// The tools' state, made when the first of them is opened and kept until the page is closed.

import { createDiagnostics, type Diagnostics } from "./diagnostics";
import type { ToolsState } from "./tools";

export interface Toolbox {
  readonly diagnostics: Diagnostics;
}

const boxes = new WeakMap<ToolsState, Toolbox>();

export function toolboxOf(tools: ToolsState): Toolbox {
  let box = boxes.get(tools);
  if (box === undefined) {
    const { parts } = tools;
    box = {
      diagnostics: createDiagnostics(parts),
    };
    boxes.set(tools, box);
  }
  return box;
}
