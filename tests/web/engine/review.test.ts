// Looking at tokens: the worker's loop over a made-up core, and the public calls over a made-up worker.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createEngine } from "../../../web/engine/index";
import { alternatives, attention, layers, review } from "../../../web/engine/review";
import type { Engine } from "../../../web/engine/types";
import { WasmSession } from "../../../web/engine/wasm_session";
import { FakeCore } from "../support/fake_core";
import { FakeWorker } from "../support/fake_worker";

vi.mock("../../../web/engine/worker_url", () => ({
  defaultBaseUrl: () => "https://host.example/chat/",
  workerScript: (baseUrl: string) => `${baseUrl}worker.js`,
}));

const messages = [{ role: "user" as const, content: "Hello" }];

function scoreBytes(...scores: [id: number, logprob: number, rank: number][]): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(24 * scores.length));
  for (const [index, [id, logprob, rank]] of scores.entries()) {
    view.setFloat64(24 * index, logprob, true);
    view.setInt32(24 * index + 16, id, true);
    view.setUint32(24 * index + 20, rank, true);
  }
  return new Uint8Array(view.buffer);
}

describe("in the worker", () => {
  const make = () => {
    const core = new FakeCore();
    return { core, session: new WasmSession(core.exports, core.memory), step: vi.fn(async () => {}) };
  };
  const text = { subject: { kind: "text" as const, text: "abc" }, options: [] };

  test("perplexity is of the tokens that something predicted", async () => {
    const { core, session, step } = make();
    core.setResult({ ids: [5, 6, 7], begin: 0 });
    core.reviewResults = [scoreBytes([5, 0, 0]), new Uint8Array(), scoreBytes([6, -1, 2], [7, -3, 9])];
    const progress = vi.fn();
    const { tokens, perplexity } = await review(session, text, step, progress);
    expect(perplexity).toBeCloseTo(Math.exp(2), 12);
    expect(tokens.map(({ id, text, rank }) => [id, text, rank])).toEqual([
      [5, "<5>", 0],
      [6, "<6>", 2],
      [7, "<7>", 9],
    ]);
    expect(progress.mock.calls).toEqual([
      [1, 3],
      [1, 3],
      [3, 3],
    ]);
    expect(step).toHaveBeenCalledTimes(3);
  });

  test("a text of one token has no perplexity", async () => {
    const { core, session, step } = make();
    core.setResult({ ids: [5], begin: 0 });
    core.reviewResults = [scoreBytes([5, 0, 0])];
    expect((await review(session, text, step, () => {})).perplexity).toBeNaN();
  });

  test("a continuation is taken up after its prompt", async () => {
    const { core, session, step } = make();
    core.setResult({ ids: [1, 2, 40], begin: 2 });
    core.reviewResults = [new TextEncoder().encode(JSON.stringify({ left: [], tokens: [] }))];
    const prompt = { kind: "completion" as const, text: "Once", special: false };
    await alternatives(session, { subject: { kind: "reply", prompt, reply: [40] }, options: [] }, 0, step);
    expect(core.calls.map(([name]) => name)).toEqual([
      "clear_options",
      "begin_completion",
      "review_reply",
      "review_token",
    ]);
    expect(core.calls.at(-1)).toEqual(["review_token", 2]);
  });

  test("a reply is taken up after its prompt, and its tokens are counted from there", async () => {
    const { core, session, step } = make();
    const trace = {
      left: [9, 8, 7, 6, 5, 4, 3],
      tokens: [{ id: 4, probabilities: [1], removed_by: "top_k" }],
    };
    core.setResult({ ids: [1, 2, 3, 40], begin: 3 });
    core.reviewResults = [new Uint8Array(), new TextEncoder().encode(JSON.stringify(trace))];
    const subject = {
      kind: "reply" as const,
      prompt: { kind: "chat" as const, messages, chatFormat: "" },
      reply: [40],
    };
    const { left, tokens } = await alternatives(session, { subject, options: [["top_k", "6"]] }, 0, step);
    expect(left).toMatchObject({ raw: 9, top_k: 6, typical_p: 3 });
    expect(tokens[0]).toMatchObject({ id: 4, text: "<4>", removed_by: "top_k" });
    expect(core.calls.map(([name]) => name)).toEqual([
      "clear_options",
      "set_option",
      "clear_messages",
      "add_message",
      "begin_chat",
      "review_reply",
      "review_token",
      "review_token",
      "token_bytes",
    ]);
    expect(core.calls[6]).toEqual(["review_token", 3]);
  });

  test("weights come with the tokens that could be seen, layers one by one", async () => {
    const { core, session, step } = make();
    core.setResult({ plan: { n_layers: 2, n_heads: 1 } });
    session.open();
    core.setResult({ ids: [5, 6, 7, 8], begin: 0 });
    const weights = Float32Array.of(0.25, 0.75, 1, 0);
    core.reviewResults = [new Uint8Array(), new Uint8Array(weights.buffer)];
    const shown = await attention(session, text, 3, step);
    expect(shown).toMatchObject({ layers: 2, heads: 1, weights });
    expect(shown.tokens.map(({ id }) => id)).toEqual([6, 7]);

    const state = { values: [1], norm: 2, change: 0.5, best: [{ id: 4, probability: 0.5, rank: 1 }] };
    const json = (chosen: unknown) => new TextEncoder().encode(JSON.stringify({ ...state, chosen }));
    core.setResult({ ids: [5, 6, 7, 8], begin: 0 });
    core.reviewResults = [
      new Uint8Array(weights.buffer),
      json(null),
      json({ id: 8, probability: 0.1, rank: 3 }),
      json(null),
    ];
    const states = await layers(session, text, 3, step);
    expect(states).toHaveLength(3);
    expect(states[0]).toMatchObject({ values: [1], norm: 2, best: [{ id: 4, text: "<4>" }], chosen: null });
    expect(states[1]?.chosen).toMatchObject({ id: 8, text: "<8>", probability: 0.1, rank: 3 });
    expect(core.calls.filter(([name]) => name === "review_layer")).toEqual([
      ["review_layer", 0],
      ["review_layer", 1],
      ["review_layer", 2],
    ]);
  });

  test("a cancelled call ends before its next step", async () => {
    const { core, session } = make();
    core.setResult({ ids: [5, 6], begin: 0 });
    const step = vi.fn().mockRejectedValue(new DOMException("", "AbortError"));
    await expect(review(session, text, step, () => {})).rejects.toMatchObject({ name: "AbortError" });
    expect(core.calls.some(([name]) => name === "review_next")).toBe(false);
  });
});

