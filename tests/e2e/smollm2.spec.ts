// The real SmolLM2-135M-Instruct in the page, chosen as a file: it loads, answers in the chat format that it was trained for,
// and is kept for the next visit. PARLEY_SMOLLM2 is the path of its GGUF file; run by itself, `scripts/test.sh smollm2`.

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
