// What the inspector asks and keeps, and the figures that it makes of the answers.
import { describe, expect, test, vi } from "vitest";
import type { ReplyMessage } from "../../../../web/app/state/messages";
import {
  type Attention,
  branchOf,
  meanWeights,
  replyRequest,
  sharpestHead,
  surprise,
  surpriseLevel,
  TextReview,
} from "../../../../web/app/state/review";
import type { Engine, ReviewedToken } from "../../../../web/engine/types";
import { FakeEngine } from "../fake_engine";
import { ask, lastReply, openReady, settled } from "../support/open_chats";

const token = (id: number, text: string) => ({ id, text, bytes: Array.from(new TextEncoder().encode(text)) });
const scored = (probability: number, rank = 1): ReviewedToken => ({
  ...token(1, "a"),
  logprob: Math.log(probability),
  rank,
  entropy: 1,
});

const attention: Attention = {
  tokens: [token(0, "a"), token(1, "b"), token(2, "c")],
  layers: 2,
  heads: 2,
  weights: Float32Array.of(
    ...[0.5, 0.25, 0.25], // layer 0, head 0
    ...[1, 0, 0],
    ...[0.125, 0.75, 0.125], // layer 1, head 0
    ...[0, 0, 1],
  ),
};

describe("figures", () => {
  test("a surprise is in bits, and its level rises with it", () => {
    expect(surprise(scored(0.125))).toBeCloseTo(3, 12);
    expect([0.9, 0.4, 0.1, 0.005, 0.0001].map((p) => surpriseLevel(scored(p)))).toEqual([0, 1, 2, 3, 4]);
    expect(surpriseLevel(scored(1, 0))).toBeUndefined();
  });

  test("weights are one head's, or the mean of many", () => {
    expect(meanWeights(attention, 1, 0)).toEqual([0.125, 0.75, 0.125]);
    expect(meanWeights(attention, 0, null)).toEqual([0.75, 0.125, 0.125]);
    expect(meanWeights(attention, null, 1)).toEqual([0.5, 0, 0.5]);
    expect(meanWeights(attention, null, null)).toEqual([0.40625, 0.25, 0.34375]);
  });

  test("the sharpest head looks at neither the first token nor a mark nor itself", () => {
    const marked = [token(0, "a"), token(1, "<|user|>"), token(2, "c")];
    expect(sharpestHead({ ...attention, tokens: marked })).toBeNull();
    expect(sharpestHead(attention)).toEqual({ layer: 1, head: 0, token: 1, weight: 0.75 });
    expect(
      sharpestHead({
        ...attention,
        tokens: attention.tokens.slice(0, 1),
        weights: Float32Array.of(1, 1, 1, 1),
      }),
    ).toBeNull();
  });
});

describe("branches", () => {
  const tokens = [token(5, "I"), token(6, " like"), token(7, " it")];
  test("a branch has the tokens before, then the other one", () => {
    expect(branchOf(tokens, 1, token(9, " love"))).toEqual({
      content: "I love",
      tokens: [5, 9],
      over: false,
    });
  });
  test("a mark of the format ends it there, and is no part of the words", () => {
    expect(branchOf(tokens, 2, token(8188, "<|endoftext|>"))).toEqual({
      content: "I like",
      tokens: [5, 6, 8188],
      over: true,
    });
  });
  test("a mark that stands before the words is none of them", () => {
    expect(branchOf([token(8190, "<|assistant|>"), ...tokens], 2, token(9, " love")).content).toBe("I love");
  });
  test("characters that tokens share are whole again", () => {
    const [first, second] = [
      { id: 1, text: "\uFFFD", bytes: [0xe4, 0xbd] },
      { id: 2, text: "\uFFFD", bytes: [0xa0] },
    ];
    expect(branchOf([first, token(3, "x")], 1, second).content).toBe("你");
  });
});

describe("asking about a reply", () => {
  const messages = [{ role: "user" as const, content: "Hi" }];
  const reply = (change: Partial<ReplyMessage>): ReplyMessage => ({
    id: "r",
    conversation: "c",
    parent: "u",
    role: "assistant",
    content: "Hello there",
    created: 0,
    state: "done",
    tokens: [1, 2, 3],
    details: {
      model: "tiny",
      tokens: 3,
      tokensPerSecond: 1,
      seed: 4,
      contextUsed: 1,
      contextTotal: 2,
      options: { seed: 4, top_k: 3 },
    },
    ...change,
  });
  const engine = (said: string) => ({ detokenize: async () => said }) as unknown as Engine;
  const ask = (said: string, change: Partial<ReplyMessage> = {}, model = "tiny") =>
    replyRequest(engine(said), reply(change), messages, model, { top_k: 9 });

  test("by its ids, with its options", async () => {
    expect(await ask(" Hello there\nUser:")).toEqual({ seed: 4, top_k: 3, messages, reply: [1, 2, 3] });
  });
  test("by its text where the ids are not its text, or not known", async () => {
    expect(await ask("Hello")).toMatchObject({ top_k: 3, reply: "Hello there" });
    const { tokens: _, ...unknown } = reply({});
    expect(await replyRequest(engine(""), unknown, messages, "tiny", {})).toMatchObject({
      reply: "Hello there",
    });
  });
  test("another model has its own options and tokens", async () => {
    expect(await ask("Hello there", {}, "other")).toEqual({ top_k: 9, messages, reply: "Hello there" });
  });
});

