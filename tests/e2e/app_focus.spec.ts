// Where the focus goes when the control that was pressed goes away: to the message field, within a sheet to its Close.

import type { Page } from "@playwright/test";
import { expect, test } from "./support/preview";
import { expectReady, field, say } from "./support/talk";

async function press(page: Page, name: string): Promise<void> {
  const button = page.getByRole("button", { name, exact: true }).first();
  await button.focus();
  await page.keyboard.press("Enter");
}

for (const { what, state, button } of [
  { what: "Cancel of a download", state: "loading", button: "Cancel" },
  { what: "Use it here", state: "elsewhere", button: "Use it here" },
  { what: "Dismiss of a notice", state: "single_thread", button: "Dismiss" },
]) {
  test(`after ${what} it is in the message field`, async ({ preview, page }) => {
    await preview.open(state);
    await press(page, button);
    await expect(page.getByRole("button", { name: button })).toHaveCount(0);
    await expect(field(page)).toBeFocused();
  });
}

test("after a model was deleted, or its download paused, it is on the panel's Close", async ({
  preview,
  page,
}) => {
  await preview.open("switching");
  await expectReady(page);
  await page.locator(".chip").click();
  const panel = page.locator("dialog.panel[open]");
  const close = panel.getByRole("button", { name: "Close" });
  const row = panel.locator(".model", { hasText: "someone/a-fine-tune" });
  await row.getByRole("button", { name: "Delete", exact: true }).click();
  await expect(row.getByRole("button", { name: "Keep" })).toBeFocused();
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Enter");
  await expect(row).toHaveCount(0);
  await expect(close).toBeFocused();
  await press(page, "Use");
  await press(page, "Pause");
  await expect(page.getByRole("button", { name: "Pause" })).toHaveCount(0);
  await expect(close).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(page.locator(".chip")).toBeFocused();
});

for (const width of [1100, 1280]) {
  test(`after another token was chosen it is in the message field: ${width} px`, async ({
    preview,
    page,
  }) => {
    await page.setViewportSize({ width, height: 750 });
    await preview.open("ready");
    await say(page, "Do you like films?");
    await press(page, "Inspect");
    await page.locator(".inspector-body .token").nth(1).click();
    await page.locator("button.alternative").first().focus();
    await page.keyboard.press("Enter");
    await expect(page.locator(".inspector-body")).toHaveCount(0);
    await expect(field(page)).toBeFocused();
  });
}
