// The system's Firefox beside Chromium and the native command line: a link gives the same text in all three, and the page
// chats, keeps what was said and works with its server gone. Run by itself, `scripts/test.sh firefox`.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test as base, expect, type Page } from "@playwright/test";
import type { Page as FirefoxPage } from "puppeteer-core";
import type { Asked } from "../../web/app/state/runs";
import { makeRun, runFragment } from "../../web/app/state/shared_run";
import type { ChatMessage, SamplingParams } from "../../web/engine/types";
import { Site } from "../web/support/site";
import { click, complaints, launchFirefox } from "./support/firefox";
import { expectReady } from "./support/talk";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PARLEY = process.env.PARLEY_CLI ?? `${ROOT}build/native/parley`;
const DIST = process.env.PARLEY_DIST ?? `${ROOT}dist/`;
const MODEL = "parley-17m";
const CONTEXT = 512; // tokens

const test = base.extend<{ firefox: FirefoxPage }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures that a fixture needs from this pattern
  firefox: async ({}, use) => {
    const { browser, page } = await launchFirefox();
    await use(page);
    await browser.close();
  },
});

interface Run {
  asked: Asked;
  options: SamplingParams;
  text: string; // by the native command line
}

/** Every option that the model's preset sets, so that nothing is left to it. */
const OPTIONS = {
  temperature: 0.9,
  top_k: 60,
  top_p: 0.95,
  min_p: 0,
  typical_p: 1,
  repetition_penalty: 1.1,
  repeat_last_n: 64,
  no_repeat_ngram_size: 0,
  min_tokens: 0,
  max_tokens: 60,
  retry_repeats: 0,
  best_of: 1,
};

/** One that shows in the text each: how tokens are chosen, how many, and what ends them. */
const VARIATIONS: SamplingParams[] = [
  {},
  { temperature: 0 },
  { temperature: 1.5, top_k: 0, top_p: 1 },
  { top_k: 0, top_p: 0.8 },
  { top_k: 0, top_p: 1, min_p: 0.05 },
  { top_k: 0, top_p: 1, typical_p: 0.9 },
  { repetition_penalty: 1.4, repeat_last_n: 0 },
  { no_repeat_ngram_size: 3, min_tokens: 30 },
  { best_of: 3, retry_repeats: 1, max_tokens: 20 },
];

const PROMPTS = [
  "The best film that I have ever seen is",
  "Once upon a time",
  "Hello, how are you?",
  "She opened the door and",
  "In 1994, 3.5 % of 12,000",
  "Grüße aus Köln, 你好 🙂",
  "def main():\n    return",
  "  ",
  "It was the best of times, it was",
];

const SAID = [
  "Do you like movies?",
  "What did you eat today?",
  "My dog is called Bruno.",
  "Tell me about the sea.",
  "I have a headache",
  "Qu'est-ce que tu fais?",
  "Do you play football?",
  "WHY ARE YOU SO QUIET",
  "Can you help me?",
];
const SAID_NEXT = "Why is that so?";

function native(command: string, input: string, options: SamplingParams): string {
  const words = Object.entries(options).map(([name, value]) => `--${name.replaceAll("_", "-")}=${value}`);
  const args = [...command.split(" "), "--model", MODEL, "--context", String(CONTEXT), ...words];
  return execFileSync(PARLEY, args, { cwd: ROOT, input, encoding: "utf8" });
}

/** A continuation, a first reply and a second one for each variation of the options, each with another seed. */
function nativeRuns(): Run[] {
  return VARIATIONS.flatMap((variation, index) => {
    const options = { ...OPTIONS, ...variation, seed: 1000 + index };
    const prompt = PROMPTS[index] ?? "";
    const said = SAID[index] ?? "";
    const continued = native("complete --json --prompt -", prompt, options);
    const first = native("chat", `${said}\n`, options);
    const both = native("chat", `${said}\n${SAID_NEXT}\n`, options);
    expect(both.startsWith(first)).toBe(true);
    const reply = first.slice(0, -1);
    const once: ChatMessage[] = [{ role: "user", content: said }];
    const twice: ChatMessage[] = [
      ...once,
      { role: "assistant", content: reply },
      { role: "user", content: SAID_NEXT },
    ];
    return [
      {
        asked: { kind: "completion", prompt },
        options,
        text: (JSON.parse(continued) as { text: string }).text,
      },
      { asked: { kind: "chat", messages: once }, options, text: reply },
      { asked: { kind: "chat", messages: twice }, options, text: both.slice(first.length, -1) },
    ];
  });
}

