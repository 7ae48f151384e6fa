// The conversation over the fake engine: what is sent, shown and stored.

import { expect, test, vi } from "vitest";
import { ask, lastReply, open, openReady, said, settled, TestStore } from "../support/open_chats";

test("a message gets its reply, with figures, and both are stored", async () => {
  const page = await openReady();
  const reply = await ask(page, "Good morning");
  expect(reply).toMatchObject({ state: "done", content: "Hello! What would you like to talk about?" });
  expect(reply.details).toMatchObject({
    tokens: 5,
    tokensPerSecond: 142,
    seed: page.engine.requests[0]?.seed,
  });
  expect(await page.store.message(reply.id)).toMatchObject(reply);
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
  await vi.waitFor(
    async () => expect((await store.message(lastReply(page).id))?.content).toMatch(/^0 1 /),
    2500,
  );
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
  expect((await page.store.message(lastReply(page).id))?.content).toMatch(/^Hello! What/);
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

test("a reply that is continued and has nothing to add keeps its figures, its tokens and what it shares", async () => {
  const page = await openReady({
    reply: (messages) => (messages.at(-1)?.role === "user" ? ["Hello", "!"] : [""]),
  });
  const reply = await ask(page, "Hello");
  expect(reply).toMatchObject({ state: "done", details: { tokens: 2 } });
  page.conversation.continueReply();
  await settled(page);
  expect(page.engine.requests).toHaveLength(2);
  const { revision: _first, ...before } = reply;
  const { revision: _second, ...after } = lastReply(page);
  expect(after).toEqual(before);
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
  expect(await page.store.message(reply.id)).toBeDefined();
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

test("the meter counts with the settings that a send would use, and again when they change", async () => {
  const page = await openReady();
  page.conversation.setSystem("You are a customer service assistant."); // draws with 0.5 and 0.9
  page.conversation.draft.value = "Hello";
  page.preferences.setOverrides("parley-17m", { top_p: 0.8, max_tokens: 24 });
  const settings = { temperature: 0.5, top_p: 0.8, max_tokens: 24 };
  await vi.waitFor(() => expect(page.engine.counted.at(-1)).toEqual(settings));
  page.preferences.setOverrides("parley-17m", { max_tokens: 32 });
  await vi.waitFor(() => expect(page.engine.counted.at(-1)).toMatchObject({ top_p: 0.9, max_tokens: 32 }));
  await ask(page, "Hello");
  expect(page.engine.requests.at(-1)).toMatchObject(page.engine.counted.at(-1) ?? {});
});

test("the meter counts what is being written", async () => {
  const page = await openReady();
  page.conversation.draft.value = "x".repeat(40);
  await vi.waitFor(() => expect(page.conversation.context.value).toEqual({ used: 12, total: 512 }));
});

test("what changes while the meter counts is counted after that", async () => {
  const page = await openReady();
  const count = page.engine.countTokens.bind(page.engine);
  let begun = 0;
  let answer = () => {};
  page.engine.countTokens = async (input, params) => {
    begun += 1;
    if (begun === 1) await new Promise<void>((go) => (answer = go));
    return count(input, params);
  };
  page.conversation.setSystem("x".repeat(40));
  await vi.waitFor(() => expect(begun).toBe(1));
  page.conversation.setSystem("x".repeat(400));
  await new Promise((later) => setTimeout(later, 400)); // when it would be counted, were the meter free
  answer();
  await vi.waitFor(() => expect(page.conversation.context.value).toEqual({ used: 102, total: 512 }));
});

test("the meter says when what is being written is more than fits, and goes on when it is shortened", async () => {
  const page = await openReady({ context: 96 });
  page.conversation.draft.value = "x".repeat(1000);
  await vi.waitFor(() =>
    expect(page.conversation.context.value).toEqual({ used: 252, total: 96, over: true }),
  );
  page.conversation.draft.value = "x".repeat(40);
  await vi.waitFor(() => expect(page.conversation.context.value).toEqual({ used: 12, total: 96 }));
});

test("a user's message is edited: the new words get a reply, the old branch stays within reach", async () => {
  const page = await openReady({ reply: (messages) => [`You said ${messages.at(-1)?.content}.`] });
  await ask(page, "One");
  await ask(page, "Two");
  const [one] = page.conversation.path.value;
  page.conversation.startEdit(one?.id);
  expect(page.conversation.editing.value).toEqual({ message: one?.id, text: "One" });
  page.conversation.editing.value = { message: one?.id ?? "", text: "Eins" };
  page.conversation.finishEdit();
  await settled(page);
  expect(said(page)).toEqual(["Eins", "You said Eins."]);
  const edited = page.conversation.path.value[0];
  expect(
    page.conversation.versions(edited as NonNullable<typeof edited>).map(({ content }) => content),
  ).toEqual(["One", "Eins"]);
  page.conversation.showVersion(one?.id ?? "");
  expect(said(page)).toEqual(["One", "You said One.", "Two", "You said Two."]);
  const reloaded = await open({}, page.store);
  expect(said(reloaded)).toEqual(["One", "You said One.", "Two", "You said Two."]);
});

test("a reply is edited: the user's words stand beside the model's, say so, and are what is sent on", async () => {
  const page = await openReady();
  const reply = await ask(page, "Hello");
  page.conversation.startEdit(reply.id);
  page.conversation.editing.value = { message: reply.id, text: "Good day." };
  page.conversation.finishEdit();
  expect(lastReply(page)).toMatchObject({ content: "Good day.", edited: true, state: "done" });
  expect(lastReply(page).details).toBeUndefined();
  expect(page.conversation.versions(lastReply(page))).toHaveLength(2);
  expect(page.engine.requests).toHaveLength(1);
  await ask(page, "And?");
  expect(page.engine.requests.at(-1)?.messages[1]).toEqual({ role: "assistant", content: "Good day." });
});

test("editing without a change, or to nothing, changes nothing; without a name it is the user's last message", async () => {
  const page = await openReady();
  page.conversation.startEdit();
  expect(page.conversation.editing.value).toBeNull();
  await ask(page, "Hello");
  const before = page.conversation.path.value;
  for (const text of ["Hello", "  "]) {
    page.conversation.startEdit();
    expect(page.conversation.editing.value?.text).toBe("Hello");
    page.conversation.editing.value = { message: before[0]?.id ?? "", text };
    page.conversation.finishEdit();
    expect(page.conversation.path.value).toBe(before);
  }
});

test("a pinned exchange is sent as such and stays; its edited version is pinned too", async () => {
  const page = await openReady({ context: 40, reply: () => ["A reply of some length."] });
  await ask(page, "A first message that takes its room");
  const first = page.conversation.path.value[0]?.id ?? "";
  page.conversation.pin(first, true);
  await ask(page, "A second message that takes its room");
  await ask(page, "A third message that takes its room");
  expect(page.engine.requests.at(-1)?.messages.map(({ pinned }) => pinned)).toEqual([
    true,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
  expect(page.conversation.dropped.value).not.toContain(first);
  const [, , second] = page.conversation.path.value;
  expect(page.conversation.dropped.value).toContain(second?.id);
  expect((await open({}, page.store)).conversation.path.value[0]).toMatchObject({ pinned: true });
  page.conversation.pin(first, false);
  expect(page.conversation.path.value[0]).not.toHaveProperty("pinned");
});

test("R9: drafts survive a reload, of the next message and of one that is being edited", async () => {
  const store = new TestStore();
  const page = await openReady({}, store);
  await ask(page, "Hello");
  page.conversation.startEdit();
  const editing = { message: page.conversation.path.value[0]?.id ?? "", text: "Hello th" };
  page.conversation.editing.value = editing;
  page.conversation.draft.value = "half a sen";
  const { id } = page.conversation.conversation.value;
  await vi.waitFor(async () => expect((await store.readDraft(id)).text).toBe("half a sen"));
  const reloaded = await open({}, store);
  expect(reloaded.conversation.draft.value).toBe("half a sen");
  expect(reloaded.conversation.editing.value).toEqual(editing);
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
