// All of the page's state over the fake engine and a store in memory, as one tab of possibly several.

import { signal } from "@preact/signals";
import { expect, vi } from "vitest";
import { type ChatStore, MemoryStore } from "../../../../web/app/state/chat_store";
import { openChats } from "../../../../web/app/state/chats";
import type { Message, ReplyMessage } from "../../../../web/app/state/messages";
import { createModel } from "../../../../web/app/state/model";
import { createPreferences } from "../../../../web/app/state/preferences";
import type { Tab } from "../../../../web/app/state/tab";
import type { EngineState } from "../../../../web/engine/types";
import { FakeEngine, type FakeOptions } from "../fake_engine";

/** Outlives the page that uses it. */
export class TestStore extends MemoryStore {
  override readonly access = "full";

  async message(id: string): Promise<Message | undefined> {
    for (const conversation of await this.list()) {
      const found = (await this.read(conversation.id))?.messages.find((message) => message.id === id);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

/** What a tab's sessionStorage does. */
export function tabSession(): Pick<Storage, "getItem" | "setItem"> {
  const items = new Map<string, string>();
  return { getItem: (key) => items.get(key) ?? null, setItem: (key, value) => void items.set(key, value) };
}

/** The only tab that is open. */
export function onlyTab(id = crypto.randomUUID()): Tab {
  return { id, open: async () => new Set([id]), whenClosed: () => () => {} };
}

export async function open<Store extends ChatStore = TestStore>(
  options: Partial<FakeOptions> = {},
  store: Store = new TestStore() as ChatStore as Store,
  session: Pick<Storage, "getItem" | "setItem"> | null = null,
  tab = onlyTab(),
) {
  const engineState = signal<EngineState>({ state: "idle" });
  const engine = new FakeEngine({
    ...options,
    onState: (state) => {
      engineState.value = state;
    },
  });
  const model = createModel(engine, engineState, "parley-17m");
  const preferences = createPreferences(null);
  const chats = await openChats({ engine, model, preferences, store, tab, session });
  return {
    engine,
    model,
    preferences,
    store,
    chats,
    get conversation() {
      return chats.current.value;
    },
  };
}

export type Page = Awaited<ReturnType<typeof open<ChatStore>>>;

export async function openReady<Store extends ChatStore = TestStore>(
  ...given: Parameters<typeof open<Store>>
) {
  const page = await open(...given);
  await page.model.load();
  return page;
}

export const settled = (page: Page) => vi.waitFor(() => expect(page.conversation.busy.value).toBe(false));

export async function ask(page: Page, text: string): Promise<ReplyMessage> {
  page.conversation.send(text);
  await settled(page);
  return lastReply(page);
}

export function lastReply({ conversation }: Page): ReplyMessage {
  const last = conversation.path.value.at(-1);
  if (last?.role !== "assistant") throw new Error("the last turn is not a reply");
  return last;
}

/** What was said, in the order of the branch on show. */
export function said({ conversation }: Page): string[] {
  return conversation.path.value.map(({ content }) => content);
}
