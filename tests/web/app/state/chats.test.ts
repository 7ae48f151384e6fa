// Many conversations: kept apart, listed, found, deleted and brought back.

import { expect, test, vi } from "vitest";
import { NEW_CHAT } from "../../../../web/app/state/chat_store";
import { ask, lastReply, open, openReady, said, TestStore, tabSession } from "../support/open_chats";

const titles = ({ chats }: Awaited<ReturnType<typeof open>>) => chats.list.value.map(({ title }) => title);
const idOf = ({ chats }: Awaited<ReturnType<typeof open>>, title: string) =>
  chats.list.value.find((one) => one.title === title)?.id ?? "";

test("a new conversation keeps the system text; the old one stays, and is listed once something was said", async () => {
  const page = await openReady();
  expect(titles(page)).toEqual([]);
  page.conversation.setSystem("Be kind.");
  await ask(page, "First");
  await page.chats.startNew();
  expect(said(page)).toEqual([]);
  expect(page.conversation.conversation.value.system).toBe("Be kind.");
  expect(titles(page)).toEqual(["First"]);
  await ask(page, "Second");
  expect(titles(page)).toEqual(["Second", "First"]);
  await page.chats.show(idOf(page, "First"));
  expect(said(page)[0]).toBe("First");
});

test("a reload shows the conversation of this tab, a new tab the one that was changed last", async () => {
  const store = new TestStore();
  const session = tabSession();
  const page = await openReady({}, store, session);
  await ask(page, "First");
  await page.chats.startNew();
  await ask(page, "Second");
  await page.chats.show(idOf(page, "First"));
  expect(said(await open({}, store, session))[0]).toBe("First");
  expect(said(await open({}, store, tabSession()))[0]).toBe("Second");
  await page.chats.startNew();
  expect(said(await open({}, store, session))).toEqual([]);
});

test("drafts are kept by conversation, also that of one in which nothing was said", async () => {
  const store = new TestStore();
  const page = await openReady({}, store);
  await ask(page, "First");
  page.conversation.draft.value = "to the first";
  await page.chats.startNew();
  page.conversation.draft.value = "to nobody yet";
  await page.chats.show(idOf(page, "First"));
  expect(page.conversation.draft.value).toBe("to the first");
  await page.chats.startNew();
  expect(page.conversation.draft.value).toBe("to nobody yet");
  await ask(page, "Second");
  await page.chats.startNew();
  expect(page.conversation.draft.value).toBe("");
});

test("a new conversation is there at once, and its draft comes in front of what was written meanwhile", async () => {
  let read = Promise.resolve();
  class SlowStore extends TestStore {
    override async readDraft(id: string) {
      await read;
      return super.readDraft(id);
    }
  }
  const store = new SlowStore();
  const page = await openReady({}, store);
  /** Starts a new conversation with a draft that comes when something was done in it. */
  const startSlowly = async (meanwhile: () => unknown) => {
    await store.saveDraft(NEW_CHAT, { text: "kept, " });
    let answer = () => {};
    read = new Promise((resolve) => {
      answer = resolve;
    });
    const started = page.chats.startNew();
    expect(said(page)).toEqual([]);
    await meanwhile();
    answer();
    await started;
  };
  await ask(page, "First");
  await startSlowly(() => {
    page.conversation.draft.value = "then written";
  });
  expect(page.conversation.draft.value).toBe("kept, then written");

  await ask(page, "Second");
  await startSlowly(() => ask(page, "Third"));
  expect(page.conversation.draft.value).toBe("");
  await page.chats.startNew();
  expect(page.conversation.draft.value).toBe("kept, ");
});

test("a reload keeps the system text and the draft of a conversation in which nothing was said", async () => {
  const store = new TestStore();
  const session = tabSession();
  const page = await openReady({}, store, session);
  page.conversation.setSystem("Be kind.");
  page.conversation.draft.value = "not yet sent";
  page.chats.flush();
  await vi.waitFor(async () => expect(await store.list()).toHaveLength(1));
  const next = await open({}, store, session);
  expect(next.conversation.conversation.value.system).toBe("Be kind.");
  expect(next.conversation.draft.value).toBe("not yet sent");
});

