// The public API over a made-up worker: OpenAI's shapes, arguments, turns and aborts.
import { beforeEach, describe, expect, test, vi } from "vitest";
import type { ChatCompletionChunk } from "../../../web/engine/types";
import { collect, engine, kinds, messages, states, textOf, useEngine } from "../support/engine_page";
import { FakeWorker } from "../support/fake_worker";

vi.mock("../../../web/engine/worker_url", () => ({
  defaultBaseUrl: () => "https://host.example/chat/",
  workerScript: (baseUrl: string) => `${baseUrl}worker.js`,
}));

useEngine();

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
