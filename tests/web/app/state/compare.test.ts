// Two sides of one prompt: the order, the seed, other models and the way back.

import { signal } from "@preact/signals";
import { expect, test } from "vitest";
import { createCompare } from "../../../../web/app/state/compare";
import type { FakeOptions } from "../fake_engine";
import { readyModel } from "../support_tools";

async function start(options: Partial<FakeOptions> = {}) {
  const { engine, model } = await readyModel({ more: true, ...options });
  const borrowing = signal(false);
  return { engine, model, borrowing, compare: createCompare({ engine, model, borrowing }) };
}

test("two settings: the same prompt and seed, each with its own options, no model loaded", async () => {
  const { engine, compare } = await start();
  compare.prompt.value = "Hello";
  compare.sides[0].overrides.value = { temperature: 1.5 };
  await compare.run();
  const [first, second] = engine.requests;
  expect(first).toMatchObject({ messages: [{ role: "user", content: "Hello" }], temperature: 1.5 });
  expect(second).toMatchObject({ messages: [{ role: "user", content: "Hello" }], temperature: 0 });
  expect(first?.seed).toBe(second?.seed);
  expect(engine.loaded).toEqual(["parley-17m"]);
  expect(compare.sides.map(({ outcome }) => outcome.value.state)).toEqual(["done", "done"]);
  expect(compare.busy.value).toBe(false);
});

test("another model is loaded last, and the page's own is back afterwards", async () => {
  const { engine, model, borrowing, compare } = await start();
  compare.prompt.value = "Hello";
  compare.sides[0].model.value = "gpt2";
  const running = compare.run();
  expect(borrowing.value).toBe(true); // so that nobody takes it for the user's choice
  await running;
  expect(borrowing.value).toBe(false);
  expect(engine.loaded).toEqual(["parley-17m", "gpt2", "parley-17m"]);
  expect(model.id.value).toBe("parley-17m");
  expect(model.phase.value.phase).toBe("ready");
  expect(compare.sides.map(({ outcome }) => outcome.value.state)).toEqual(["done", "done"]);
});

test("as a text to continue, the prompt goes to completions", async () => {
  const { engine, compare } = await start();
  compare.kind.value = "completion";
  compare.prompt.value = "Once";
  await compare.run();
  expect(engine.completed.map(({ prompt }) => prompt)).toEqual(["Once", "Once"]);
});

test("what the options show where nothing is chosen is what is used", async () => {
  const { engine, compare } = await start();
  const [first, second] = compare.sides;
  compare.prompt.value = "Hello";
  second.model.value = "gpt2";
  const own = { temperature: 0.7, top_k: 40, top_p: 0.92, repetition_penalty: 1.1 }; // the fake models' preset
  for (const side of [first, second]) expect(compare.presetOf(side)).toEqual({ ...own, max_tokens: 64 });
  compare.kind.value = "completion"; // as Hugging Face's generate()
  expect(compare.presetOf(first)).toEqual({ temperature: 1, top_k: 50, top_p: 1, max_tokens: 64 });
  await compare.run();
  expect(engine.completed.map((sent) => sent.max_tokens)).toEqual([64, 64]);
});

test("stop ends the one that is written, and the other never begins", async () => {
  const { engine, compare } = await start({ pieceMs: 30 });
  compare.prompt.value = "Hello";
  const running = compare.run();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(compare.busy.value).toBe(true);
  compare.stop();
  await running;
  expect(engine.requests).toHaveLength(1);
  expect(compare.sides.map(({ outcome }) => outcome.value.state)).toEqual(["stopped", "none"]);
});

test("a side that fails does not keep the other from being written", async () => {
  const { engine, compare } = await start();
  compare.prompt.value = "Hello";
  compare.sides[1].model.value = "gpt2";
  const load = engine.load.bind(engine);
  engine.load = async (source, options) => {
    if (source === "gpt2") throw Object.assign(new Error("offline"), { code: "NETWORK" });
    return load(source, options);
  };
  await compare.run();
  expect(compare.sides[0].outcome.value.state).toBe("done");
  expect(compare.sides[1].outcome.value).toMatchObject({ state: "failed", failure: { code: "NETWORK" } });
});
