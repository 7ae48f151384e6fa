// Starts the page over a given engine: opens what is stored, loads the model, draws. Which engine that is, main.tsx says.

import { effect, type ReadonlySignal, signal } from "@preact/signals";
import { render } from "preact";
import type { Engine, EngineState } from "../engine/types";
import { App } from "./app";
import { openChatStore } from "./state/chat_store";
import { type ConversationState, createConversation } from "./state/conversation";
import { eraseEverything } from "./state/erase";
import { createModel } from "./state/model";
import { createOnline, type PageState } from "./state/page";
import { createPreferences } from "./state/preferences";
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
  effect(() => {
    const chosen = model.id.value;
    if (chosen !== (preferences.value.peek().model || modelId)) preferences.change({ model: chosen });
  });
  const conversation = signal<ConversationState | null>(null);
  const erased = signal(false);
  const page: PageState = {
    defaultModel: modelId,
    modelHosts: options.modelHosts,
    version: options.version,
    catalogUrl: new URL("models/catalog.json", document.baseURI).href,
    model,
    preferences,
    conversation,
    updates: options.updates,
    online: createOnline(),
    erased,
    async erase() {
      // Nothing may be written again by what is still open.
      conversation.value?.newChat();
      conversation.value = null;
      erased.value = true;
      await eraseEverything(model);
    },
  };
  render(<App page={page} />, root);

  void (async () => {
    const store = await openChatStore();
    const stored = await store.newest().catch(() => null);
    conversation.value = createConversation({
      engine,
      model,
      preferences,
      store,
      stored,
      onFirstReply: () => void keepStorage().then(() => model.refreshStorage()),
    });
  })();
  void options.mayLoad.then((may) => {
    if (may) void model.load();
  });

  addEventListener("pagehide", () => conversation.peek()?.leave());
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) conversation.peek()?.flush();
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
