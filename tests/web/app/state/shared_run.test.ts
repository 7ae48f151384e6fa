// Shared runs: what goes into a link comes out of it, and whatever else comes in is a typed error.

import fc from "fast-check";
import { expect, test } from "vitest";
import {
  checkRun,
  LONGEST_RUN,
  makeRun,
  RunError,
  readFragment,
  readRun,
  runFragment,
  runJson,
  type SharedRun,
} from "../../../../web/app/state/shared_run";
import { createSharedRuns } from "../../../../web/app/state/shared_runs";
import { createTools, type GivenRun, type ToolParts } from "../../../../web/app/state/tools";
import { readyModel } from "../support_tools";

const MODEL = { source: "parley-17m", name: "Parley 17M", sha256: "ab".repeat(32), context: 512 };
const OPTIONS = {
  temperature: 0.7,
  top_k: 40,
  logit_bias: {},
  stop: ["\n"],
  stop_token_ids: [],
  ignore_eos: false,
  seed: 48213,
};

function makeChat(content: string): Promise<SharedRun> {
  const messages = [
    { role: "system", content: "Be kind." },
    { role: "user", content, pinned: true },
  ] as const;
  return makeRun(MODEL, { kind: "chat", messages }, OPTIONS, "Hello");
}

async function codeOf(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    if (error instanceof RunError) return error.code;
    throw error;
  }
  return "none";
}

/** Any text that has a form in UTF-8. */
const anyText = fc
  .array(fc.integer({ min: 0, max: 0x10ffff }), { maxLength: 100 })
  .map((points) => String.fromCodePoint(...points).toWellFormed());

test("a run is whole after the way through a link and through a file", async () => {
  await fc.assert(
    fc.asyncProperty(anyText, async (content) => {
      const run = await makeChat(content);
      expect(await readFragment(await runFragment(run))).toEqual(run);
      expect(readRun(runJson(run))).toEqual(run);
    }),
    { numRuns: 20, endOnFailure: true },
  );
});

test("an option without a value is not written", async () => {
  const { options } = await makeChat("Hi");
  expect(options).toEqual({ temperature: 0.7, top_k: 40, stop: ["\n"], ignore_eos: false, seed: 48213 });
});

test("a link of the first version opens", async () => {
  const fragment =
    "run=pY5LasNAEAWvEt66EzxjyxJ9Am8C2YcgxlbLEdZMi-lRcBC6e1A-JwhvVxS8WjCFPMonGHlOIHxItkET2BGidjKCF5jO-SLgX_nR1RGEFOLGXr7Zg6uf" +
    "QbD34KsjGOH8v4Fw0VTkXsCV8yshilm4ioFfF2Qdt-_ZJP-ZqYBxGrC-EXQqgybb2ovESXIocxbw7qkmFJ3aG_iwI8Rwb4veZFOPB4KJdOBD492eMFyTZmlFDdyH" +
    "0WQl_ATBNVXfdOe997XrxVdYvwA";
  expect(await readFragment(fragment)).toEqual({
    model: MODEL,
    asked: { kind: "chat", messages: [{ role: "user", content: "Hi" }] },
    options: { temperature: 0.7, top_k: 40, max_tokens: 64, seed: 48213, ignore_eos: false },
    text: "185f8db32271fe25",
  });
});

test("the text is told by its SHA-256", async () => {
  // sha256("Hello"), FIPS 180-4, by coreutils' sha256sum
  expect((await makeChat("Hi")).text).toBe("185f8db32271fe25");
});

test("a link is plain base64url", async () => {
  expect(await runFragment(await makeChat("Hi?"))).toMatch(/^run=[A-Za-z0-9_-]+$/u);
});

test("a link that is cut off anywhere is BAD_LINK", async () => {
  const fragment = await runFragment(await makeChat("Do you like movies?"));
  for (let length = 0; length < fragment.length; length++) {
    expect(await codeOf(() => readFragment(fragment.slice(0, length))), String(length)).toBe("BAD_LINK");
  }
});

test("any other fragment is a RunError and nothing else", async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ maxLength: 200 }), async (noise) => {
      expect(await codeOf(() => readFragment(`run=${noise}`))).not.toBe("none");
    }),
  );
});

