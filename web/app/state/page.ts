// All state of the page in one place, as components receive it through the context below. Composing it is left to
// main.tsx.

import { type ReadonlySignal, signal } from "@preact/signals";
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { ChatsState } from "./chats";
import type { ConversationState } from "./conversation";
import type { InspectorState } from "./inspector";
import type { ModelState } from "./model";
import type { PreferencesState } from "./preferences";
import type { ToolsState } from "./tools";
import type { Updates } from "./updates";

export interface PageState {
  /** The model that the page brings along. */
  readonly defaultModel: string;
  readonly modelHosts: readonly string[];
  readonly version: string;
  /** Where the catalog is; addresses in its entries are relative to it. */
  readonly catalogUrl: string;
  readonly model: ModelState;
  readonly preferences: PreferencesState;
  /** Null until the database has answered, and after everything was deleted. */
  readonly chats: ReadonlySignal<ChatsState | null>;
  /** The one on show. */
  readonly conversation: ReadonlySignal<ConversationState | null>;
  /** The database waits for another tab, which has an earlier version of the page. */
  readonly blocked: ReadonlySignal<boolean>;
  readonly inspector: InspectorState;
  readonly tools: ToolsState;
  readonly updates: Updates | null;
  readonly online: ReadonlySignal<boolean>;
  /** Nothing is left on this device; the page is over. */
  readonly erased: ReadonlySignal<boolean>;
  /** Deletes everything that is kept on this device. */
  erase(): Promise<void>;
}

export const PageContext = createContext<PageState | null>(null);

export function usePage(): PageState {
  const page = useContext(PageContext);
  if (page === null) throw new Error("usePage outside of PageContext");
  return page;
}

export function createOnline(): ReadonlySignal<boolean> {
  const online = signal(navigator.onLine);
  addEventListener("online", () => {
    online.value = true;
  });
  addEventListener("offline", () => {
    online.value = false;
  });
  return online;
}