test("a reply goes on after its conversation was left", async () => {
  const page = await openReady({ pieceMs: 100 });
  page.conversation.send("First");
  const first = page.conversation;
  await vi.waitFor(() => expect(first.live.value?.text).toBe("Hello"));
  await page.chats.startNew();
  expect(page.chats.busy.value).toContain(idOf(page, "First"));
  await vi.waitFor(() => expect(page.chats.busy.value.size).toBe(0), 3000);
  await page.chats.show(idOf(page, "First"));
  expect(lastReply(page)).toMatchObject({
    state: "done",
    content: "Hello! What would you like to talk about?",
  });
});

test("renaming and pinning change the list, not the order of the others, and are kept", async () => {
  const page = await openReady();
  for (const text of ["First", "Second", "Third"]) {
    await page.chats.startNew();
    await ask(page, text);
  }
  page.chats.rename(idOf(page, "First"), "  The   beginning ");
  page.chats.rename(idOf(page, "Second"), " ");
  page.chats.pin(idOf(page, "Second"), true);
  await vi.waitFor(() => expect(titles(page)).toEqual(["Second", "Third", "The beginning"]));
  page.chats.rename(idOf(page, "Third"), "The end");
  await vi.waitFor(async () =>
    expect(titles(await open({}, page.store))).toEqual(["Second", "The end", "The beginning"]),
  );
});

test("a deleted conversation is gone at once, and comes back whole with Undo", async () => {
  const page = await openReady();
  await ask(page, "First");
  await ask(page, "Once more");
  page.conversation.draft.value = "a draft";
  const before = page.chats.current.value.snapshot();
  await page.chats.startNew();
  await ask(page, "Second");
  await page.chats.remove(before.conversation.id);
  expect(titles(page)).toEqual(["Second"]);
  expect(page.chats.removed.value?.title).toBe("First");
  expect(await page.store.read(before.conversation.id)).toBeNull();
  expect(titles(await open({}, page.store))).toEqual(["Second"]);

  await page.chats.undoRemove();
  expect(page.chats.removed.value).toBeNull();
  expect(page.conversation.snapshot()).toMatchObject({
    conversation: before.conversation,
    draft: { text: "a draft" },
  });
  expect(
    page.conversation
      .snapshot()
      .messages.map(({ content }) => content)
      .sort(),
  ).toEqual(before.messages.map(({ content }) => content).sort());
  await vi.waitFor(() => expect(titles(page)).toEqual(["Second", "First"]));
});

test("deleting the conversation on show, in the middle of a reply, shows the next one", async () => {
  const page = await openReady({ pieceMs: 100 });
  await ask(page, "First");
  await page.chats.startNew();
  page.conversation.send("Second");
  await vi.waitFor(() => expect(page.conversation.live.value?.text).toBe("Hello"));
  await page.chats.remove(page.conversation.conversation.value.id);
  expect(said(page)[0]).toBe("First");
  await new Promise((resolve) => setTimeout(resolve, 250));
  expect((await page.store.list()).map(({ title }) => title)).toEqual(["First"]);
  await page.chats.undoRemove();
  expect(lastReply(page)).toMatchObject({ state: "stopped", content: expect.stringMatching(/^Hello/) });
  await page.chats.remove(idOf(page, "First"));
  await page.chats.remove(idOf(page, "Second"));
  expect(said(page)).toEqual([]);
  expect((await ask(page, "Third")).state).toBe("done");
});

test("where nothing was said, a system text leaves no conversation behind", async () => {
  const page = await openReady();
  await ask(page, "First");
  await page.chats.startNew();
  page.conversation.setSystem("Be brief.");
  await vi.waitFor(async () => expect(await page.store.list()).toHaveLength(2));
  await page.chats.show(idOf(page, "First"));
  await vi.waitFor(async () => expect(await page.store.list()).toHaveLength(1));
});
