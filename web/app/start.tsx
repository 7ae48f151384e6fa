// Starts the page over a given engine: opens what is stored, loads the model, draws. Which engine that is, main.tsx says.

import { computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import { render } from "preact";
import type { Engine, EngineState } from "../engine/types";
import { App } from "./app";
import { openChatStore } from "./state/chat_database";
import { type ChatsState, openChats } from "./state/chats";
import { eraseEverything } from "./state/erase";
import { createInspector } from "./state/inspector";
import { keepLastModel } from "./state/last_model";
import { createModel } from "./state/model";
import { createOnline, type PageState } from "./state/page";
import { createPreferences } from "./state/preferences";
import { createTab } from "./state/tab";
import { createTools } from "./state/tools";
import type { Updates } from "./state/updates";
import "./styles/index.css";

export interface StartOptions {
  engine: Engine;
  engineState: ReadonlySignal<EngineState>;
  modelId: string;
  version: string;
  /** Hosts besides this one that models may come from. */
  modelHosts: readonly string[];
  updates: Updates | null;
  /** Settles when the model may be loaded; false: the page is about to be loaded again. */
  mayLoad: Promise<boolean>;
}

export function start(root: HTMLElement, options: StartOptions): void {
  const { engine, modelId } = options;
  const preferences = createPreferences();
  const model = createModel(engine, options.engineState, preferences.value.peek().model || modelId);
  const erased = signal(false);
  const tools = createTools({ engine, model, preferences, version: options.version, erased });
  keepLastModel({ model, preferences, borrowing: tools.borrowing, byDefault: modelId });
  const chats = signal<ChatsState | null>(null);
  const blocked = signal(false);
  const page: PageState = {
    defaultModel: modelId,
    modelHosts: options.modelHosts,
    version: options.version,
    catalogUrl: new URL("models/catalog.json", document.baseURI).href,
    model,
    preferences,
    chats,
    conversation: computed(() => chats.value?.current.value ?? null),
    blocked,
    inspector: createInspector(engine),
    tools,
    updates: options.updates,
    online: createOnline(),
    erased,
    async erase() {
      // Nothing may be written again by what is still open.
      chats.peek()?.close();
      chats.value = null;
      erased.value = true;
      await eraseEverything(model);
    },
  };
  render(<App page={page} />, root);

  void (async () => {
    const store = await openChatStore(() => {
      blocked.value = true;
    });
    blocked.value = false;
    chats.value = await openChats({
      engine,
      model,
      preferences,
      store,
      tab: createTab(),
      onFirstReply: () => void keepStorage().then(() => model.refreshStorage()),
    });
  })();
  void options.mayLoad.then((may) => {
    if (may) void model.load();
  });

  addEventListener("pagehide", () => chats.peek()?.leave());
  addEventListener("pageshow", ({ persisted }) => {
    if (persisted) chats.peek()?.stay();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) chats.peek()?.flush();
  });
  // Back online: try again what failed for want of a connection.
  let wasOnline = page.online.peek();
  effect(() => {
    const online = page.online.value;
    if (online && !wasOnline && model.phase.peek().phase === "failed") void model.load();
    wasOnline = online;
  });
}

/** Asks the browser not to remove what is stored here; it may refuse, and the model's panel says so. */
async function keepStorage(): Promise<void> {
  try {
    await navigator.storage.persist();
  } catch {
    // Not offered here.
  }
}
