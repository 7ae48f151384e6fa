// The tools' state, made when the first of them is opened and kept until the page is closed.

import { type CompareState, createCompare } from "./compare";
import { type CompletionState, createCompletion } from "./completion";
import { createDiagnostics, type Diagnostics } from "./diagnostics";
import { type DocumentStore, openDocuments } from "./document_store";
import { createSharedRuns, type SharedRunsState } from "./shared_runs";
import type { ToolsState } from "./tools";

export interface Toolbox {
  readonly completion: CompletionState;
  readonly compare: CompareState;
  readonly runs: SharedRunsState;
  readonly diagnostics: Diagnostics;
}

const boxes = new WeakMap<ToolsState, Toolbox>();

export function toolboxOf(tools: ToolsState): Toolbox {
  let box = boxes.get(tools);
  if (box === undefined) {
    const { parts } = tools;
    const kept = openDocuments();
    const documents: DocumentStore = {
      read: () => kept.read(),
      write: async (document) => (parts.erased.peek() ? undefined : kept.write(document)),
    };
    const completion = createCompletion(parts, documents);
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) completion.flush();
    });
    box = {
      completion,
      compare: createCompare({ ...parts, borrowing: tools.borrowing }),
      runs: createSharedRuns({ ...parts, tools, address: location.href.replace(/#.*$/u, "") }),
      diagnostics: createDiagnostics(parts),
    };
    boxes.set(tools, box);
  }
  return box;
}
