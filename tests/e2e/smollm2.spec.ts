// The real SmolLM2-135M-Instruct in the page, chosen as a file: it loads, answers in the chat format that it was trained for,
// and is kept for the next visit; natively it says something new in each of twenty turns. PARLEY_SMOLLM2 is the path of its GGUF file; run by itself, `scripts/test.sh smollm2`.

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "@playwright/test";
import { expectReady, open, say, setOption } from "./support/talk";

test("SmolLM2 is chosen as a file, answers in the page, and is there after a reload", async ({ page }) => {
  test.setTimeout(300_000);
  await open(page);
  await page.locator(".chip").click();
  const panel = page.locator("dialog.panel[open]");
  const [chooser] = await Promise.all([
    page.waitForEvent("filechooser"),
    panel.getByRole("button", { name: "Choose files" }).click(),
  ]);
  await chooser.setFiles(process.env.PARLEY_SMOLLM2 as string);
  const chip = page.locator(".chip");
  await expect(chip).toContainText(/smol/i, { timeout: 120_000 });
  await expectReady(page);
  await expect(panel).toContainText("98.4 MB");
  await page.keyboard.press("Escape");
  await setOption(page, "temperature", "0");
  await setOption(page, "max_tokens", "48");

  // What `parley chat --temperature 0` answers natively; every build has the same bits.
  expect(await say(page, "How many days are in a week?")).toContain("week is approximately 7 days.");
  expect(await say(page, "Who wrote Hamlet?")).toContain("Hamlet by William Shakespeare");
  if (process.env.PARLEY_SCREENSHOT) await page.screenshot({ path: process.env.PARLEY_SCREENSHOT });

  await page.reload();
  await expectReady(page);
  await expect(chip).toContainText(/smol/i);
  expect(await say(page, "Thank you.")).not.toBe("");
});

/** What tests/cli/cli_test.py says to the bundled model. */
const TWENTY_TURNS = [
  ...[
    "Hello!",
    "How are you?",
    "What is your name?",
    "Hello!",
    "Do you like movies?",
    "Which one is your favorite?",
  ],
  ...[
    "Yes.",
    "No.",
    "Why?",
    "Do you like music?",
    "Yes.",
    "I need a table for two.",
    "At seven.",
    "Yes, please.",
  ],
  ...["Thank you.", "What is the weather like?", "Yes.", "Thanks.", "Hello!", "Goodbye."],
];

test("SmolLM2 in twenty turns: no empty reply, no reply repeated", () => {
  test.setTimeout(600_000);
  const parley =
    process.env.PARLEY_CLI ?? fileURLToPath(new URL("../../build/native/parley", import.meta.url));
  const input = TWENTY_TURNS.map((turn) => `${turn}\n/info\n`).join("");
  const model = process.env.PARLEY_SMOLLM2 as string;
  const options = ["--seed", "5", "--max-tokens", "48"];
  const said = execFileSync(parley, ["chat", "--model", model, ...options], { input, encoding: "utf8" });
  // Replies may have several lines: what /info prints ends each.
  const replies = said.split(/^.*kernels.*\n.*\n.*\n/mu).map((reply) => reply.trim());
  expect(replies.pop()).toBe("");
  expect(replies).toHaveLength(TWENTY_TURNS.length);
  expect(replies.filter((reply) => reply === "")).toEqual([]);
  expect(new Set(replies).size).toBe(replies.length);
});
