// Conversations in IndexedDB, over an implementation of it in memory.

import { IDBFactory } from "fake-indexeddb";
import "fake-indexeddb/auto";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openChatStore } from "../../../../web/app/state/chat_store";
import type { Conversation, Message } from "../../../../web/app/state/messages";

beforeEach(() => {
  vi.stubGlobal("indexedDB", new IDBFactory());
});

afterEach(() => {
  vi.unstubAllGlobals();
});

function conversation(id: string, updated: number): Conversation {
  return { id, title: id, created: 0, updated, leaf: null, system: "" };
}

function message(id: string, of: string): Message {
  return { id, conversation: of, parent: null, role: "user", content: id, created: 0 };
}

test("a new database holds no conversation", async () => {
  expect(await (await openChatStore()).newest()).toBeNull();
});

test("the conversation changed last comes back, with its own messages and draft", async () => {
  const store = await openChatStore();
  await store.save(conversation("old", 1), [message("a", "old")]);
  await store.save(conversation("new", 2), [message("b", "new"), message("c", "new")]);
  await store.saveDraft("new", "half a sen");
  await store.saveDraft("old", "another");

  const newest = await (await openChatStore()).newest();
  expect(newest?.conversation.id).toBe("new");
  expect(newest?.messages.map(({ id }) => id).sort()).toEqual(["b", "c"]);
  expect(newest?.draft).toBe("half a sen");
});

test("an empty draft leaves nothing behind", async () => {
  const store = await openChatStore();
  await store.save(conversation("c", 1), []);
  await store.saveDraft("c", "words");
  await store.saveDraft("c", "");
  expect((await store.newest())?.draft).toBe("");
});

test("what a page leaves behind is taken in by the next, unless the conversation went on", async () => {
  const tab = new Map<string, string>();
  vi.stubGlobal("sessionStorage", {
    getItem: (key: string) => tab.get(key) ?? null,
    setItem: (key: string, value: string) => tab.set(key, value),
    removeItem: (key: string) => tab.delete(key),
  });
  const store = await openChatStore();
  await store.save(conversation("c", 1), [message("a", "c")]);
  store.leave({ conversation: conversation("c", 2), messages: [message("b", "c")], draft: "and then" });
  const next = await (await openChatStore()).newest();
  expect(next?.messages.map(({ id }) => id).sort()).toEqual(["a", "b"]);
  expect(next?.draft).toBe("and then");
  expect(tab.size).toBe(0);

  store.leave({ conversation: conversation("c", 3), messages: [message("d", "c")], draft: "" });
  await store.save(conversation("c", 4), []);
  expect((await (await openChatStore()).newest())?.messages).toHaveLength(2);
});

test("a message that cannot be stored leaves the conversation as it was", async () => {
  const store = await openChatStore();
  await store.save(conversation("c", 1), [message("a", "c")]);
  const broken = { ...message("b", "c"), content: () => {} } as unknown as Message;
  await expect(store.save({ ...conversation("c", 2), leaf: "b" }, [broken])).rejects.toThrow();
  const kept = await store.newest();
  expect(kept?.conversation.leaf).toBeNull();
  expect(kept?.messages.map(({ id }) => id)).toEqual(["a"]);
});

test("R12: where the database is refused, a store that keeps nothing says so", async () => {
  vi.stubGlobal("indexedDB", {
    open: () => {
      throw new DOMException("denied", "SecurityError");
    },
  });
  const store = await openChatStore();
  expect(store.persistent).toBe(false);
  await store.save(conversation("c", 1), [message("a", "c")]);
  expect(await store.newest()).toBeNull();
});
