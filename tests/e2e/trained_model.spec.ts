// A model that scripts/train made, in the page: chosen from the disk, it chats and says what the native program says.
// `scripts/test.sh train` makes it (PARLEY_TRAINED_MODEL is its file) and runs this.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "@playwright/test";
import { parseEntry } from "../../web/engine/models/catalog";
import { chooseFiles, expectReady, open, say, setOption } from "./support/talk";

const MODEL = process.env.PARLEY_TRAINED_MODEL ?? "";
const PARLEY = new URL("../../build/native/parley", import.meta.url).pathname;
const QUESTION = "What are you?";

test("a model from scripts/train is opened from a file and says what it says natively", async ({ page }) => {
  test.slow();
  await open(page);
  const panel = await chooseFiles(page, MODEL);
  await expect(panel.locator(".model", { hasText: "tiny" })).toContainText("in use", { timeout: 45_000 });
  await page.keyboard.press("Escape");
  await expectReady(page);
  for (const [name, value] of [
    ["temperature", "0"],
    ["max_tokens", "24"],
  ] as const) {
    await setOption(page, name, value);
  }
  const reply = await say(page, QUESTION);
  const options = ["--temperature", "0", "--max-tokens", "24"];
  const native = execFileSync(PARLEY, ["chat", "--model", MODEL, ...options], {
    input: `${QUESTION}\n`,
  }).toString();
  expect(reply.length).toBeGreaterThan(0);
  expect(native).toContain(reply.trim());
});

test("its catalog entry is one that the page reads", () => {
  const path = new URL("../../build/train-test/models/catalog.json", import.meta.url);
  const [entry] = JSON.parse(readFileSync(path, "utf8")).models;
  const parsed = parseEntry(entry, "https://here.example/models/catalog.json");
  expect(parsed).toMatchObject({
    id: "tiny",
    quantization: "Q8_0",
    preset: { temperature: 0, max_tokens: 32 },
  });
  expect(parsed.license_url).toBe("https://here.example/models/tiny/README.md");
});
