// What the page offers beside the chat, as far as it is needed before any of it is opened: which tool is open, and what
// the tools are made of. What they do comes with views/tools.tsx, in a file of its own, when the first is opened.

import { type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { Engine } from "../../engine/types";
import type { ModelState } from "./model";
import type { PreferencesState } from "./preferences";

export const TOOLS = ["completion", "compare", "diagnostics", "help"] as const;
export type Tool = (typeof TOOLS)[number];

export interface ToolParts {
  engine: Engine;
  model: ModelState;
  preferences: PreferencesState;
  version: string;
  /** Everything on this device was deleted: nothing may be written again. */
  erased: ReadonlySignal<boolean>;
}

export interface ToolsState {
  readonly parts: ToolParts;
  readonly open: Signal<Tool | null>;
  /** A tool has put another model in the place of the page's own, and brings that back. */
  readonly borrowing: Signal<boolean>;
  close(): void;
}

/** The part of the address after `#`, and how to take it away without a new entry in the history. */
export interface Fragment {
  read(): string;
  clear(): void;
  onChange(listener: () => void): void;
}

export const pageFragment: Fragment = {
  read: () => location.hash.slice(1),
  clear() {
    if (location.hash !== "") history.replaceState(history.state, "", location.pathname + location.search);
  },
  onChange: (listener) => addEventListener("hashchange", listener),
};

/** `#completion` and the like open a tool: the installed page's shortcuts are such addresses. */
export function createTools(parts: ToolParts, fragment: Fragment = pageFragment): ToolsState {
  const open: Signal<Tool | null> = signal(null);
  const follow = () => {
    const asked = TOOLS.find((tool) => tool === fragment.read());
    if (asked !== undefined) open.value = asked;
  };
  follow();
  fragment.onChange(follow);
  return {
    parts,
    open,
    borrowing: signal(false),
    close() {
      open.value = null;
      fragment.clear();
    },
  };
}
