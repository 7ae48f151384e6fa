// The public API over a made-up worker: OpenAI's shapes, turns, aborts, and what happens when the worker dies.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createEngine, ParleyError } from "../../../web/engine/index";
import type { ChatCompletionChunk, Engine, EngineState } from "../../../web/engine/types";
import { FakeWorker } from "../support/fake_worker";

vi.mock("../../../web/engine/worker_url", () => ({
  defaultBaseUrl: () => "https://host.example/chat/",
  workerScript: (baseUrl: string) => `${baseUrl}worker.js`,
}));

const { locks } = navigator;
const messages = [{ role: "user" as const, content: "Hello" }];
let states: EngineState[];
let engine: Engine;

beforeEach(() => {
  vi.stubGlobal("Worker", FakeWorker);
  vi.stubGlobal("location", new URL("https://host.example/chat/?build=simd128"));
  vi.stubGlobal("navigator", {});
  states = [];
  engine = createEngine({ onState: (state) => states.push(state) });
});

afterEach(async () => {
  await engine.dispose();
  FakeWorker.reset();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const kinds = () => states.map(({ state }) => state);

async function collect<T>(stream: AsyncIterable<T>): Promise<{ chunks: T[]; error: unknown }> {
  const chunks: T[] = [];
  try {
    for await (const chunk of stream) chunks.push(chunk);
  } catch (error) {
    return { chunks, error };
  }
  return { chunks, error: null };
}

const textOf = (chunks: ChatCompletionChunk[]) =>
  chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("");

describe("loading", () => {
  test("the worker gets the base address, the forced build and the options", async () => {
    const progress = vi.fn();
    const info = await engine.load("tiny", { context: 32, threads: 2, onProgress: progress });
    expect(info.id).toBe("tiny");
    expect(FakeWorker.last.url).toBe("https://host.example/chat/worker.js");
    expect(FakeWorker.last.setup).toMatchObject({ baseUrl: "https://host.example/chat/", build: "simd128" });
    expect(FakeWorker.last.loads).toEqual([
      { source: { kind: "name", name: "tiny" }, options: { context: 32, threads: 2, quantization: null } },
    ]);
    expect(progress).toHaveBeenCalledWith({ phase: "load", loaded: 1, total: 2 });
    expect(kinds()).toEqual(["loading", "loading", "ready"]);
  });

  test("a wrong option is BAD_ARG before anything is fetched, and leaves the engine as it was", async () => {
    const wrong = { code: "BAD_ARG", message: expect.stringContaining("threads") };
    await expect(engine.load("tiny", { threads: 2.5 })).rejects.toMatchObject(wrong);
    expect(FakeWorker.all).toHaveLength(0);
    expect(states).toEqual([]);
    await engine.load("tiny");
    await expect(engine.load("other", { threads: -1 })).rejects.toMatchObject(wrong);
    expect(engine.state).toMatchObject({ state: "ready", info: { id: "tiny" } });
    const files = [new File(["GGUF"], "mine.gguf")];
    const q5 = { quantization: "q5_0" } as never;
    await expect(engine.models.add(files, q5)).rejects.toMatchObject({ code: "BAD_ARG" });
    await expect(engine.models.add(files, { threads: 2 } as never)).rejects.toMatchObject({
      code: "UNSUPPORTED_OPTION",
    });
  });

  test("a failure is a state and an exception, and the next load starts afresh", async () => {
    FakeWorker.loadError = "HASH_MISMATCH";
    await expect(engine.load("tiny")).rejects.toMatchObject({ code: "HASH_MISMATCH", name: "ParleyError" });
    expect(engine.state).toMatchObject({ state: "failed", code: "HASH_MISMATCH" });
    FakeWorker.loadError = null;
    await engine.load("tiny");
    expect(engine.state.state).toBe("ready");
    expect(FakeWorker.all).toHaveLength(2);
  });

  test("a worker that dies while loading fails that load and is not started again by itself", async () => {
    FakeWorker.dieWhileLoading = true;
    await expect(engine.load("tiny")).rejects.toMatchObject({ code: "WORKER_CRASHED" });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(FakeWorker.all).toHaveLength(1);
    expect(engine.state.state).toBe("failed");
  });

  test("a worker whose script is not there is BUILD_FAILED with its address", async () => {
    FakeWorker.missing = true;
    await expect(engine.load("tiny")).rejects.toMatchObject({
      code: "BUILD_FAILED",
      message: expect.stringContaining("https://host.example/chat/worker.js"),
    });
    FakeWorker.missing = false;
    expect((await engine.load("tiny")).id).toBe("tiny");
  });

  test("a signal that aborts makes it AbortError and idle", async () => {
    const controller = new AbortController();
    const loading = engine.load("tiny", { signal: controller.signal });
    controller.abort();
    await expect(loading).rejects.toMatchObject({ name: "AbortError" });
    expect(engine.state.state).toBe("idle");
  });

  test("another model takes the place of the first, in a fresh worker", async () => {
    await engine.load("one");
    const first = FakeWorker.last;
    await engine.load("two");
    expect(first.terminated).toBe(true);
    expect(engine.state).toMatchObject({ state: "ready", info: { id: "two" } });
  });

  test("a model that turns out wrong before it is loaded leaves the first untouched", async () => {
    await engine.load("one");
    const first = FakeWorker.last;
    FakeWorker.prepareError = "BAD_MAGIC";
    await expect(engine.load("two")).rejects.toMatchObject({ code: "BAD_MAGIC" });
    expect(first.terminated).toBe(false);
    expect(engine.state).toMatchObject({ state: "ready", info: { id: "one" } });
  });

  test("a worker that dies while another model is looked at is replaced by one with the first", async () => {
    await engine.load("one");
    FakeWorker.silent = "prepare";
    const loading = engine.load("two");
    await vi.waitFor(() => expect(engine.state.state).toBe("loading"));
    FakeWorker.last.fail("out of memory");
    await expect(loading).rejects.toMatchObject({ code: "WORKER_CRASHED" });
    expect(engine.state).toMatchObject({ state: "ready", info: { id: "one" } });
    expect(await engine.tokenize("ab")).toEqual([0, 1]);
    expect(FakeWorker.last.loads).toHaveLength(1);
  });

  test("what a load took that failed is given back before the first model is loaded again", async () => {
    await engine.load("one");
    FakeWorker.silent = "load";
    const loading = engine.load("two");
    await vi.waitFor(() => expect(FakeWorker.all[1]?.loads).toHaveLength(1));
    FakeWorker.silent = null;
    FakeWorker.all[1]?.answerLoad("OOM");
    await expect(loading).rejects.toMatchObject({ code: "OOM" });
    expect(FakeWorker.all.map(({ terminated }) => terminated)).toEqual([true, true, false]);
    expect(engine.state).toMatchObject({ state: "ready", info: { id: "one" } });
  });

  test("a signal that aborts before the worker is ready leaves nothing running in it", async () => {
    const controller = new AbortController();
    const loading = engine.load("tiny", { signal: controller.signal });
    while (FakeWorker.all.length === 0) await Promise.resolve();
    controller.abort();
    await expect(loading).rejects.toMatchObject({ name: "AbortError" });
    expect(engine.state.state).toBe("idle");
    await engine.models.stored(); // the worker has had its turn
    expect(FakeWorker.last.loads).toEqual([]);
  });

  test("what needs no model is done again when its worker makes way for another model", async () => {
    await engine.load("one");
    FakeWorker.silent = "stored";
    const stored = engine.models.stored();
    await vi.waitFor(() => expect(FakeWorker.last.asked).toContain("stored"));
    FakeWorker.silent = null;
    await engine.load("two");
    expect(await stored).toEqual([]);
    expect(FakeWorker.last.asked).toContain("stored");
  });

  test("without a model, calls say so", async () => {
    await expect(engine.tokenize("a")).rejects.toMatchObject({ code: "NOT_LOADED" });
    await expect(engine.chat.completions.create({ messages })).rejects.toMatchObject({ code: "NOT_LOADED" });
    await engine.load("tiny");
    await engine.unload();
    await expect(engine.tokenize("a")).rejects.toMatchObject({ code: "NOT_LOADED" });
    expect(engine.state.state).toBe("idle");
  });

  test("calls made during a load wait for it", async () => {
    void engine.load("tiny");
    expect(await engine.tokenize("abc")).toEqual([0, 1, 2]);
    expect(await engine.countTokens(messages)).toEqual({ tokens: 1, context: 64, dropped: [false] });
    expect(await engine.countTokens("abcd")).toEqual({ tokens: 4, context: 64, dropped: [] });
  });
});

describe("the options of a reply", () => {
  beforeEach(() => engine.load("tiny"));

  test("are sent again as they are, also when it came with log-probabilities", async () => {
    const { parley } = await engine.chat.completions.create({ messages, logprobs: true, top_logprobs: 5 });
    expect(parley.options).toEqual({ seed: 9 });
    const again = await engine.chat.completions.create({ messages, ...parley.options });
    expect(again.parley.options).toEqual(parley.options);
    await engine.countTokens(messages, parley.options);
    await engine.review({ messages, reply: parley.ids, ...parley.options });
  });

  test("likewise of a continuation, and of the last chunk of a stream", async () => {
    const stream = await engine.completions.create({ prompt: "Once", logprobs: 3, stream: true });
    const { chunks } = await collect(stream);
    const options = chunks.at(-1)?.parley?.options;
    expect(options).toEqual({ seed: 9 });
    const again = await engine.completions.create({ prompt: "Once", ...options });
    expect(again.parley?.options).toEqual(options);
    await engine.review({ prompt: "Once", reply: " upon", ...options });
  });
});

describe("a count", () => {
  const settings = { max_tokens: 30, chat_format: "eos_turns", seed: 5 };

  test("asks for what a reply to the same would be asked with: params, format and the model's preset", async () => {
    FakeWorker.preset = { temperature: 0.7, max_tokens: 40 };
    await engine.load("tiny");
    for (const params of [settings, { seed: 5 }]) {
      await engine.countTokens(messages, params);
      await engine.chat.completions.create({ ...params, messages });
    }
    const { requests, counted } = FakeWorker.last;
    expect(counted).toEqual(requests);
    expect(counted[0]?.options).toContainEqual(["max_tokens", "30"]);
    expect(counted[1]?.options).toContainEqual(["max_tokens", "40"]);
  });

  test("is the same after a restart of the worker", async () => {
    await engine.load("tiny");
    const before = await engine.countTokens(messages, settings);
    const { counted } = FakeWorker.last;
    await engine.restart();
    expect(await engine.countTokens(messages, settings)).toEqual(before);
    expect(FakeWorker.all).toHaveLength(2);
    expect(FakeWorker.last.counted).toEqual(counted);
  });

  test("takes no params but those of a chat", async () => {
    await engine.load("tiny");
    for (const [params, code] of [
      [{ max_tokens: "9" }, "BAD_ARG"],
      [{ chat_format: 5 }, "BAD_ARG"],
      [{ tools: [] }, "UNSUPPORTED_OPTION"],
    ]) {
      await expect(engine.countTokens(messages, params as never)).rejects.toMatchObject({ code });
    }
    await expect(engine.countTokens(null as never)).rejects.toMatchObject({ code: "BAD_ARG" });
    expect(FakeWorker.last.counted).toEqual([]);
  });
});

describe("arguments that are none", () => {
  beforeEach(() => engine.load("tiny"));

  test.each([
    [null, "ids must be a list of token ids, not null."],
    [5, "ids must be a list of token ids, not 5."],
    ["5", 'ids must be a list of token ids, not "5".'],
    [[1, 2 ** 32 + 5], "ids[1] must be a whole number from 0 to 2147483647, not 4294967301."],
    [[0.5], "ids[0] must be a whole number from 0 to 2147483647, not 0.5."],
    [[-1], "ids[0] must be a whole number from 0 to 2147483647, not -1."],
    [["7"], 'ids[0] must be a whole number from 0 to 2147483647, not "7".'],
    [new Array(1), "ids[0] must be a whole number from 0 to 2147483647, not undefined."],
  ])("detokenize(%j) is BAD_ARG with the value", async (ids, message) => {
    await expect(engine.detokenize(ids as number[])).rejects.toMatchObject({ code: "BAD_ARG", message });
  });

  test("the ids of a reply that is looked at likewise", async () => {
    for (const reply of [[0.5], [2 ** 32 + 5], [-1], new Array(1)]) {
      await expect(engine.review({ messages, reply })).rejects.toMatchObject({
        code: "BAD_ARG",
        message: expect.stringContaining("reply[0] must be a whole number"),
      });
    }
    await expect(engine.alternatives({ text: "a" }, 2 ** 32)).rejects.toMatchObject({
      code: "BAD_ARG",
      message: expect.stringContaining("index must be a whole number"),
    });
    expect(FakeWorker.last.reviews).toEqual([]);
  });

  test("so is what should be a text, a switch or a file", async () => {
    const wrong: [name: string, call: () => Promise<unknown>][] = [
      ["text", () => engine.tokenize(null as never)],
      ["text", () => engine.tokenize(5 as never)],
      ["special", () => engine.tokenize("a", { special: "yes" as never })],
      ["skipSpecial", () => engine.detokenize([1], { skipSpecial: 1 as never })],
      ["id", () => engine.models.verify(null as never)],
      ["id", () => engine.models.export({} as never)],
      ["id", () => engine.models.remove(5 as never)],
      ["files", () => engine.models.add(null as never)],
      ["files", () => engine.models.add([])],
      ["files", () => engine.models.add(["model.gguf"] as never)],
      ["model", () => engine.load(null as never)],
    ];
    for (const [name, call] of wrong) {
      await expect(call(), `${name}: ${call}`).rejects.toMatchObject({
        code: "BAD_ARG",
        message: expect.stringContaining(name),
      });
    }
    expect(FakeWorker.all).toHaveLength(1);
    expect(engine.state.state).toBe("ready");
  });
});

describe("chat", () => {
  beforeEach(async () => {
    await engine.load("tiny");
    states.length = 0;
  });

  test("a whole reply has OpenAI's shape", async () => {
    FakeWorker.scripts = [{ tokens: ["Hel", "lo"], end: "length" }];
    const reply = await engine.chat.completions.create({ messages, logprobs: true });
    expect(reply).toMatchObject({
      object: "chat.completion",
      model: "tiny",
      choices: [{ index: 0, message: { role: "assistant", content: "Hello" }, finish_reason: "length" }],
      usage: {
        prompt_tokens: 5,
        completion_tokens: 2,
        total_tokens: 7,
        prompt_tokens_details: { cached_tokens: 2 },
      },
      parley: {
        options: { seed: 9 },
        ids: [0, 1],
        prompt_ids: [1, 2, 3],
        dropped_messages: [false],
        context: { used: 7, total: 64 },
        // 3 of 5 prompt tokens were computed, in 30 ms; one token after the first took 20 ms.
        timings: {
          prompt_ms: 30,
          prompt_per_second: 100,
          predicted_ms: 20,
          predicted_per_second: 50,
          threads: 2,
        },
      },
    });
    expect(reply.id).toMatch(/^chatcmpl-/);
    expect(reply.choices[0]?.logprobs?.content.map(({ token }) => token)).toEqual(["Hel", "lo"]);
    expect(kinds()).toEqual(["generating", "ready"]);
  });

  test("a streamed reply starts with the role, ends with the reason, then usage when asked for", async () => {
    FakeWorker.scripts = [{ tokens: ["a", "b"], end: "stop" }];
    const stream = await engine.chat.completions.create({
      messages,
      stream: true,
      stream_options: { include_usage: true },
    });
    const { chunks, error } = await collect(stream);
    expect(error).toBeNull();
    expect(chunks[0]?.choices[0]?.delta).toEqual({ role: "assistant", content: "" });
    expect(textOf(chunks)).toBe("ab");
    expect(chunks.at(-2)).toMatchObject({
      choices: [{ delta: {}, finish_reason: "stop" }],
      parley: { ids: [0, 1] },
    });
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 2 } });
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
    expect(chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
  });

  test("I5: aborting ends the stream with AbortError after what was delivered, and the next call works", async () => {
    FakeWorker.scripts = [
      { tokens: ["a", "b"], end: "hang" },
      { tokens: ["c"], end: "stop" },
    ];
    const controller = new AbortController();
    const stream = await engine.chat.completions.create(
      { messages, stream: true },
      { signal: controller.signal },
    );
    const chunks: ChatCompletionChunk[] = [];
    let error: unknown = null;
    try {
      for await (const chunk of stream) {
        chunks.push(chunk);
        if (chunk.choices[0]?.delta.content === "b") controller.abort();
      }
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ name: "AbortError" });
    expect(textOf(chunks)).toBe("ab");
    expect(chunks.at(-1)).toMatchObject({ choices: [{ finish_reason: null }], parley: { ids: [0, 1] } });
    const next = await engine.chat.completions.create({ messages });
    expect(next.choices[0]?.message.content).toBe("c");
  });

  test("leaving the loop early stops the reply", async () => {
    FakeWorker.scripts = [
      { tokens: ["a", "b", "c"], end: "hang" },
      { tokens: ["d"], end: "stop" },
    ];
    for await (const chunk of await engine.chat.completions.create({ messages, stream: true })) {
      if (chunk.choices[0]?.delta.content === "a") break;
    }
    expect((await engine.chat.completions.create({ messages })).choices[0]?.message.content).toBe("d");
  });

  test("calls take turns in the order in which they were made", async () => {
    FakeWorker.scripts = ["1", "2", "3"].map((text) => ({ tokens: [text], end: "stop" }));
    const order: string[] = [];
    await Promise.all(
      ["a", "b", "c"].map(async (content) => {
        await engine.chat.completions.create({ messages: [{ role: "user", content }] });
        order.push(content);
      }),
    );
    expect(order).toEqual(["a", "b", "c"]);
    expect(
      FakeWorker.last.requests.map(({ prompt }) =>
        prompt.kind === "chat" ? prompt.messages[0]?.content : "",
      ),
    ).toEqual(["a", "b", "c"]);
  });

  test("a call that is aborted while it waits never reaches the worker", async () => {
    FakeWorker.scripts = [{ tokens: ["a", "b", "c"], end: "stop" }];
    const first = engine.chat.completions.create({ messages });
    const controller = new AbortController();
    const second = engine.chat.completions.create({ messages }, { signal: controller.signal });
    controller.abort();
    await expect(second).rejects.toMatchObject({ name: "AbortError" });
    await first;
    expect(FakeWorker.last.requests).toHaveLength(1);
  });

  test("I3: an error of the core ends the reply, not the worker", async () => {
    FakeWorker.scripts = [{ tokens: ["a"], end: "NONFINITE" }];
    await expect(engine.chat.completions.create({ messages })).rejects.toMatchObject({ code: "NONFINITE" });
    expect(FakeWorker.all).toHaveLength(1);
    expect(engine.state.state).toBe("ready");
  });
});