/** The runs that the golden data has, from an earlier build of the command line. */
function goldenRuns(): { sha256: string; runs: Run[] } {
  const path = new URL("../golden/parley-17m/shared_runs.json", import.meta.url);
  const { sha256, runs } = JSON.parse(readFileSync(path, "utf8")) as {
    sha256: string;
    runs: { prompt?: string; messages?: ChatMessage[]; options: SamplingParams; text: string }[];
  };
  return {
    sha256,
    runs: runs.map(({ prompt, messages = [], options, text }) => ({
      asked: prompt === undefined ? { kind: "chat", messages } : { kind: "completion", prompt },
      options,
      text,
    })),
  };
}

const READY = '.chip[data-phase="ready"]';

async function expectReadyIn(firefox: FirefoxPage): Promise<void> {
  await firefox.waitForSelector(READY);
}

/** The text of the run that `address` is a link to, in the page that is open already. */
async function firefoxText(firefox: FirefoxPage, address: string): Promise<string> {
  await firefox.goto(address);
  await firefox.waitForFunction(
    () => document.querySelector(".run-words") !== null && document.querySelector(".run-result") === null,
  );
  await click(firefox, "dialog[open] .primary", "Run");
  await firefox.waitForFunction(() =>
    document.querySelector(".run-result .figures")?.textContent?.includes("seed"),
  );
  return firefox.$eval(".run-result .side-text", ({ textContent }) => textContent);
}

async function chromiumText(page: Page, address: string): Promise<string> {
  await page.goto("about:blank");
  await page.goto(address);
  await expectReady(page);
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await expect(page.locator(".run-result .figures")).toContainText("seed");
  return (await page.locator(".run-result .side-text").textContent()) ?? "";
}

test(`I6, law 2: ${3 * VARIATIONS.length + 2} links give the same text in Firefox, in Chromium and natively`, async ({
  firefox,
  page,
  baseURL,
}) => {
  test.setTimeout(600_000);
  const { sha256, runs } = goldenRuns();
  const model = { source: MODEL, name: "Parley 17M", sha256, context: CONTEXT };
  const all = [...runs, ...nativeRuns()];
  await firefox.goto(`${baseURL}`);
  await expectReadyIn(firefox);
  for (const { asked, options, text } of all) {
    const address = `${baseURL}#${await runFragment(await makeRun(model, asked, { ...options }, text))}`;
    const title = JSON.stringify({ asked, options });
    expect(await firefoxText(firefox, address), `Firefox: ${title}`).toBe(text);
    expect(await chromiumText(page, address), `Chromium: ${title}`).toBe(text);
  }
  expect(all).toHaveLength(3 * VARIATIONS.length + 2);
  expect(await complaints(firefox)).toEqual([]);
});

test("I6: several threads run in Firefox, and the self-test has the native log-probabilities", async ({
  firefox,
  baseURL,
}) => {
  await firefox.goto(`${baseURL}`);
  await expectReadyIn(firefox);
  expect(await firefox.evaluate(() => crossOriginIsolated)).toBe(true);
  await click(firefox, ".menu > summary");
  await click(firefox, ".menu-item", "Diagnostics");
  await click(firefox, "dialog[open] button", "Run the self-test");
  await firefox.waitForFunction(() =>
    /Self-test: (passed|failed)/u.test(document.querySelector(".report")?.textContent ?? ""),
  );
  const report = await firefox.$eval(".report", ({ textContent }) => textContent);
  expect(report).toContain("Self-test: passed");
  expect(report).toMatch(/Build: (simd128|relaxed)-threads/u);
  expect(await complaints(firefox)).toEqual([]);
});

test("W4: in Firefox the page chats, keeps the conversation, and goes on with its server gone", async ({
  firefox,
}) => {
  const site = await Site.open({ dir: DIST });
  const say = async (text: string, turns: number): Promise<string> => {
    await firefox.type("#message", text);
    await firefox.keyboard.press("Enter");
    await firefox.waitForFunction(
      (wanted: number) =>
        document.querySelectorAll(".turn[data-role]").length === wanted &&
        document.querySelector("#send:not([data-busy])") !== null,
      {},
      turns,
    );
    return firefox.evaluate(() => [...document.querySelectorAll(".words")].at(-1)?.textContent ?? "");
  };
  await firefox.goto(site.url);
  await expectReadyIn(firefox);
  const reply = await say("Do you like movies?", 2);
  expect(reply).not.toBe("");
  // What offline needs.
  await firefox.waitForFunction(async () => {
    const name = (await caches.keys()).find((one) => one.startsWith("parley-wasm-"));
    return name !== undefined && (await (await caches.open(name)).keys()).length === 8;
  });
  await site.stop();
  await firefox.goto(site.url);
  await expectReadyIn(firefox);
  await firefox.waitForSelector(".words");
  const kept = await firefox.$$eval(".words", (all) => all.map(({ textContent }) => textContent).join("|"));
  expect(kept).toBe(`Do you like movies?|${reply}`);
  expect(await say("Which one?", 4)).not.toBe("");
  expect(await complaints(firefox)).toEqual([]);
});
