// The library in a real browser with the real core, under the full policy: replies, options, files, the page for embedders.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { answer } from "../support/site";
import { expect, failureOf, siteFile, test } from "./fixtures";

test("loads, answers, counts and streams, and asks for nothing after loading (C7)", async ({
  library,
  page,
}) => {
  const elsewhere: string[] = [];
  page.on("request", (request) => {
    if (!request.url().startsWith(library.site.url)) elsewhere.push(request.url());
  });
  const violations: string[] = [];
  page.on("console", (message) => {
    if (/Content Security Policy|Trusted/i.test(message.text())) violations.push(message.text());
  });
  await library.open();
  const info = await library.load();
  expect(info).toMatchObject({ id: "parley-17m", quantization: "Q8_0", from_storage: false, notices: [] });
  expect(info.memory.actual_bytes - info.memory.planned_bytes).toBeLessThan(65536);
  library.site.requests.length = 0;
  const reply = await library.ask("Hello, how are you?");
  expect(reply.text.length).toBeGreaterThan(0);
  const streamed = await page.evaluate(async () => {
    const stream = await window.engine.chat.completions.create({
      messages: [{ role: "user", content: "Hello, how are you?" }],
      seed: 11,
      max_tokens: 24,
      stream: true,
    });
    let text = "";
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
    const ids = await window.engine.tokenize("Hello there");
    return { text, back: await window.engine.detokenize(ids), count: ids.length };
  });
  expect(streamed).toMatchObject({ text: reply.text, back: "Hello there" });
  expect(library.site.requests).toEqual([]);
  expect(elsewhere).toEqual([]);
  expect(violations).toEqual([]);
});

test("I5: stopping takes under 250 ms, while the prompt is read and while the reply is written", async ({
  library,
  page,
}) => {
  await library.open();
  await library.load();
  const times = await page.evaluate(async () => {
    const content = "The weather is fine and we walk along the river. ".repeat(38);
    const stop = async (afterTokens: number) => {
      const controller = new AbortController();
      const stream = await window.engine.chat.completions.create(
        {
          messages: [{ role: "user", content }],
          min_tokens: 60,
          max_tokens: 64,
          stream: true,
          seed: afterTokens,
        },
        { signal: controller.signal },
      );
      let started = 0;
      let tokens = 0;
      const abort = () => {
        started = performance.now();
        controller.abort();
      };
      if (afterTokens === 0) setTimeout(abort, 1);
      try {
        for await (const chunk of stream) {
          if (chunk.choices[0]?.delta.content) tokens += 1;
          if (tokens === afterTokens && afterTokens > 0 && started === 0) abort();
        }
      } catch (error) {
        return { name: (error as Error).name, ms: performance.now() - started };
      }
      return { name: "finished", ms: 0 };
    };
    return [await stop(0), await stop(3)];
  });
  for (const { name, ms } of times) {
    expect(name).toBe("AbortError");
    expect(ms).toBeLessThan(250);
  }
  expect((await library.ask("Hello")).text.length).toBeGreaterThan(0);
});

test("a file that the user chose is loaded; one that is no model is named", async ({ library, page }) => {
  await library.open();
  const { entry } = await library.load();
  const parts = entry?.files[0]?.parts?.map(({ url }) => url) ?? [];
  const info = await page.evaluate(async (urls) => {
    const blobs = await Promise.all(urls.map(async (url) => (await fetch(url)).blob()));
    return window.engine.load(new File(blobs, "mine.gguf"));
  }, parts);
  expect(info).toMatchObject({ id: "mine.gguf", architecture: "gpt2", from_storage: false });
  expect(await failureOf(page, () => window.engine.load(new File(["<html>"], "page.gguf")))).toMatchObject({
    code: "BAD_MAGIC",
    message: expect.stringMatching(/HTML/i),
  });
  // The model before is still there.
  expect((await library.ask("Hello")).text.length).toBeGreaterThan(0);
  expect(await failureOf(page, () => window.engine.load(new File([], "empty.gguf")))).toMatchObject({
    code: "TRUNCATED",
  });
});

test("options that Parley does not have are refused by name, and leave it ready", async ({
  library,
  page,
}) => {
  await library.open();
  await library.load();
  const errors = await page.evaluate(async () => {
    const tries = [{ tools: [] }, { temperature: 9 }, { tempratur: 1 }, { max_tokens: 3, max_length: 3 }];
    const results: string[] = [];
    for (const params of tries) {
      const messages = [{ role: "user" as const, content: "Hello" }];
      const create = window.engine.chat.completions.create({ messages, ...params } as {
        messages: typeof messages;
      });
      results.push(
        await create.then(
          String,
          (error: { code: string; message: string }) => `${error.code} ${error.message}`,
        ),
      );
    }
    return results;
  });
  expect(errors[0]).toMatch(/^UNSUPPORTED_OPTION .*tools/);
  expect(errors[1]).toMatch(/^BAD_ARG .*temperature/);
  expect(errors[2]).toMatch(/^UNSUPPORTED_OPTION .*tempratur/);
  expect(errors[3]).toMatch(/^BAD_ARG .*max_length/);
  expect((await library.ask("Hello")).text.length).toBeGreaterThan(0);
});