describe("completion", () => {
  test("echo puts the prompt first, and offsets count it", async () => {
    await engine.load("tiny");
    FakeWorker.scripts = [{ tokens: ["ab", "c"], end: "stop" }];
    const completion = await engine.completions.create({ prompt: "Once ", echo: true, logprobs: 1 });
    expect(completion).toMatchObject({
      object: "text_completion",
      choices: [
        {
          text: "Once abc",
          finish_reason: "stop",
          logprobs: { tokens: ["ab", "c"], token_logprobs: [-1, -1], text_offset: [5, 7] },
        },
      ],
      usage: { completion_tokens: 2 },
    });
    expect(completion.id).toMatch(/^cmpl-/);
  });

  test("streams the same", async () => {
    await engine.load("tiny");
    FakeWorker.scripts = [{ tokens: ["ab", "c"], end: "stop" }];
    const stream = await engine.completions.create({
      prompt: "Once ",
      echo: true,
      stream: true,
      logprobs: 0,
    });
    const { chunks } = await collect(stream);
    expect(chunks.map(({ choices }) => choices[0]?.text ?? "").join("")).toBe("Once abc");
    expect(chunks[2]?.choices[0]?.logprobs?.text_offset).toEqual([7]);
  });
});

describe("a worker that fails", () => {
  beforeEach(() => engine.load("tiny"));

  test("R4: a trap rejects the reply with what was delivered, loads the model again, and the next works", async () => {
    FakeWorker.scripts = [
      { tokens: ["a", "b"], end: "trap" },
      { tokens: ["c"], end: "stop" },
    ];
    const { chunks, error } = await collect(await engine.chat.completions.create({ messages, stream: true }));
    expect(textOf(chunks)).toBe("ab");
    expect(error).toBeInstanceOf(ParleyError);
    expect(error).toMatchObject({ code: "WORKER_CRASHED", delivered: { text: "ab", tokens: 2 } });
    const next = await engine.chat.completions.create({ messages });
    expect(next.choices[0]?.message.content).toBe("c");
    expect(FakeWorker.all).toHaveLength(2);
    expect(FakeWorker.last.loads).toEqual(FakeWorker.all[0]?.loads);
    expect(kinds()).toContain("restarting");
    expect(engine.state.state).toBe("ready");
  });

  test("R5: a worker that dies in the middle is replaced, whatever waits goes on after that", async () => {
    FakeWorker.scripts = [
      { tokens: ["a"], end: "hang" },
      { tokens: ["b"], end: "stop" },
    ];
    const running = collect(await engine.chat.completions.create({ messages, stream: true }));
    const waiting = engine.chat.completions.create({ messages });
    await new Promise((resolve) => setTimeout(resolve, 20));
    FakeWorker.last.fail("out of memory");
    expect((await running).error).toMatchObject({
      code: "WORKER_CRASHED",
      message: expect.stringContaining("out of memory"),
    });
    expect((await waiting).choices[0]?.message.content).toBe("b");
  });

  test("R5: when the model cannot be loaded again, that is the state, and calls say so", async () => {
    FakeWorker.loadError = "OOM";
    FakeWorker.last.fail("gone");
    await vi.waitFor(() => expect(engine.state).toMatchObject({ state: "failed", code: "OOM" }));
    await expect(engine.chat.completions.create({ messages })).rejects.toMatchObject({ code: "NOT_LOADED" });
  });

  test("R5: restart() ends what runs and brings the model back", async () => {
    FakeWorker.scripts = [{ tokens: ["a"], end: "hang" }];
    const running = collect(await engine.chat.completions.create({ messages, stream: true }));
    await engine.restart();
    expect((await running).error).toMatchObject({ code: "WORKER_CRASHED" });
    expect(engine.state.state).toBe("ready");
    expect(await engine.tokenize("ab")).toEqual([0, 1]);
  });

  test("R5: restart() while the model is being loaded again begins that anew", async () => {
    FakeWorker.silent = "load";
    const first = expect(engine.restart()).rejects.toMatchObject({ code: "WORKER_CRASHED" });
    await vi.waitFor(() => expect(FakeWorker.all[1]?.loads).toHaveLength(1));
    FakeWorker.silent = null;
    await engine.restart();
    await first;
    expect(engine.state).toMatchObject({ state: "ready", info: { id: "tiny" } });
    expect(await engine.tokenize("ab")).toEqual([0, 1]);
  });

  test("unload() while the model is being loaded again leaves nothing, and no failure", async () => {
    FakeWorker.silent = "load";
    FakeWorker.last.fail("gone");
    await vi.waitFor(() => expect(FakeWorker.all[1]?.loads).toHaveLength(1));
    await engine.unload();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(kinds().slice(-2)).toEqual(["restarting", "idle"]);
    await expect(engine.tokenize("a")).rejects.toMatchObject({ code: "NOT_LOADED" });
  });

  test("another model waits for one that is being loaded again, and takes its place in a fresh worker", async () => {
    FakeWorker.last.fail("gone");
    expect(engine.state.state).toBe("restarting");
    await engine.load("two");
    expect(engine.state).toMatchObject({ state: "ready", info: { id: "two" } });
    const ids = FakeWorker.all.map(({ loads }) =>
      loads.map((load) => (load as { source: { name: string } }).source.name),
    );
    expect(ids).toEqual([["tiny"], ["tiny"], ["two"]]);
  });

  test("kernels that no longer hold: the model is loaded without relaxed SIMD, and the reply is begun again there", async () => {
    const first = FakeWorker.last;
    expect(first.setup?.relaxed).toBe(true);
    FakeWorker.beginErrors = ["KERNELS_CHANGED"];
    FakeWorker.scripts = [{ tokens: ["a"], end: "stop" }];
    const reply = await engine.chat.completions.create({ messages, seed: 9 });
    expect(reply.choices[0]?.message.content).toBe("a");
    expect(first.terminated).toBe(true);
    expect(FakeWorker.all).toHaveLength(2);
    expect(FakeWorker.last.setup?.relaxed).toBe(false);
    expect(FakeWorker.last.requests).toEqual(first.requests);
    expect(engine.state.state).toBe("ready");
    await engine.restart();
    expect(FakeWorker.last.setup?.relaxed).toBe(false);
  });

  test("kernels that do not hold there either are that call's error", async () => {
    FakeWorker.beginErrors = ["KERNELS_CHANGED", "KERNELS_CHANGED"];
    await expect(engine.chat.completions.create({ messages })).rejects.toMatchObject({
      code: "KERNELS_CHANGED",
    });
    expect(engine.state.state).toBe("ready");
  });

  test("after dispose() everything is refused", async () => {
    FakeWorker.scripts = [{ tokens: ["a"], end: "hang" }];
    const running = collect(await engine.chat.completions.create({ messages, stream: true }));
    await engine.dispose();
    expect((await running).error).toMatchObject({ code: "DISPOSED" });
    expect(FakeWorker.all.every(({ terminated }) => terminated)).toBe(true);
    await expect(engine.load("tiny")).rejects.toMatchObject({ code: "DISPOSED" });
  });
});

