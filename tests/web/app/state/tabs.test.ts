// Two tabs over one database: what each says reaches the other, and nothing is lost where both were at the same message.

import { IDBFactory } from "fake-indexeddb";
import "fake-indexeddb/auto";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openChatStore } from "../../../../web/app/state/chat_database";
import type { ChatStore } from "../../../../web/app/state/chat_store";
import type { ReplyMessage } from "../../../../web/app/state/messages";
import type { Tab } from "../../../../web/app/state/tab";
import type { FakeOptions } from "../fake_engine";
import { ask, lastReply, openReady, type Page, said, settled } from "../support/open_chats";

let closeAll: (() => void)[] = [];

beforeEach(() => {
  vi.stubGlobal("indexedDB", new IDBFactory());
});

afterEach(() => {
  for (const close of closeAll) close();
  closeAll = [];
  vi.unstubAllGlobals();
});

/** The tabs of one browser, which know of each other. */
class Tabs {
  readonly #open = new Map<string, Set<() => void>>();

  create(id: string): Tab {
    this.#open.set(id, new Set());
    return {
      id,
      open: async () => new Set(this.#open.keys()),
      whenClosed: (other, then) => {
        const waiting = this.#open.get(other);
        if (waiting === undefined) queueMicrotask(then);
        else waiting.add(then);
        return () => waiting?.delete(then);
      },
    };
  }

  close(id: string): void {
    const waiting = this.#open.get(id);
    this.#open.delete(id);
    for (const then of waiting ?? []) then();
  }
}

async function openTab(tabs: Tabs, id: string, options: Partial<FakeOptions> = {}): Promise<Page> {
  const store: ChatStore = await openChatStore();
  const page = await openReady(options, store, null, tabs.create(id));
  closeAll.push(() => page.chats.close());
  return page;
}

async function twoTabs(options: Partial<FakeOptions> = {}): Promise<{ tabs: Tabs; one: Page; two: Page }> {
  const tabs = new Tabs();
  const one = await openTab(tabs, "one", options);
  await ask(one, "Hello");
  const two = await openTab(tabs, "two", options);
  await vi.waitFor(() => expect(said(two)).toEqual(said(one)));
  return { tabs, one, two };
}

test("C3: what both say to the same reply becomes two branches, in both tabs", async () => {
  const { one, two } = await twoTabs();
  one.conversation.send("From one");
  two.conversation.send("From two");
  await Promise.all([settled(one), settled(two)]);
  for (const page of [one, two]) {
    await vi.waitFor(() => {
      const third = page.conversation.path.value[2];
      const versions = third === undefined ? [] : page.conversation.versions(third);
      expect(versions.map(({ content }) => content).sort()).toEqual(["From one", "From two"]);
    });
  }
  expect(said(one)[2]).toBe("From one");
  expect(said(two)[2]).toBe("From two");
});

test("C3: the branch on show grows with the other tab, and stays when the other goes elsewhere", async () => {
  const { one, two } = await twoTabs();
  await ask(one, "More");
  await vi.waitFor(() => expect(said(two)).toEqual(said(one)));
  two.conversation.regenerate(lastReply(two).id);
  await settled(two);
  await vi.waitFor(() => expect(one.conversation.versions(lastReply(one))).toHaveLength(2));
  expect(one.conversation.versions(lastReply(one)).indexOf(lastReply(one))).toBe(0);
});

test("C3: one reply continued in both tabs at once: the first stands, the other's words become a version", async () => {
  const { one, two } = await twoTabs({
    reply: (messages) => (messages.at(-1)?.role === "user" ? ["Once"] : [" upon", ` a ${Math.random()}`]),
  });
  one.conversation.continueReply();
  two.conversation.continueReply();
  const settle = async (page: Page) => {
    await settled(page);
    await new Promise((resolve) => setTimeout(resolve, 100));
  };
  await Promise.all([settle(one), settle(two)]);
  const stored = await one.store.read(one.conversation.conversation.value.id);
  const replies =
    stored?.messages.filter((message): message is ReplyMessage => message.role === "assistant") ?? [];
  const whole = replies.filter(({ state }) => state === "done");
  expect(whole.length).toBeGreaterThanOrEqual(1);
  expect(replies.every(({ state }) => state === "done" || state === "interrupted")).toBe(true);
  for (const page of [one, two]) expect(page.conversation.busy.value).toBe(false);
  expect(lastReply(one).content).toMatch(/^Once/);
  expect(lastReply(one).content).toBe(lastReply(two).content);
});

test("C3: of a reply in the other tab the words are seen, and it can be stopped from here", async () => {
  const { one, two } = await twoTabs({ pieceMs: 150 });
  one.conversation.send("More");
  await vi.waitFor(() => expect(said(two)[3]).toMatch(/^Hello/), 3000);
  expect(two.conversation.busy.value).toBe(true);
  two.conversation.send("not now");
  expect(said(two)).not.toContain("not now");
  two.conversation.stop();
  await settled(one);
  expect(lastReply(one).state).toBe("stopped");
  await vi.waitFor(() => expect(lastReply(two).state).toBe("stopped"));
});

test("R9: a reply whose tab is gone is taken over, and one without a word is written here", async () => {
  const { tabs, one, two } = await twoTabs({ pieceMs: 150 });
  one.conversation.send("More");
  await vi.waitFor(() => expect(said(two)[3]).toMatch(/^Hello/), 3000);
  one.chats.close();
  tabs.close("one");
  await vi.waitFor(() => expect(lastReply(two)).toMatchObject({ state: "interrupted" }));

  const three = await openTab(tabs, "three", { pieceMs: 5000 });
  three.conversation.send("Are you there?");
  await vi.waitFor(() => expect(said(two)).toContain("Are you there?"));
  three.chats.close();
  tabs.close("three");
  await vi.waitFor(() => expect(lastReply(two)).toMatchObject({ state: "done" }), 3000);
});

test("C3: where the other tab deletes the conversation, what is being written goes on in a new one", async () => {
  const { one, two } = await twoTabs();
  two.conversation.draft.value = "half a sen";
  const { id } = one.conversation.conversation.value;
  await one.chats.remove(id);
  await vi.waitFor(() => expect(two.conversation.conversation.value.id).not.toBe(id));
  expect(two.conversation.draft.value).toBe("half a sen");
  expect(two.chats.list.value).toEqual([]);
  await one.chats.undoRemove();
  await vi.waitFor(() => expect(two.chats.list.value.map(({ title }) => title)).toEqual(["Hello"]));
});

test("C3: a new name reaches the other tab, and what is said there does not undo it", async () => {
  const { one, two } = await twoTabs();
  one.chats.rename(one.conversation.conversation.value.id, "Greetings");
  await ask(two, "More");
  await vi.waitFor(() => expect(two.chats.list.value[0]?.title).toBe("Greetings"));
  expect((await one.store.list())[0]?.title).toBe("Greetings");
});