describe("answers", () => {
  const make = () => {
    const engine = new FakeEngine({ onState: () => {} });
    return { engine, review: new TextReview(engine) };
  };
  const text = (words: string) => Promise.resolve({ text: words });

  test("a text is reviewed, then one of its tokens looked at, once of each kind", async () => {
    const { engine, review } = make();
    await review.open(text("one two three"));
    expect(review.review.value).toMatchObject({ state: "there", value: { perplexity: 12.5 } });
    const asked = vi.spyOn(engine, "alternatives");
    review.look("alternatives"); // nothing is selected
    review.select(1);
    review.look("alternatives");
    review.look("alternatives");
    review.look("attention");
    review.look("layers");
    await vi.waitFor(() => expect(review.layers.value.state).toBe("there"));
    expect(review.alternatives.value).toMatchObject({ state: "there" });
    expect(review.attention.value).toMatchObject({ state: "there", value: { layers: 4, heads: 3 } });
    expect(asked).toHaveBeenCalledTimes(1);
    review.select(2);
    expect(review.alternatives.value.state).toBe("none");
  });

  test("a newer question stops the older one, whose answer is not shown", async () => {
    const { engine, review } = make();
    await review.open(text("one two three"));
    const signals: AbortSignal[] = [];
    vi.spyOn(engine as Engine, "alternatives").mockImplementation(async (_request, _index, options) => {
      if (options?.signal !== undefined) signals.push(options.signal);
      return new Promise(() => {});
    });
    review.select(0);
    review.look("alternatives");
    review.select(1);
    expect(signals[0]?.aborted).toBe(true);
    expect(review.alternatives.value.state).toBe("none");
    review.close();
    expect(review.review.value.state).toBe("none");
    review.select(0);
    review.look("attention"); // of nothing
    expect(review.attention.value.state).toBe("none");
  });

  test("a failure is kept with its code", async () => {
    const { engine, review } = make();
    vi.spyOn(engine, "review").mockRejectedValue(Object.assign(new Error("gone"), { code: "NOT_LOADED" }));
    await review.open(text("x"));
    expect(review.review.value).toMatchObject({ state: "failed" });
  });
});

describe("in the conversation", () => {
  test("a branch is another version of the reply, which goes on after its words", async () => {
    const page = await openReady({ reply: () => [" like", " it"] });
    const reply = await ask(page, "Films?");
    expect(reply.tokens).toEqual([0, 1]);
    expect(page.conversation.askedFor(reply)).toEqual([{ role: "user", content: "Films?" }]);
    page.conversation.branch(reply.id, { content: "We", tokens: [7], over: false });
    await settled(page);
    const branch = lastReply(page);
    expect(branch).toMatchObject({ state: "done", content: "We like it", tokens: [7, 0, 1] });
    expect(page.conversation.versions(branch)).toHaveLength(2);
    expect(page.engine.requests.at(-1)?.messages.at(-1)).toEqual({ role: "assistant", content: "We" });
    expect(await page.store.message(branch.id)).toMatchObject({ tokens: [7, 0, 1] });
  });

  test("a branch that is over is written no further", async () => {
    const page = await openReady();
    const reply = await ask(page, "Films?");
    const asked = page.engine.requests.length;
    page.conversation.branch(reply.id, { content: "We do.", tokens: [7, 8188], over: true });
    expect(lastReply(page)).toMatchObject({ state: "done", content: "We do." });
    expect(page.conversation.busy.value).toBe(false);
    expect(page.engine.requests).toHaveLength(asked);
  });

  test("words that somebody put in place of the model's have no tokens of its own", async () => {
    const page = await openReady();
    const reply = await ask(page, "Films?");
    page.conversation.startEdit(reply.id);
    page.conversation.editing.value = { message: reply.id, text: "No." };
    page.conversation.finishEdit();
    expect(lastReply(page)).toMatchObject({ content: "No.", edited: true });
    expect(lastReply(page).tokens).toBeUndefined();
  });
});