describe("from the page", () => {
  let engine: Engine;
  beforeEach(async () => {
    vi.stubGlobal("Worker", FakeWorker);
    vi.stubGlobal("location", new URL("https://host.example/chat/"));
    vi.stubGlobal("navigator", {});
    engine = createEngine();
    await engine.load("tiny");
  });
  afterEach(async () => {
    await engine.dispose();
    FakeWorker.reset();
    vi.unstubAllGlobals();
  });

  test("a continuation's question carries its prompt", async () => {
    await engine.review({ prompt: "Once", reply: [1, 2], temperature: 0.5, seed: 3 });
    await engine.review({ prompt: "Once", special: true, reply: " upon", seed: 3 });
    const prompt = { kind: "completion", text: "Once", special: false };
    const seed = ["seed", "3"];
    expect(FakeWorker.last.reviews).toEqual([
      { subject: { kind: "reply", prompt, reply: [1, 2] }, options: [["temperature", "0.5"], seed] },
      { subject: { kind: "reply", prompt: { ...prompt, special: true }, reply: " upon" }, options: [seed] },
    ]);
  });

  test("the question carries the messages, the reply and the options", async () => {
    const onProgress = vi.fn();
    const request = { messages, reply: [1, 2], temperature: 0.5, seed: 3 };
    expect(await engine.review(request, { onProgress })).toEqual({ tokens: [], perplexity: 4 });
    expect(onProgress).toHaveBeenCalledWith(1, 2);
    await engine.alternatives({ text: "abc", seed: 3 }, 2);
    expect(await engine.attention({ text: "abc", seed: 3 }, 1)).toMatchObject({ layers: 2, heads: 4 });
    expect(await engine.layers({ text: "abc", seed: 3 }, 1)).toEqual([]);
    const prompt = { kind: "chat", messages: [{ ...messages[0], pinned: false }], chatFormat: "" };
    expect(FakeWorker.last.reviews).toEqual([
      {
        subject: { kind: "reply", prompt, reply: [1, 2] },
        options: [
          ["temperature", "0.5"],
          ["seed", "3"],
        ],
      },
      ...[2, 1, 1].map((index) => ({
        subject: { kind: "text", text: "abc" },
        options: [["seed", "3"]],
        index,
      })),
    ]);
  });

  test("wrong arguments are BAD_ARG, and what is no option UNSUPPORTED_OPTION", async () => {
    const wrong = [
      { messages, reply: 5 },
      { messages, reply: ["a"] },
      { text: 5 },
      { messages: [], reply: "" },
    ];
    for (const request of wrong) {
      await expect(engine.review(request as never)).rejects.toMatchObject({ code: "BAD_ARG" });
    }
    await expect(engine.review({ text: "", suffix: "x" } as never)).rejects.toMatchObject({
      code: "UNSUPPORTED_OPTION",
    });
    for (const index of [-1, 0.5, Number.NaN]) {
      await expect(engine.alternatives({ text: "a" }, index)).rejects.toMatchObject({ code: "BAD_ARG" });
    }
    expect(FakeWorker.last.reviews).toEqual([]);
  });

  test("aborting is AbortError, and the next call has its turn", async () => {
    const controller = new AbortController();
    controller.abort();
    await expect(engine.review({ text: "abc" }, { signal: controller.signal })).rejects.toMatchObject({
      name: "AbortError",
    });
    expect((await engine.review({ text: "abc" })).perplexity).toBe(4);
  });

  test("KERNELS_CHANGED begins again in a worker without relaxed SIMD", async () => {
    FakeWorker.beginErrors = ["KERNELS_CHANGED"];
    expect((await engine.review({ text: "abc" })).perplexity).toBe(4);
    expect(FakeWorker.last.setup).toMatchObject({ relaxed: false });
  });
});
