// What the tests of the page do as a user would: open it, wait for the model, say something, wait for the reply.

import { expect, type Locator, type Page } from "@playwright/test";

/** Longest wait for the model on a busy machine. */
const LOAD_MS = 45_000;

export function field(page: Page): Locator {
  return page.locator("#message");
}

export function lastTurn(page: Page): Locator {
  return page.locator(".turn").last();
}

export async function expectReady(page: Page): Promise<void> {
  await expect(page.locator(".chip")).toHaveAttribute("data-phase", "ready", { timeout: LOAD_MS });
}

export async function open(page: Page, query = ""): Promise<void> {
  await page.goto(`./${query}`);
  await expectReady(page);
}

/** The reply is finished, stopped or failed. */
export async function expectIdle(page: Page): Promise<void> {
  await expect(page.locator("#send")).not.toHaveAttribute("data-busy", { timeout: LOAD_MS });
}

/** Says `text` and returns the words of the reply. */
export async function say(page: Page, text: string): Promise<string> {
  await field(page).waitFor(); // it comes with the conversation: its turns can be counted
  const turns = await page.locator(".turn[data-role]").count();
  await field(page).fill(text);
  await field(page).press("Enter");
  await expect(page.locator(".turn[data-role]")).toHaveCount(turns + 2);
  await expectIdle(page);
  return words(lastTurn(page));
}

export async function words(turn: Locator): Promise<string> {
  const blocks = await turn.locator(".words > .block").allTextContents();
  return blocks.join("\n");
}

/** Sets one option in the settings dialog, opening "More options" where it is there. */
export async function setOption(page: Page, name: string, value: string): Promise<void> {
  await page.getByRole("button", { name: "Settings" }).click();
  await expect(page.locator("dialog.settings")).toBeVisible();
  const control = page.locator(`[name="${name}"]`);
  if (!(await control.isVisible())) await page.locator("[open] summary").click();
  await control.fill(value);
  await control.blur();
  await page.keyboard.press("Escape");
}

/** Opens the model's panel, which it returns, and chooses `files` there. */
export async function chooseFiles(page: Page, files: string | readonly string[]): Promise<Locator> {
  await page.locator(".chip").click();
  const panel = page.locator("dialog.panel[open]");
  const [chooser] = await Promise.all([
    page.waitForEvent("filechooser"),
    panel.getByRole("button", { name: "Choose files" }).click(),
  ]);
  await chooser.setFiles(files);
  return panel;
}
