// The document that a model continues: continuing, stopping, undo and redo, keeping it, texts over the context.

import { expect, test } from "vitest";
import { type CompletionState, createCompletion } from "../../../../web/app/state/completion";
import { memoryDocuments, readDocument } from "../../../../web/app/state/document_store";
import type { FakeOptions } from "../fake_engine";
import { readyModel } from "../support_tools";

async function start(options: Partial<FakeOptions> = {}, store = memoryDocuments()) {
  const { engine, model } = await readyModel({ reply: () => [" there", " was"], ...options });
  const completion = createCompletion({ engine, model }, store);
  await new Promise((resolve) => setTimeout(resolve)); // what is stored has come
  return { engine, completion, store };
}

function write(completion: CompletionState, text: string): void {
  completion.text.value = text;
}

test("continuing appends, with Hugging Face's defaults and a length", async () => {
  const { engine, completion } = await start();
  write(completion, "Once");
  await completion.continue();
  expect(completion.text.value).toBe("Once there was");
  expect(engine.completed[0]).toMatchObject({ prompt: "Once", max_tokens: 128 });
  expect(engine.completed[0]).not.toHaveProperty("temperature"); // the core's default
  expect(completion.outcome.value).toMatchObject({
    state: "done",
    result: { text: " there was", ids: [0, 1] },
  });
});

test("a model of conversations writes on in the same text: no token that begins a turn, unless it is asked for", async () => {
  const { engine, completion } = await start();
  const turns: Record<string, number> = { "<|user|>": 8189, "<|assistant|>": 8190 };
  engine.tokenize = async (text: string, { special = false } = {}) => {
    const id = special ? turns[text] : undefined;
    return id === undefined ? [60, 124, 62] : [id];
  };
  write(completion, "Once");
  await completion.continue();
  expect(engine.completed[0]?.logit_bias).toEqual({ 8189: -100, 8190: -100 });
  completion.overrides.value = { logit_bias: { 8189: 0, 5: 2 } };
  await completion.continue();
  expect(engine.completed[1]?.logit_bias).toEqual({ 8189: 0, 8190: -100, 5: 2 });
  await completion.classic();
  expect(engine.completed[2]).not.toHaveProperty("logit_bias"); // every implementation's text
});

test("undo takes a continuation back, redo brings it again, edits included", async () => {
  const { completion } = await start();
  write(completion, "Once");
  await completion.continue();
  write(completion, "Once there was a");
  await completion.continue();
  completion.undo();
  expect(completion.text.value).toBe("Once there was a");
  completion.undo();
  expect(completion.text.value).toBe("Once");
  expect(completion.canUndo.value).toBe(false);
  completion.redo();
  completion.redo();
  expect(completion.text.value).toBe("Once there was a there was");
  expect(completion.canRedo.value).toBe(false);
});

test("stopping keeps what was written, and it can be undone", async () => {
  const { completion } = await start({ reply: () => [" a", " b", " c"], pieceMs: 20 });
  write(completion, "Once");
  const running = completion.continue();
  await new Promise((resolve) => setTimeout(resolve, 50));
  completion.stop();
  await running;
  expect(completion.outcome.value.state).toBe("stopped");
  expect(completion.text.value).toMatch(/^Once a/u);
  completion.undo();
  expect(completion.text.value).toBe("Once");
});

test("the classic is greedy to 100 tokens, and what stood there comes back", async () => {
  const { engine, completion } = await start();
  write(completion, "My novel");
  await completion.classic();
  expect(engine.completed[0]).toMatchObject({
    prompt: "Hello, how are you?",
    temperature: 0,
    max_length: 100,
  });
  expect(engine.completed[0]).not.toHaveProperty("max_tokens"); // both together are refused
  expect(completion.text.value).toBe("Hello, how are you? there was");
  completion.undo();
  completion.undo();
  expect(completion.text.value).toBe("My novel");
});

test("a failure is told and nothing is lost", async () => {
  const { completion } = await start({ failReply: { code: "CONTEXT_FULL", message: "no", after: 0 } });
  write(completion, "Once");
  await completion.continue();
  expect(completion.outcome.value).toMatchObject({ state: "failed", failure: { code: "CONTEXT_FULL" } });
  expect(completion.text.value).toBe("Once");
  expect(completion.canUndo.value).toBe(false);
});

test("of a document over the context the end is read", async () => {
  const { engine, completion } = await start({ context: 96 });
  // The fake engine has about four characters a token, and decodes to nothing: what is asked for is what counts.
  let asked: number[] = [];
  engine.detokenize = async (ids: number[] = []) => {
    asked = ids;
    return "\uFFFDthe end";
  };
  write(completion, "x".repeat(1000));
  await completion.continue();
  expect(asked.length).toBeLessThanOrEqual(96 - 24);
  expect(asked.at(-1)).toBe(249);
  expect(engine.completed[0]?.prompt).toBe("the end");
  expect(completion.cut.value).toBe(true);
  expect(completion.text.value).toBe(`${"x".repeat(1000)} there was`);
});

test("the document is there at the next visit", async () => {
  const { completion, store } = await start();
  write(completion, "Once");
  await completion.continue();
  completion.overrides.value = { temperature: 0.5 };
  completion.flush();
  const { completion: next } = await start({}, store);
  expect(next.text.value).toBe("Once there was");
  expect(next.overrides.value).toEqual({ temperature: 0.5 });
  next.undo();
  expect(next.text.value).toBe("Once");
});

test("a stored document that is damaged is none, damaged parts are left out", () => {
  for (const data of [null, 3, "text", {}, { text: 3 }, { text: "x".repeat(300_000) }]) {
    expect(readDocument(data)).toBeNull();
  }
  expect(readDocument({ text: "a", undo: [1, "b"], redo: "c", overrides: { temperature: 9 } })).toEqual({
    text: "a",
    undo: ["b"],
    redo: [],
    overrides: {},
  });
});

test("what was written last is looked at by its ids and options, another document as a text", async () => {
  const { completion } = await start();
  write(completion, "Once");
  expect(completion.inspected()).toEqual({ text: "Once" });
  await completion.continue();
  expect(completion.before.value).toBe("Once");
  expect(completion.inspected()).toEqual({ prompt: "Once", reply: [0, 1], seed: expect.any(Number) });
  write(completion, "Once there was a");
  expect(completion.before.value).toBeNull();
  expect(completion.inspected()).toEqual({ text: "Once there was a" });
});

test("another choice takes the place of what was written from there on, and undo brings that back", async () => {
  const { engine, completion } = await start();
  write(completion, "Once");
  await completion.continue();
  await completion.branch({ content: " upon", over: false });
  expect(completion.text.value).toBe("Once upon there was");
  expect(engine.completed[1]).toMatchObject({ prompt: "Once upon" });
  completion.undo();
  completion.undo();
  expect(completion.text.value).toBe("Once there was");
  await completion.branch({ content: " the end", over: true }); // edited since: there is nothing to go on from
  expect(completion.text.value).toBe("Once there was");
  await completion.continue();
  await completion.branch({ content: "", over: true });
  expect(completion.text.value).toBe("Once there was");
  expect(engine.completed).toHaveLength(3);
});
