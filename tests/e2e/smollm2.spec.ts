// The real SmolLM2-135M-Instruct in the page, chosen as a file: it loads, says what the native program says, and is kept
// for the next visit; natively it says something new in each of twenty turns. PARLEY_SMOLLM2 is the path of its GGUF file;
// run by itself, `scripts/test.sh smollm2`.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "@playwright/test";
import { chooseFiles, expectReady, open, say, setOption } from "./support/talk";

const TWENTY_TURNS = new URL("../golden/twenty_turns.json", import.meta.url);
const PARLEY = process.env.PARLEY_CLI ?? fileURLToPath(new URL("../../build/native/parley", import.meta.url));
const MODEL = process.env.PARLEY_SMOLLM2 ?? "";
const MAX_TOKENS = "48";

/** The native program's replies in one conversation. */
function nativeReplies(said: readonly string[], ...options: string[]): string[] {
  const input = said.map((text) => `${text}\n/info\n`).join("");
  const words = ["chat", "--model", MODEL, "--max-tokens", MAX_TOKENS, ...options];
  const output = execFileSync(PARLEY, words, { input, encoding: "utf8" });
  // Replies may have several lines: what /info prints ends each.
  const replies = output.split(/^.*kernels.*\n.*\n.*\n/mu).map((reply) => reply.trim());
  expect(replies.pop()).toBe("");
  return replies;
}

test("SmolLM2 is chosen as a file, answers in the page, and is there after a reload", async ({ page }) => {
  test.setTimeout(300_000);
  await open(page);
  const panel = await chooseFiles(page, MODEL);
  const chip = page.locator(".chip");
  await expect(chip).toContainText(/smol/i, { timeout: 120_000 });
  await expectReady(page);
  await expect(panel).toContainText("98.4 MB");
  await page.keyboard.press("Escape");
  await setOption(page, "temperature", "0");
  await setOption(page, "max_tokens", MAX_TOKENS);

  const said = ["How many days are in a week?", "Who wrote Hamlet?"];
  const replies: string[] = [];
  for (const text of said) replies.push(await say(page, text));
  expect(replies.map((reply) => reply.trim())).toEqual(nativeReplies(said, "--temperature", "0"));
  if (process.env.PARLEY_SCREENSHOT) await page.screenshot({ path: process.env.PARLEY_SCREENSHOT });

  await page.reload();
  await expectReady(page);
  await expect(chip).toContainText(/smol/i);
  expect(await say(page, "Thank you.")).not.toBe("");
});

test("SmolLM2 in twenty turns: no empty reply, no reply repeated", () => {
  test.setTimeout(600_000);
  const turns = JSON.parse(readFileSync(TWENTY_TURNS, "utf8")) as string[];
  const replies = nativeReplies(turns, "--seed", "5");
  expect(replies).toHaveLength(turns.length);
  expect(replies.filter((reply) => reply === "")).toEqual([]);
  expect(new Set(replies).size).toBe(replies.length);
});
