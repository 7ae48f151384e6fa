// The self-test's judgement, and that what it holds machines to is the golden data of the reference implementation.

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { type Golden, selfTest } from "../../../../web/app/state/diagnostics";
import { GOLDEN } from "../../../../web/app/state/self_test_golden";
import type { CompletionParams, Engine } from "../../../../web/engine/types";

const ROOT = resolve(import.meta.dirname, "../../../..");

const golden: Golden = {
  sha256: "",
  cases: [
    { prompt: "one", ids: [1, 2], logprobs: [-0.5, -0.25] },
    { prompt: "two", ids: [3], logprobs: [-0.125] },
  ],
};

/** An engine that answers with these ids and log-probabilities, by prompt. */
function engineOf(answers: Record<string, { ids: number[]; logprobs: number[] }>): Engine {
  const create = async (params: CompletionParams) => {
    expect(params).toMatchObject({ special: true, temperature: 0, max_length: 100 });
    const { ids, logprobs } = answers[params.prompt] ?? { ids: [], logprobs: [] };
    return {
      choices: [{ logprobs: { token_logprobs: logprobs } }],
      parley: { ids, timings: { predicted_per_second: 100 } },
    };
  };
  return { completions: { create } } as unknown as Engine;
}

const right = { one: { ids: [1, 2], logprobs: [-0.5, -0.25] }, two: { ids: [3], logprobs: [-0.125] } };

test("the same ids and log-probabilities pass", async () => {
  const outcome = await selfTest(engineOf(right), golden);
  expect(outcome).toEqual({ state: "passed", tokens: 3, perSecond: 100 });
});

test("another id, another last bit, a token too few or too many differ, and where is said", async () => {
  const others = [
    { ids: [1, 4], logprobs: [-0.5, -0.25] },
    { ids: [1, 2], logprobs: [-0.5, -0.25 - Number.EPSILON / 4] },
    { ids: [1], logprobs: [-0.5] },
    { ids: [1, 2, 9], logprobs: [-0.5, -0.25, -0.1] },
  ];
  for (const one of others) {
    const outcome = await selfTest(engineOf({ ...right, one }), golden);
    expect(outcome.state).toBe("differs");
    expect(outcome).toHaveProperty("where", expect.stringMatching(/^"one", token [12]/u));
  }
});

test("the committed ids are those of GPT2LMHeadModel, for the model that is bundled", () => {
  const reference = JSON.parse(readFileSync(`${ROOT}/tests/golden/parley-17m/golden-q8_0.json`, "utf8")) as {
    prompts: { prompt: string; prompt_ids: number[]; greedy_ids: number[] }[];
  };
  for (const { prompt, ids, logprobs } of GOLDEN.cases) {
    const expected = reference.prompts.find((one) => one.prompt === prompt);
    expect([...(expected?.prompt_ids ?? []), ...ids]).toEqual(expected?.greedy_ids);
    expect(logprobs).toHaveLength(ids.length);
  }
  const catalog = JSON.parse(readFileSync(`${ROOT}/models/catalog.json`, "utf8")) as {
    models: { id: string; files: { sha256: string }[] }[];
  };
  const bundled = catalog.models.find(({ id }) => id === "parley-17m");
  expect(GOLDEN.sha256).toBe(bundled?.files[0]?.sha256); // else run scripts/golden_page.py again
});