test("every option of the library is one of the core's", async ({ library }) => {
  await library.open();
  await library.load();
  const { ids } = await library.ask("Hello", {
    temperature: 0.9,
    top_k: 30,
    top_p: 0.9,
    min_p: 0.01,
    typical_p: 0.95,
    repetition_penalty: 1.1,
    repeat_last_n: 64,
    frequency_penalty: 0.1,
    presence_penalty: 0.1,
    no_repeat_ngram_size: 3,
    logit_bias: { 5: -100 },
    min_tokens: 2,
    stop: ["\n\n"],
    stop_token_ids: [3],
    ignore_eos: false,
  });
  expect(ids.length).toBeGreaterThanOrEqual(2);
  for (const name of ["max_completion_tokens", "max_new_tokens"]) {
    expect(
      (await library.ask("Hello", { max_tokens: undefined, [name]: 3, ignore_eos: true })).ids,
    ).toHaveLength(3);
  }
  const long = await library.ask("Hello", {
    max_tokens: undefined,
    max_length: 12,
    min_new_tokens: 1,
    ignore_eos: true,
  });
  expect(long.ids.length).toBeLessThan(12);
});

test("I1: a reply that meets the end of the context stops with length", async ({ library }) => {
  await library.open();
  const info = await library.load({ context: 48 });
  expect(info.context).toBe(48);
  const { finish, ids } = await library.ask("Hello", { max_tokens: 400, ignore_eos: true });
  expect(finish).toBe("length");
  expect(ids.length).toBeLessThan(48);
});

test("the same seed gives the same reply, the returned seed repeats one that was drawn", async ({
  library,
}) => {
  await library.open();
  await library.load();
  const drawn = await library.ask("Any plans for the weekend?", { seed: undefined, temperature: 1.2 });
  const again = await library.ask("Any plans for the weekend?", { seed: drawn.seed, temperature: 1.2 });
  expect(again.ids).toEqual(drawn.ids);
});

test("logprobs: the chosen token's is among the best, and bytes spell the token", async ({
  library,
  page,
}) => {
  await library.open();
  await library.load();
  const tokens = await page.evaluate(async () => {
    const reply = await window.engine.chat.completions.create({
      messages: [{ role: "user", content: "Hello" }],
      temperature: 0,
      repetition_penalty: 1,
      logprobs: true,
      top_logprobs: 3,
    });
    return reply.choices[0]?.logprobs?.content ?? [];
  });
  expect(tokens.length).toBeGreaterThan(1);
  for (const { id, logprob, bytes, token, top_logprobs } of tokens) {
    expect(top_logprobs).toHaveLength(3);
    expect(top_logprobs[0]).toMatchObject({ id, logprob });
    expect(Buffer.from(bytes).toString()).toBe(token);
    expect(top_logprobs.reduce((sum, one) => sum + Math.exp(one.logprob), 0)).toBeLessThanOrEqual(1);
  }
});

test("the bundled parts are what the catalog says", async () => {
  const catalog = JSON.parse(readFileSync(new URL("../../../models/catalog.json", import.meta.url), "utf8"));
  for (const { url, bytes, sha256 } of catalog.models[0].files[0].parts) {
    const data = readFileSync(new URL(`../../../models/${url}`, import.meta.url));
    expect([data.length, createHash("sha256").update(data).digest("hex")]).toEqual([bytes, sha256]);
  }
});

test("the page for embedders: twenty lines, on a host without a header of ours", async ({
  library,
  page,
}) => {
  const html = readFileSync(new URL("../../../web/examples/embed.html", import.meta.url), "utf8");
  expect(html.trimEnd().split("\n").length).toBeLessThanOrEqual(20);
  library.addFault((_, response, path) => {
    const name = path.split("?")[0] as string;
    const types: Record<string, string> = {
      html: "text/html",
      js: "text/javascript",
      mjs: "text/javascript",
    };
    try {
      const bytes = name === "/examples/embed.html" ? html : siteFile(name);
      return answer(response, 200, types[name.split(".").at(-1) ?? ""] ?? "application/octet-stream", bytes);
    } catch {
      return answer(response, 404, "text/plain", "no");
    }
  });
  await page.goto(`${library.site.url}examples/embed.html`);
  await expect(page.getByRole("button", { name: "Send" })).toBeEnabled();
  await page.getByRole("textbox").fill("Hello");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("log")).toHaveText(/\w.*\n/);
});
