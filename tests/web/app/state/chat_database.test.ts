// Conversations in IndexedDB, over an implementation of it in memory.

import { IDBFactory } from "fake-indexeddb";
import "fake-indexeddb/auto";
import { openDB } from "idb";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openChatStore } from "../../../../web/app/state/chat_database";
import {
  type ChatEvent,
  type ChatStore,
  NEW_CHAT,
  NO_DRAFT,
  type StoredChat,
} from "../../../../web/app/state/chat_store";
import type { Conversation, Message, ReplyMessage } from "../../../../web/app/state/messages";

beforeEach(() => {
  vi.stubGlobal("indexedDB", new IDBFactory());
  vi.spyOn(console, "error").mockImplementation(() => {});
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

function conversation(id: string, part: Partial<Conversation> = {}): Conversation {
  return { id, title: id, created: 0, updated: 1, leaf: null, system: "", pinned: false, ...part };
}

function message(id: string, of: string, part: Partial<Message> = {}): Message {
  return { id, conversation: of, parent: null, role: "user", content: id, created: 0, ...part } as Message;
}

function reply(id: string, of: string, part: Partial<ReplyMessage> = {}): Message {
  return message(id, of, { role: "assistant", state: "done", ...part });
}

function save(store: ChatStore, of: Conversation, messages: Message[], part: Partial<Conversation> = of) {
  return store.save({ conversation: of, part, messages, whole: () => messages });
}

const ids = (chat: StoredChat | null) => chat?.messages.map(({ id }) => id).sort();

test("a new database holds no conversation", async () => {
  const store = await openChatStore();
  expect(store.access).toBe("full");
  expect(await store.list()).toEqual([]);
  expect(await store.read("a")).toBeNull();
});

test("conversations come back, each with its own messages and drafts", async () => {
  const store = await openChatStore();
  await save(store, conversation("one"), [message("a", "one")]);
  await save(store, conversation("two", { pinned: true }), [message("b", "two"), message("c", "two")]);
  await store.saveDraft("two", { text: "half a sen", editing: { message: "b", text: "b, edited" } });
  await store.saveDraft("one", { text: "another" });
  await store.saveDraft("one", NO_DRAFT);

  const next = await openChatStore();
  expect((await next.list()).map(({ id }) => id).sort()).toEqual(["one", "two"]);
  expect(ids(await next.read("one"))).toEqual(["a"]);
  expect(await next.read("two")).toMatchObject({
    conversation: { pinned: true },
    draft: { text: "half a sen", editing: { message: "b", text: "b, edited" } },
  });
  expect(ids(await next.read("two"))).toEqual(["b", "c"]);
  expect((await next.read("one"))?.draft).toEqual(NO_DRAFT);
});

test("C1: a message that cannot be stored leaves the conversation as it was", async () => {
  const store = await openChatStore();
  await save(store, conversation("c"), [message("a", "c")]);
  const broken = { ...message("b", "c"), content: () => {} } as unknown as Message;
  await expect(save(store, conversation("c", { leaf: "b" }), [message("d", "c"), broken])).rejects.toThrow();
  const kept = await store.read("c");
  expect(kept?.conversation.leaf).toBeNull();
  expect(ids(kept)).toEqual(["a"]);
});

test("C3: of a conversation only what changed is written, so that two tabs keep each other's changes", async () => {
  const [one, two] = [await openChatStore(), await openChatStore()];
  const first = conversation("c");
  await save(one, first, [message("a", "c")]);
  await Promise.all([
    save(one, { ...first, title: "renamed" }, [], { title: "renamed" }),
    save(two, { ...first, pinned: true }, [message("b", "c", { parent: "a" })], { pinned: true, leaf: "b" }),
    save(one, { ...first, system: "kind" }, [message("d", "c", { parent: "a" })], { system: "kind" }),
  ]);
  const kept = await one.read("c");
  expect(kept?.conversation).toMatchObject({ title: "renamed", pinned: true, system: "kind", leaf: "b" });
  expect(ids(kept)).toEqual(["a", "b", "d"]);
});

test("C3: a message that another tab has changed is not overwritten, and comes back", async () => {
  const [one, two] = [await openChatStore(), await openChatStore()];
  const of = conversation("c");
  await save(one, of, [reply("a", "c", { content: "Once" })]);
  expect(await save(two, of, [reply("a", "c", { content: "Once upon", revision: 1 })])).toEqual([]);
  const conflicts = await save(one, of, [
    reply("a", "c", { content: "Once more", revision: 1 }),
    message("b", "c"),
  ]);
  expect(conflicts).toMatchObject([{ id: "a", content: "Once upon" }]);
  expect((await one.read("c"))?.messages.find(({ id }) => id === "a")?.content).toBe("Once upon");
  expect(ids(await one.read("c"))).toEqual(["a", "b"]);
});

test("C3: a change to a conversation that another tab has deleted brings all of it back", async () => {
  const [one, two] = [await openChatStore(), await openChatStore()];
  const all = [message("a", "c"), reply("b", "c", { parent: "a" })];
  await save(one, conversation("c"), all);
  await two.remove("c");
  const next = message("d", "c", { parent: "b" });
  await one.save({
    conversation: conversation("c"),
    part: {},
    messages: [next],
    whole: () => [...all, next],
  });
  expect(ids(await two.read("c"))).toEqual(["a", "b", "d"]);
});

test("other tabs hear of what was saved and deleted, and say so themselves", async () => {
  const [one, two] = [await openChatStore(), await openChatStore()];
  const heard: ChatEvent[] = [];
  two.onEvent((event) => heard.push(event));
  await save(one, conversation("c"), [message("a", "c")]);
  await one.remove("c");
  await two.add([{ conversation: conversation("d"), messages: [], draft: NO_DRAFT }]);
  await vi.waitFor(() =>
    expect(heard.map(({ kind, own }) => [kind, own])).toEqual(
      expect.arrayContaining([
        ["saved", false],
        ["removed", false],
        ["added", true],
      ]),
    ),
  );
});

test("a deleted conversation is what remove() gave, and add() brings it back", async () => {
  const store = await openChatStore();
  await save(store, conversation("c"), [message("a", "c"), message("b", "c")]);
  await save(store, conversation("d"), [message("e", "d")]);
  await store.saveDraft("c", { text: "draft" });
  const removed = await store.remove("c");
  expect(await store.read("c")).toBeNull();
  expect(await store.readDraft("c")).toEqual(NO_DRAFT);
  expect(ids(await store.read("d"))).toEqual(["e"]);
  expect(await store.add([removed as StoredChat])).toEqual({ conversations: 1, messages: 0 });
  expect(await store.read("c")).toEqual(removed);
});

test("C4: what is added is added whole or not at all, and what is there stays as it is", async () => {
  const store = await openChatStore();
  await save(store, conversation("c", { title: "mine" }), [message("a", "c", { content: "mine" })]);
  const theirs = {
    conversation: conversation("c", { title: "theirs" }),
    messages: [message("a", "c", { content: "theirs" }), message("b", "c", { parent: "a" })],
    draft: NO_DRAFT,
  };
  expect(await store.add([theirs])).toEqual({ conversations: 0, messages: 1 });
  expect(await store.add([theirs])).toEqual({ conversations: 0, messages: 0 });
  const kept = await store.read("c");
  expect(kept?.conversation.title).toBe("mine");
  expect(kept?.messages.map(({ content }) => content).sort()).toEqual(["b", "mine"]);

  const clashing = { conversation: conversation("e"), messages: [message("a", "e")], draft: NO_DRAFT };
  const good = { conversation: conversation("d"), messages: [message("f", "d")], draft: NO_DRAFT };
  await expect(store.add([good, clashing])).rejects.toThrow();
  expect((await store.list()).map(({ id }) => id)).toEqual(["c"]);
});

test("damaged messages are left out, a damaged conversation is not listed", async () => {
  const store = await openChatStore();
  await save(store, conversation("c"), [message("a", "c"), { id: "b", conversation: "c" } as Message]);
  await save(store, { id: "d", title: 7 } as unknown as Conversation, []);
  expect((await store.list()).map(({ id }) => id)).toEqual(["c"]);
  expect(ids(await store.read("c"))).toEqual(["a"]);
});

function stubSession(): Map<string, string> {
  const tab = new Map<string, string>();
  vi.stubGlobal("sessionStorage", {
    getItem: (key: string) => tab.get(key) ?? null,
    setItem: (key: string, value: string) => tab.set(key, value),
    removeItem: (key: string) => tab.delete(key),
  });
  return tab;
}

test("R9: what a page leaves behind is taken in by the next, but never over what went on after all", async () => {
  const tab = stubSession();
  const store = await openChatStore();
  const partial = { parent: "a", state: "streaming", writer: "t" } as const;
  await save(store, conversation("c", { updated: 1 }), [
    message("a", "c"),
    reply("b", "c", { ...partial, content: "Once" }),
  ]);
  const left = (content: string): StoredChat => ({
    conversation: conversation("c", { updated: 2, leaf: "b" }),
    messages: [message("a", "c"), reply("b", "c", { ...partial, content })],
    draft: { text: "and then" },
  });
  store.leave(left("Once upon a time"));
  const next = await openChatStore();
  expect(tab.size).toBe(0);
  expect(await next.read("c")).toMatchObject({ conversation: { leaf: "b" }, draft: { text: "and then" } });
  expect((await next.read("c"))?.messages.find(({ id }) => id === "b")?.content).toBe("Once upon a time");

  store.leave(left("Once upon a time there"));
  await save(next, conversation("c", { updated: 3 }), [
    reply("b", "c", { content: "Once upon a time there was. The end.", revision: 2 }),
  ]);
  await openChatStore();
  expect((await next.read("c"))?.messages.find(({ id }) => id === "b")?.content).toMatch(/The end\.$/);

  store.leave(left("x"));
  store.stay();
  expect(tab.size).toBe(0);
  store.leave({ conversation: conversation("fresh"), messages: [], draft: { text: "not yet sent" } });
  expect(await (await openChatStore()).readDraft(NEW_CHAT)).toEqual({ text: "not yet sent" });
  expect((await store.list()).map(({ id }) => id)).toEqual(["c"]);
});

test("a damaged left-over is dropped", async () => {
  const tab = stubSession();
  for (const text of ["{", "null", "[]", '{"conversation":{"id":"x"},"messages":[]}', '{"messages":4}']) {
    tab.set("parley.left", text);
    const store = await openChatStore();
    expect(store.access).toBe("full");
    expect(await store.list()).toEqual([]);
  }
});

/** A database as version 1 of the page left it. */
async function makeVersion1() {
  const database = await openDB("parley", 1, {
    upgrade(created) {
      created.createObjectStore("conversations", { keyPath: "id" }).createIndex("updated", "updated");
      created.createObjectStore("messages", { keyPath: "id" }).createIndex("conversation", "conversation");
      created.createObjectStore("drafts", { keyPath: "conversation" });
    },
  });
  const { pinned: _later, ...said } = conversation("said", { leaf: "b", updated: 5 });
  const { pinned: _later2, ...empty } = conversation("empty", { title: "", updated: 6 });
  await database.put("conversations", said);
  await database.put("conversations", empty);
  await database.put("conversations", { ...empty, id: "written" });
  await database.put("messages", message("a", "said"));
  await database.put(
    "messages",
    reply("b", "said", { parent: "a", state: "streaming", content: "Half a rep" }),
  );
  await database.put("drafts", { conversation: "said", text: "one draft" });
  await database.put("drafts", { conversation: "written", text: "another" });
  return database;
}

test("a database of version 1 is migrated without loss", async () => {
  (await makeVersion1()).close();
  const store = await openChatStore();
  expect(store.access).toBe("full");
  expect(await store.list()).toEqual([conversation("said", { leaf: "b", updated: 5 })]);
  const said = await store.read("said");
  expect(ids(said)).toEqual(["a", "b"]);
  expect(said?.messages.find(({ id }) => id === "b")).toMatchObject({
    state: "streaming",
    content: "Half a rep",
  });
  expect(said?.draft).toEqual({ text: "one draft" });
  expect(await store.readDraft(NEW_CHAT)).toMatchObject({ text: "another" });
});

test("C2: while another tab keeps the old version the page says so, and goes on when it is closed", async () => {
  const old = await makeVersion1();
  const blocked = vi.fn(() => old.close());
  const store = await openChatStore(blocked);
  expect(blocked).toHaveBeenCalledOnce();
  expect(ids(await store.read("said"))).toEqual(["a", "b"]);
});

test("C2: a newer schema is read and not written; what is said then ends with the page", async () => {
  const newer = await openDB("parley", 9, {
    upgrade(created) {
      created.createObjectStore("conversations", { keyPath: "id" });
      created.createObjectStore("messages", { keyPath: "id" }).createIndex("conversation", "conversation");
      created.createObjectStore("drafts", { keyPath: "conversation" });
      created.createObjectStore("more");
    },
  });
  await newer.put("conversations", { ...conversation("c"), colour: "green" });
  await newer.put("messages", { ...message("a", "c"), mood: "good" });
  const store = await openChatStore();
  expect(store.access).toBe("newer");
  expect((await store.list()).map(({ id }) => id)).toEqual(["c"]);
  const next = message("b", "c", { parent: "a" });
  await store.save({
    conversation: conversation("c", { title: "changed" }),
    part: { title: "changed" },
    messages: [next],
    whole: () => [message("a", "c"), next],
  });
  expect(ids(await store.read("c"))).toEqual(["a", "b"]);
  expect((await store.list()).map(({ title }) => title)).toEqual(["changed"]);
  await store.remove("c");
  expect(await store.list()).toEqual([]);
  expect(await newer.get("conversations", "c")).toMatchObject({ title: "c", colour: "green" });
  expect(await newer.count("messages")).toBe(1);
});

test("C2: an upgrade that fails leaves the old database as it was, to be read", async () => {
  const old = await makeVersion1();
  old.close();
  const update = vi.spyOn(IDBCursor.prototype, "update").mockImplementation(() => {
    throw new DOMException("no room", "QuotaExceededError");
  });
  const store = await openChatStore();
  expect(store.access).toBe("newer");
  expect(ids(await store.read("said"))).toEqual(["a", "b"]);
  update.mockRestore();
  expect((await openDB("parley")).version).toBe(1);
});

test("C1: a database that a dying browser still holds is waited for", async () => {
  const factory = new IDBFactory();
  let refusals = 2;
  vi.stubGlobal("indexedDB", {
    open: (...given: Parameters<IDBFactory["open"]>) => {
      if (refusals-- > 0) throw new DOMException("Internal error opening backing store", "UnknownError");
      return factory.open(...given);
    },
  });
  expect((await openChatStore()).access).toBe("full");
});

test("R12: where the database is refused, a store that lasts as long as the page says so", async () => {
  vi.stubGlobal("indexedDB", {
    open: () => {
      throw new DOMException("denied", "SecurityError");
    },
  });
  const store = await openChatStore();
  expect(store.access).toBe("memory");
  await save(store, conversation("c"), [message("a", "c")]);
  expect(ids(await store.read("c"))).toEqual(["a"]);
  expect(await (await openChatStore()).list()).toEqual([]);
});
