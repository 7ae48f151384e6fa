// What the page offers beside the chat, as far as it is needed before any of it is opened: which tool is open, and what
// the tools are made of. What they do comes with views/tools.tsx, in a file of its own, when the first is opened.

import { type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { Engine } from "../../engine/types";
import type { ModelState } from "./model";
import type { PreferencesState } from "./preferences";
import type { Asked } from "./runs";

export const TOOLS = ["completion", "compare", "run", "diagnostics", "help"] as const;
export type Tool = (typeof TOOLS)[number];

export interface ToolParts {
  engine: Engine;
  model: ModelState;
  preferences: PreferencesState;
  version: string;
  /** Everything on this device was deleted: nothing may be written again. */
  erased: ReadonlySignal<boolean>;
}

/** What a reply came of, to be shared. */
export interface GivenRun {
  model: string;
  asked: Asked;
  options: Record<string, unknown>; // in effect
  context: number; // tokens
  text: string; // that came of it
}

export interface ToolsState {
  readonly parts: ToolParts;
  readonly open: Signal<Tool | null>;
  /** The reply that is to be shared. */
  readonly given: Signal<GivenRun | null>;
  /** The part of the page's address after `#`. */
  readonly fragment: Signal<string>;
  /** A tool has put another model in the place of the page's own, and brings that back. */
  readonly borrowing: Signal<boolean>;
  share(given: GivenRun): void;
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

const SHARED: Tool = "run";

/** `#run=...` is a shared run; `#completion` and the like open a tool: the installed page's shortcuts are such addresses. */
export function createTools(parts: ToolParts, fragment: Fragment = pageFragment): ToolsState {
  const open: Signal<Tool | null> = signal(null);
  const given: Signal<GivenRun | null> = signal(null);
  const now = signal(fragment.read());
  const follow = () => {
    now.value = fragment.read();
    const asked = now.value.startsWith(`${SHARED}=`) ? SHARED : now.value;
    const tool = TOOLS.find((one) => one === asked);
    if (tool !== undefined) open.value = tool;
  };
  follow();
  fragment.onChange(follow);
  return {
    parts,
    open,
    given,
    fragment: now,
    borrowing: signal(false),
    share(run) {
      given.value = { ...run };
      open.value = SHARED;
    },
    close() {
      open.value = null;
      fragment.clear();
      now.value = "";
    },
  };
}
