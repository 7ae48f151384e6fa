// The conversation over the fake engine: what is sent, shown and stored.

import { signal } from "@preact/signals";
import { expect, test, vi } from "vitest";
import type { ChatStore, StoredChat } from "../../../../web/app/state/chat_store";
import { createConversation } from "../../../../web/app/state/conversation";
import type { Conversation, Message, ReplyMessage } from "../../../../web/app/state/messages";
import { createModel } from "../../../../web/app/state/model";
import { createPreferences } from "../../../../web/app/state/preferences";
import type { EngineState } from "../../../../web/engine/types";
import { FakeEngine, type FakeOptions } from "../fake_engine";

class TestStore implements ChatStore {
  readonly persistent = true;
  readonly conversations = new Map<string, Conversation>();
  readonly messages = new Map<string, Message>();
  readonly drafts = new Map<string, string>();

  async newest(): Promise<StoredChat | null> {
    const conversation = [...this.conversations.values()].at(-1);
    if (conversation === undefined) return null;
    const messages = [...this.messages.values()].filter(
      (message) => message.conversation === conversation.id,
    );
    return { conversation, messages, draft: this.drafts.get(conversation.id) ?? "" };
  }

  async save(conversation: Conversation, messages: readonly Message[]): Promise<void> {
    this.conversations.delete(conversation.id);
    this.conversations.set(conversation.id, conversation);
    for (const message of messages) this.messages.set(message.id, structuredClone(message));
  }

  async saveDraft(conversation: string, text: string): Promise<void> {
    this.drafts.set(conversation, text);
  }

  leave({ conversation, messages, draft }: StoredChat): void {
    void this.save(conversation, messages);
    void this.saveDraft(conversation.id, draft);
  }
}

async function open(options: Partial<FakeOptions> = {}, store = new TestStore()) {
  const engineState = signal<EngineState>({ state: "idle" });
  const engine = new FakeEngine({
    ...options,
    onState: (state) => {
      engineState.value = state;
    },
  });
  const model = createModel(engine, engineState, "parley-17m");
  const preferences = createPreferences(null);
  const conversation = createConversation({
    engine,
    model,
    preferences,
    store,
    stored: await store.newest(),
  });
  return { engine, model, preferences, conversation, store };
}

async function openReady(options: Partial<FakeOptions> = {}, store = new TestStore()) {
  const page = await open(options, store);
  await page.model.load();
  return page;
}

type Page = Awaited<ReturnType<typeof open>>;

const settled = ({ conversation }: Page) => vi.waitFor(() => expect(conversation.busy.value).toBe(false));

async function ask(page: Page, text: string): Promise<ReplyMessage> {
  page.conversation.send(text);
  await settled(page);
  return lastReply(page);
}

function lastReply({ conversation }: Page): ReplyMessage {
  const last = conversation.path.value.at(-1);
  if (last?.role !== "assistant") throw new Error("the last turn is not a reply");
  return last;
}

test("a message gets its reply, with figures, and both are stored", async () => {
  const page = await openReady();
  const reply = await ask(page, "Good morning");
  expect(reply).toMatchObject({ state: "done", content: "Hello! What would you like to talk about?" });
  expect(reply.details).toMatchObject({
    tokens: 5,
    tokensPerSecond: 142,
    seed: page.engine.requests[0]?.seed,
  });
  expect(page.store.messages.get(reply.id)).toEqual(reply);
  expect(page.conversation.conversation.value.title).toBe("Good morning");
});

test("the next message is sent with what was said before, and the system text first", async () => {
  const page = await openReady({ reply: () => ["Yes."] });
  page.conversation.setSystem("Answer briefly.");
  await ask(page, "One?");
  await ask(page, "Two?");
  expect(page.engine.requests.at(-1)?.messages).toEqual([
    { role: "system", content: "Answer briefly." },
    { role: "user", content: "One?" },
    { role: "assistant", content: "Yes." },
    { role: "user", content: "Two?" },
  ]);
});