describe("R5: a silent worker", () => {
  test("is unresponsive after 30 visible seconds, and well again with its next sign of life", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
    const page = { visibilityState: "visible" };
    vi.stubGlobal("document", page);
    await engine.load("tiny");
    states.length = 0;
    vi.advanceTimersByTime(29_000);
    expect(engine.state.state).toBe("ready");
    page.visibilityState = "hidden";
    vi.advanceTimersByTime(60_000);
    expect(engine.state.state).toBe("ready");
    page.visibilityState = "visible";
    vi.advanceTimersByTime(1000);
    expect(engine.state).toMatchObject({ state: "unresponsive", seconds: 30 });
    FakeWorker.last.send({ kind: "heartbeat" });
    await vi.waitFor(() => expect(engine.state.state).toBe("ready"));
    expect(FakeWorker.last.terminated).toBe(false);
  });
});

describe("two tabs with exclusive engines (D13, D14)", () => {
  beforeEach(() => void vi.stubGlobal("navigator", { locks }));

  const open = () => {
    const states: EngineState["state"][] = [];
    const one = createEngine({
      baseUrl: "/two/",
      exclusive: true,
      onState: ({ state }) => {
        if (states.at(-1) !== state) states.push(state);
      },
    });
    return { one, states };
  };
  const until = async (condition: () => boolean) => {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
  };

  test("the second waits, says so, and starts when the first is done", async () => {
    const first = open();
    const second = open();
    await first.one.load("tiny");
    const loading = second.one.load("tiny");
    await until(() => second.states.includes("elsewhere"));
    expect(second.states).toEqual(["loading", "elsewhere"]);
    await first.one.dispose();
    expect((await loading).id).toBe("tiny");
    expect(second.states).toEqual(["loading", "elsewhere", "loading", "ready"]);
    await second.one.dispose();
  });

  test("the second takes over; the first gives its model up and has it back when the second is done", async () => {
    const first = open();
    const second = open();
    await first.one.load("tiny");
    const loading = second.one.load("tiny");
    await until(() => second.states.includes("elsewhere"));
    second.one.takeOver();
    await loading;
    await until(() => first.states.includes("elsewhere"));
    await second.one.unload();
    await until(() => first.one.state.state === "ready");
    expect(first.states).toEqual(["loading", "ready", "elsewhere", "restarting", "ready"]);
    await first.one.dispose();
    await second.one.dispose();
  });

  test("another model can be asked for while the other tab runs: it alone is loaded when that one is done", async () => {
    const first = open();
    const second = open();
    await first.one.load("tiny");
    const loading = second.one.load("tiny");
    await until(() => second.states.includes("elsewhere"));
    second.one.takeOver();
    await loading;
    await until(() => first.states.includes("elsewhere"));
    const other = first.one.load("other");
    await new Promise((resolve) => setTimeout(resolve, 10));
    await second.one.dispose();
    expect((await other).id).toBe("other");
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(first.one.state).toMatchObject({ state: "ready", info: { id: "other" } });
    expect(first.states.filter((state) => state === "restarting")).toEqual([]);
    await first.one.dispose();
  });

  test("a model that was given up does not come back after unload() or dispose(), nor does its tab keep others out", async () => {
    for (const end of ["unload", "dispose"] as const) {
      const first = open();
      const second = open();
      await first.one.load("tiny");
      const loading = second.one.load("tiny");
      await until(() => second.states.includes("elsewhere"));
      second.one.takeOver();
      await loading;
      await until(() => first.states.includes("elsewhere"));
      await first.one[end]();
      await second.one.dispose();
      const third = open();
      expect((await third.one.load("tiny")).id).toBe("tiny");
      expect(first.states.at(-1)).toBe("idle");
      await third.one.dispose();
      await first.one.dispose();
    }
  });

  test("dispose() ends the waiting of a first load", async () => {
    const first = open();
    const second = open();
    await first.one.load("tiny");
    const loading = second.one.load("tiny");
    await until(() => second.states.includes("elsewhere"));
    await second.one.dispose();
    await expect(loading).rejects.toMatchObject({ code: "DISPOSED" });
    await first.one.dispose();
    const third = open();
    expect((await third.one.load("tiny")).id).toBe("tiny");
    await third.one.dispose();
  });

  test("a takeover while another model is looked at ends that, and the model before comes back later", async () => {
    const first = open();
    const second = open();
    await first.one.load("tiny");
    FakeWorker.silent = "prepare";
    const switching = expect(first.one.load("two")).rejects.toMatchObject({ code: "NOT_LOADED" });
    await until(() => first.states.at(-1) === "loading");
    const loading = second.one.load("tiny");
    await until(() => second.states.includes("elsewhere"));
    second.one.takeOver();
    await loading;
    await switching;
    expect(first.one.state.state).toBe("elsewhere");
    expect(first.states).not.toContain("restarting");
    await second.one.dispose();
    await until(() => first.one.state.state === "ready");
    expect(first.one.state).toMatchObject({ info: { id: "tiny" } });
    await first.one.dispose();
  });

  test("waiting can be cancelled", async () => {
    const first = open();
    const second = open();
    await first.one.load("tiny");
    const controller = new AbortController();
    const loading = second.one.load("tiny", { signal: controller.signal });
    await until(() => second.states.includes("elsewhere"));
    controller.abort();
    await expect(loading).rejects.toMatchObject({ name: "AbortError" });
    expect(second.one.state.state).toBe("idle");
    await first.one.dispose();
    await second.one.dispose();
  });
});
