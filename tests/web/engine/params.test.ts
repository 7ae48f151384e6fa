// From OpenAI's parameters to the core's options.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ParleyError } from "../../../web/engine/errors";
import { chatRequest, completionRequest } from "../../../web/engine/params";
import type { ChatParams, CompletionParams, ModelInfo } from "../../../web/engine/types";

const info = { id: "tiny", preset: { temperature: 0.7, top_k: 40, max_tokens: 64 } } as ModelInfo;
const messages = [{ role: "user" as const, content: "Hello" }];

function chatOptions(params: object, preset = info.preset): Record<string, string[]> {
  const { options } = chatRequest({ messages, ...params } as ChatParams, { ...info, preset });
  const all: Record<string, string[]> = {};
  for (const [name, value] of options) all[name] = [...(all[name] ?? []), value];
  return all;
}

const codeOf = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    return error instanceof ParleyError ? `${error.code}: ${error.message}` : error;
  }
  return null;
};

describe("chat", () => {
  test("the model's preset applies, and what is given wins", () => {
    const options = chatOptions({ temperature: 0, seed: 7 });
    expect(options).toEqual({ temperature: ["0"], top_k: ["40"], max_tokens: ["64"], seed: ["7"] });
  });

  test.each(["max_tokens", "max_completion_tokens", "max_new_tokens", "max_length"])(
    "with %s the preset's length does not apply",
    (name) => {
      const options = chatOptions({ [name]: 9, seed: 1 });
      expect(options).toEqual({ temperature: ["0.7"], top_k: ["40"], [name]: ["9"], seed: ["1"] });
    },
  );

  test("no length of the preset stands against the caller's", () => {
    const length = (params: object) => {
      const { max_tokens, min_tokens, min_new_tokens } = chatOptions(params, {
        max_tokens: 64,
        min_tokens: 2,
      });
      return { max_tokens, min_tokens, min_new_tokens };
    };
    expect(length({})).toEqual({ max_tokens: ["64"], min_tokens: ["2"] });
    expect(length({ min_tokens: 100 })).toEqual({ min_tokens: ["100"] });
    expect(length({ min_new_tokens: 100 })).toEqual({ min_new_tokens: ["100"] });
    expect(length({ min_tokens: 64 })).toEqual({ max_tokens: ["64"], min_tokens: ["64"] });
    expect(length({ max_tokens: 1 })).toEqual({ max_tokens: ["1"] });
    expect(length({ max_tokens: 2 })).toEqual({ max_tokens: ["2"], min_tokens: ["2"] });
  });

  test("a seed is drawn when none is given: a whole number below 2^53", () => {
    const seeds = Array.from({ length: 200 }, () => Number(chatOptions({}).seed?.[0]));
    for (const seed of seeds) {
      expect(Number.isSafeInteger(seed)).toBe(true);
      expect(seed).toBeGreaterThanOrEqual(0);
    }
    expect(new Set(seeds).size).toBe(seeds.length);
    expect(Math.max(...seeds)).toBeGreaterThan(2 ** 50);
  });

  test("lists and biases become one option an item", () => {
    const options = chatOptions({
      stop: ["a", "b"],
      stop_token_ids: [1, 2],
      logit_bias: { 5: -100, 6: 1.5 },
      seed: 1,
    });
    expect(options.stop).toEqual(["a", "b"]);
    expect(options.stop_token_ids).toEqual(["1", "2"]);
    expect(options.logit_bias).toEqual(["5:-100", "6:1.5"]);
    expect(chatOptions({ stop: "\n", seed: 1 }).stop).toEqual(["\n"]);
  });

  test("null and undefined mean left out", () => {
    expect(chatOptions({ top_p: null, stop: undefined, seed: 1 })).toEqual(chatOptions({ seed: 1 }));
  });

  test("logprobs ask the core for alternatives", () => {
    expect(chatOptions({}).top_logprobs).toBeUndefined();
    expect(chatOptions({ logprobs: true }).top_logprobs).toEqual(["0"]);
    expect(chatOptions({ logprobs: true, top_logprobs: 5 }).top_logprobs).toEqual(["5"]);
    expect(codeOf(() => chatOptions({ top_logprobs: 5 }))).toMatch(/^BAD_ARG: top_logprobs/);
    expect(codeOf(() => chatOptions({ logprobs: true, top_logprobs: 21 }))).toMatch(/^BAD_ARG: top_logprobs/);
  });

  test.each([
    ["tools", []],
    ["tools", [{ type: "function" }]],
    ["tool_choice", "auto"],
    ["response_format", { type: "json_object" }],
    ["n", 2],
    ["functions", {}],
    ["tempratur", 1],
    ["parallel_tool_calls", false],
    ["toString", 1],
  ])("%s: %j is UNSUPPORTED_OPTION and named", (name, value) => {
    const error = codeOf(() => chatOptions({ [name]: value }));
    expect(error).toMatch(new RegExp(`^UNSUPPORTED_OPTION: ${name}`));
  });

  test.each([
    [{ temperature: "0.5" }, /^BAD_ARG: temperature/],
    [{ top_k: Number.NaN }, /^BAD_ARG: top_k/],
    [{ stop: [1] }, /^BAD_ARG: stop/],
    [{ logit_bias: { 5: "x" } }, /^BAD_ARG: logit_bias/],
    [{ stream: "yes" }, /^BAD_ARG: stream/],
    [
      { stream_options: { include_obfuscation: true } },
      /^UNSUPPORTED_OPTION: stream_options.include_obfuscation/,
    ],
    [{ model: "gpt-4" }, /^BAD_ARG: model is 'gpt-4'/],
    [{ messages: [] }, /^BAD_ARG: messages/],
    [{ messages: [{ role: "tool", content: "" }] }, /^BAD_ARG: messages\[0\].role/],
    [
      { messages: [{ role: "user", content: [{ type: "text", text: "a" }] }] },
      /^BAD_ARG: messages\[0\].content/,
    ],
    [{ messages: [{ role: "user", content: "a", name: "b" }] }, /^UNSUPPORTED_OPTION: messages\[0\].name/],
  ])("%j is refused", (params, expected) => {
    expect(codeOf(() => chatOptions(params))).toMatch(expected);
  });

  test("model and user are accepted", () => {
    expect(chatOptions({ model: "tiny", user: "me", seed: 1 })).toEqual(chatOptions({ seed: 1 }));
  });

  test("whatever is given, a request or a ParleyError comes of it", () =>
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (params) => {
        try {
          chatRequest({ messages, ...params } as unknown as ChatParams, info);
        } catch (error) {
          if (!(error instanceof ParleyError)) throw error;
        }
      }),
    ));
});

describe("completion", () => {
  test("Hugging Face's defaults apply, not the preset", () => {
    const { options, prompt, logprobs } = completionRequest({ prompt: "Once", seed: 3 }, info);
    expect(options).toEqual([["seed", "3"]]);
    expect(prompt).toEqual({ kind: "completion", text: "Once", special: false });
    expect(logprobs).toBe(false);
  });

  test("logprobs is a number here", () => {
    expect(completionRequest({ prompt: "", seed: 1, logprobs: 3 }, info).options).toContainEqual([
      "top_logprobs",
      "3",
    ]);
    expect(
      codeOf(() => completionRequest({ prompt: "", logprobs: true } as unknown as CompletionParams, info)),
    ).toMatch(/^BAD_ARG: logprobs/);
  });

  test("messages are not an option of it", () => {
    expect(
      codeOf(() => completionRequest({ prompt: "", messages } as unknown as CompletionParams, info)),
    ).toMatch(/BAD_ARG: messages|UNSUPPORTED_OPTION: messages/);
  });
});