test("a few bytes that become many are stopped", async () => {
  const bomb = new Blob([" ".repeat(5_000_000)]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  const packed = Buffer.from(await new Response(bomb).arrayBuffer());
  expect(packed.length).toBeLessThan(10_000);
  expect(await codeOf(() => readFragment(`run=${packed.toString("base64url")}`))).toBe("LIMIT");
  expect(await codeOf(() => readRun(" ".repeat(LONGEST_RUN + 1)))).toBe("LIMIT");
});

test("every value that is not as it should be is refused, with its place", async () => {
  const good = JSON.parse(runJson(await makeChat("Hi"))) as Record<string, unknown>;
  expect(await codeOf(() => checkRun(good))).toBe("none");
  const changes: [Record<string, unknown>, string][] = [
    [{ parley: "chat" }, "BAD_RUN"],
    [{ version: 2 }, "BAD_VERSION"],
    [{ version: "1" }, "BAD_RUN"],
    [{ extra: 1 }, "BAD_RUN"],
    [{ messages: [] }, "BAD_RUN"],
    [{ messages: [{ role: "robot", content: "" }] }, "BAD_RUN"],
    [{ messages: [{ role: "user", content: 3 }] }, "BAD_RUN"],
    [{ messages: [{ role: "user", content: "", html: "" }] }, "BAD_RUN"],
    [{ prompt: "both" }, "BAD_RUN"],
    [{ options: { ...OPTIONS, seed: undefined } }, "BAD_RUN"],
    [{ options: { seed: 1, temperature: "hot" } }, "BAD_RUN"],
    [{ options: { seed: 1, stream: true } }, "BAD_RUN"],
    [{ options: { seed: 1, constructor: 1 } }, "BAD_RUN"],
    [{ options: [] }, "BAD_RUN"],
    [{ model: { ...MODEL, source: "javascript:alert(1)" } }, "BAD_RUN"],
    [{ model: { ...MODEL, source: "http://host/x.gguf" } }, "BAD_RUN"],
    [{ model: { ...MODEL, sha256: "xyz" } }, "BAD_RUN"],
    [{ model: { ...MODEL, context: 0 } }, "BAD_RUN"],
    [{ model: { ...MODEL, name: "x".repeat(201) } }, "LIMIT"],
    [{ text: "no hash" }, "BAD_RUN"],
  ];
  for (const [change, code] of changes) {
    expect(await codeOf(() => checkRun({ ...good, ...change })), JSON.stringify(change)).toBe(code);
  }
  for (const data of [null, 3, [], "run"]) expect(await codeOf(() => checkRun(data))).toBe("BAD_RUN");
});

async function opened(given: Partial<GivenRun> = {}) {
  const { engine, model } = await readyModel({ more: true });
  const noFragment = { read: () => "", clear: () => {}, onChange: () => {} };
  const tools = createTools({} as ToolParts, noFragment);
  const runs = createSharedRuns({ engine, model, tools, address: "https://parley.example/" });
  tools.share({
    model: "parley-17m",
    asked: { kind: "chat", messages: [{ role: "user", content: "Hi" }] },
    options: { seed: 7, temperature: 0.5 },
    context: 512,
    text: "Hello! What would you like to talk about?",
    ...given,
  });
  await expect.poll(() => runs.run.value).not.toBeNull();
  return { engine, model, runs, tools };
}

test("a run starts when it is asked to, not before, and says that the text is the same", async () => {
  const { engine, runs } = await opened();
  expect(engine.requests).toHaveLength(0);
  expect(runs.link.value).toMatch(/^https:\/\/parley\.example\/#run=/u);
  await runs.start();
  expect(engine.requests[0]).toMatchObject({
    messages: [{ role: "user", content: "Hi" }],
    seed: 7,
    temperature: 0.5,
  });
  expect(runs.same.value).toBe(true);
});

test("another text than the one that was shared is said to be another", async () => {
  const { runs } = await opened({ text: "Hello" });
  await runs.start();
  expect(runs.same.value).toBe(false);
});

test("a run of another model says what it takes, and loads it when started", async () => {
  const { engine, runs } = await opened({ model: "gpt2" });
  expect(runs.need.value).toEqual({ kind: "download", bytes: 549_800_000, from: "huggingface.co" });
  expect(engine.loaded).toEqual(["parley-17m"]);
  await runs.start();
  expect(engine.loaded).toEqual(["parley-17m", "gpt2"]);
});

test("a run of the page's own model needs nothing first, also before that is ready", async () => {
  const { engine, runs } = await opened();
  expect(runs.need.value).toEqual({ kind: "none" });
  engine.set({ state: "elsewhere" });
  expect(runs.need.value).toEqual({ kind: "none" });
  engine.set({ state: "restarting", reason: "asked" });
  expect(runs.need.value).toEqual({ kind: "none" });
});

test("a run that is too long for a link is a file only", async () => {
  const noise = Array.from({ length: 20_000 }, (_, at) => String.fromCharCode(33 + ((at * 7919) % 90))).join(
    "",
  );
  const content = Array.from(crypto.getRandomValues(new Uint32Array(4000)), String).join(noise.slice(0, 3));
  const { runs } = await opened({ asked: { kind: "completion", prompt: content } });
  expect(runs.link.value).toBeNull();
  const again = readRun(runs.json());
  expect(again.asked).toEqual({ kind: "completion", prompt: content });
});

test("a file that is no run leaves an error, and nothing to run", async () => {
  const { runs } = await opened();
  await runs.open(new Blob(["<html>"]));
  expect(runs.error.value?.code).toBe("BAD_JSON");
  expect(runs.run.value).toBeNull();
});