test("what is sent while the model loads waits for it, and is answered then", async () => {
  const page = await open();
  page.conversation.send("Are you there?");
  expect(lastReply(page).state).toBe("waiting");
  expect(page.engine.requests).toHaveLength(0);
  await page.model.load();
  await settled(page);
  expect(lastReply(page)).toMatchObject({ state: "done" });
});

test("what waits for the model survives a reload", async () => {
  const store = new TestStore();
  (await open({}, store)).conversation.send("Are you there?");
  const page = await openReady({}, store);
  await settled(page);
  expect(lastReply(page).state).toBe("done");
  expect(page.engine.requests[0]?.messages).toEqual([{ role: "user", content: "Are you there?" }]);
});

test("I5: stopping takes effect at once, keeps the text so far, and the next message works", async () => {
  const page = await openReady({ pieceMs: 30 });
  page.conversation.send("Hello");
  await vi.waitFor(() => expect(page.conversation.live.value?.text).toBe("Hello"));
  page.conversation.stop();
  expect(page.conversation.busy.value).toBe(false);
  expect(lastReply(page)).toMatchObject({ state: "stopped", content: "Hello" });
  await vi.waitFor(() => expect(page.engine.state.state).toBe("ready"));
  expect(lastReply(page).content).toBe("Hello");
  expect((await ask(page, "Again")).state).toBe("done");
});

test("stopping while it waits for the model takes the question off the list", async () => {
  const page = await open();
  page.conversation.send("Hello");
  page.conversation.stop();
  await page.model.load();
  expect(lastReply(page).state).toBe("stopped");
  expect(page.engine.requests).toHaveLength(0);
});

test("a partial reply is stored at least every second, and a reload shows it as interrupted", async () => {
  const store = new TestStore();
  const page = await openReady(
    { pieceMs: 300, reply: () => Array.from({ length: 20 }, (_, i) => `${i} `) },
    store,
  );
  page.conversation.send("Count");
  await vi.waitFor(() => expect(store.messages.get(lastReply(page).id)?.content).toMatch(/^0 1 /), 2500);
  const reloaded = await open({}, store);
  expect(lastReply(reloaded).state).toBe("interrupted");
  expect(lastReply(reloaded).content).toMatch(/^0 1 /);
  page.conversation.stop();
});

test("a reload before the first word writes the reply again", async () => {
  const store = new TestStore();
  const page = await openReady({ pieceMs: 5000 }, store);
  page.conversation.send("Hello");
  await vi.waitFor(() => expect(page.engine.requests).toHaveLength(1));
  const reloaded = await openReady({}, store);
  await settled(reloaded);
  expect(lastReply(reloaded)).toMatchObject({
    state: "done",
    content: "Hello! What would you like to talk about?",
  });
  page.conversation.stop();
});

test("leaving the page writes what is on the screen", async () => {
  const page = await openReady({ pieceMs: 20 });
  page.conversation.send("Hello");
  await vi.waitFor(() => expect(page.conversation.live.value?.text).toMatch(/^Hello! What/));
  page.conversation.flush();
  expect(page.store.messages.get(lastReply(page).id)?.content).toMatch(/^Hello! What/);
  page.conversation.stop();
});

test("regenerating keeps the first reply as a version and draws a new seed", async () => {
  const page = await openReady();
  page.preferences.setOverrides("parley-17m", { seed: 7 });
  const first = await ask(page, "Hello");
  expect(page.engine.requests.at(-1)?.seed).toBe(7);
  page.conversation.regenerate(first.id);
  await settled(page);
  const second = lastReply(page);
  expect(second.id).not.toBe(first.id);
  expect(page.engine.requests.at(-1)?.seed).not.toBe(7);
  expect(page.conversation.versions(second).map(({ id }) => id)).toEqual([first.id, second.id]);
  page.conversation.showVersion(first.id);
  expect(lastReply(page).id).toBe(first.id);
});

