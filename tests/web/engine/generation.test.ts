// What the worker asks of the core for a reply and for a count, over a made-up core.
import { describe, expect, test } from "vitest";
import type { ChatPrompt, GenerationRequest } from "../../../web/engine/contract";
import { begin, countChat } from "../../../web/engine/generation";
import { WasmSession } from "../../../web/engine/wasm_session";
import { FakeCore } from "../support/fake_core";

function make() {
  const core = new FakeCore();
  return { core, session: new WasmSession(core.exports, core.memory) };
}

const chat = (lengths: number[], chatFormat = ""): ChatPrompt => ({
  kind: "chat",
  messages: lengths.map((length) => ({ role: "user", content: "x".repeat(length), pinned: false })),
  chatFormat,
});
const maxTokens = (count: number): GenerationRequest["options"] => [["max_tokens", String(count)]];

describe("a count of a chat", () => {
  const chats: ChatPrompt[] = [chat([20, 20, 10]), chat([20, 20, 10], "eos_turns")];
  const earlier: GenerationRequest[] = [
    { prompt: { kind: "completion", text: "a", special: false }, options: maxTokens(1), logprobs: false },
    { prompt: chat([1]), options: maxTokens(16), logprobs: false },
    { prompt: chat([1], "chatml"), options: maxTokens(1), logprobs: false },
    { prompt: chat([1], "eos_turns"), options: [], logprobs: false },
  ];

  test("is that of its own options and format, whatever ran before", () => {
    for (const prompt of chats) {
      for (const options of [maxTokens(2), maxTokens(12), []]) {
        const fresh = countChat(make().session, prompt, options);
        for (const request of earlier) {
          const { core, session } = make();
          core.setResult({});
          begin(session, request);
          expect(countChat(session, prompt, options)).toEqual(fresh);
        }
      }
    }
  });

  test("is by the room that its reply takes and by its format", () => {
    const { session } = make();
    // Of 64 tokens: 53 beside 2 for the reply fit, beside 12 they do not; another format takes 56.
    expect(countChat(session, chat([20, 20, 10]), maxTokens(2))).toEqual({
      tokens: 53,
      context: 64,
      dropped: [false, false, false],
    });
    expect(countChat(session, chat([20, 20, 10]), maxTokens(12)).dropped).toEqual([true, false, false]);
    expect(countChat(session, chat([20, 20, 10], "eos_turns"), maxTokens(2)).tokens).toBe(56);
    expect(countChat(session, chat([20, 20, 10]), maxTokens(2)).tokens).toBe(53);
  });

  test("asks the core for what a reply to the same asks for, up to the beginning", () => {
    const prompt = chat([3, 4], "eos_turns");
    const options: GenerationRequest["options"] = [...maxTokens(8), ["stop", "\n"]];
    const [one, other] = [make(), make()];
    other.core.setResult({});
    countChat(one.session, prompt, options);
    begin(other.session, { prompt, options, logprobs: false });
    expect(one.core.calls.slice(0, -1)).toEqual(other.core.calls.slice(0, -1));
    expect([one.core.calls.at(-1), other.core.calls.at(-1)]).toEqual([["count_chat"], ["begin_chat"]]);
  });
});