test("continuing sends the reply so far as the last message and adds to it", async () => {
  const page = await openReady({ finish: "length", reply: (messages) => [messages.at(-1)?.role ?? "", " "] });
  const reply = await ask(page, "Go on");
  expect(reply).toMatchObject({ state: "cut", content: "user " });
  page.conversation.continueReply();
  await settled(page);
  expect(lastReply(page)).toMatchObject({ id: reply.id, content: "user assistant ", details: { tokens: 4 } });
  expect(page.engine.requests.at(-1)?.messages.at(-1)).toEqual({ role: "assistant", content: "user " });
});

test("R4: a worker that dies in the middle of a reply leaves the words and the conversation", async () => {
  const page = await openReady({ failReply: { code: "WORKER_CRASHED", message: "trap", after: 2 } });
  const reply = await ask(page, "Hello");
  expect(reply).toMatchObject({
    state: "interrupted",
    content: "Hello! What",
    failure: { code: "WORKER_CRASHED" },
  });
});

test("a message that does not fit can be taken back into the composer", async () => {
  const page = await openReady({ failReply: { code: "CONTEXT_FULL", message: "713 needed", after: 0 } });
  const reply = await ask(page, "A long message");
  expect(reply).toMatchObject({ state: "failed", content: "", failure: { code: "CONTEXT_FULL" } });
  page.conversation.takeBack();
  expect(page.conversation.draft.value).toBe("A long message");
  expect(page.conversation.path.value).toEqual([]);
  expect(page.store.messages.has(reply.id)).toBe(true);
});

test("a reply without a word is written again in its own place", async () => {
  const page = await openReady({ reply: () => [] });
  const reply = await ask(page, "Hello");
  page.conversation.regenerate(reply.id);
  await settled(page);
  expect(page.conversation.versions(lastReply(page))).toHaveLength(1);
});

test("exchanges outside the context are known by name", async () => {
  const page = await openReady({ context: 40, reply: () => ["A reply of some length."] });
  await ask(page, "A first message that takes its room");
  await ask(page, "A second message that takes its room");
  await ask(page, "A third message that takes its room");
  const [first, firstReply] = page.conversation.path.value;
  expect(page.conversation.dropped.value).toContain(first?.id);
  expect(page.conversation.dropped.value).toContain(firstReply?.id);
  expect(page.conversation.dropped.value).not.toContain(lastReply(page).id);
});

test("the meter counts what is being written", async () => {
  const page = await openReady();
  page.conversation.draft.value = "x".repeat(40);
  await vi.waitFor(() => expect(page.conversation.context.value).toEqual({ used: 12, total: 512 }));
});

test("a draft survives a reload", async () => {
  const store = new TestStore();
  const page = await openReady({}, store);
  page.conversation.draft.value = "half a sen";
  await vi.waitFor(() => expect([...store.drafts.values()]).toEqual(["half a sen"]));
  expect((await open({}, store)).conversation.draft.value).toBe("half a sen");
});

test("a new chat starts empty, keeps the system text and leaves the old one stored", async () => {
  const page = await openReady();
  page.conversation.setSystem("Be kind.");
  const old = page.conversation.conversation.value.id;
  await ask(page, "Hello");
  page.conversation.newChat();
  expect(page.conversation.path.value).toEqual([]);
  expect(page.conversation.conversation.value).toMatchObject({ system: "Be kind.", title: "" });
  expect([...page.store.messages.values()].filter(({ conversation }) => conversation === old)).toHaveLength(
    2,
  );
  const reloaded = await open({}, page.store);
  expect(reloaded.conversation.path.value).toEqual([]);
});

test("blank text and text during a reply are not sent", async () => {
  const page = await openReady({ pieceMs: 20 });
  page.conversation.send("  \n ");
  expect(page.conversation.path.value).toEqual([]);
  page.conversation.send("Hello");
  page.conversation.send("Hello again");
  await settled(page);
  expect(page.engine.requests).toHaveLength(1);
});
