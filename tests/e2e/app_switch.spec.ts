// One model in place of another, on the made-up engine: what the page says while it arrives, and when it cannot be loaded.

import type { Page } from "@playwright/test";
import { expect, test } from "./support/preview";
import { expectReady, field, lastTurn } from "./support/talk";

const panel = (page: Page) => page.locator("dialog.panel[open]");
const row = (page: Page, name: string) => panel(page).locator(".model", { hasText: name });

/** Opens the panel and presses Use of the one that is not here yet. */
async function use(page: Page, name: string): Promise<void> {
  await expectReady(page);
  await page.locator(".chip").click();
  await row(page, name).getByRole("button", { name: "Use" }).click();
}

test("while a model arrives the panel is about the one in use, and everything that waits names the other", async ({
  preview,
  page,
}) => {
  await preview.open("switching");
  await use(page, "SmolLM2");
  await expect(page.locator(".arrival")).toContainText("12.4 of 145 MB");
  await expect(page.locator(".chip")).toHaveText(/^SmolLM2 135M Instruct, loading/);
  await expect(panel(page).getByRole("heading").first()).toHaveText("Parley 17M");
  await expect(panel(page).locator(".panel-lead")).toContainText("A small English chat model");
  await expect(panel(page).locator(".panel-body > .facts")).toContainText("CC-BY-SA-4.0");
  await expect(panel(page).locator(".panel-body > .facts")).toContainText("19.8 MB used");
  await expect(panel(page).getByText("Not stored on this device.")).toHaveCount(0);
  await expect(row(page, "Parley 17M").locator(".model-current")).toHaveText("in use");
  await expect(row(page, "SmolLM2").locator(".model-current")).toHaveText("arriving");
  await expect(row(page, "SmolLM2")).toContainText("Apache-2.0");
  await page.keyboard.press("Escape");
  await field(page).fill("Are you there?");
  await field(page).press("Enter");
  await expect(lastTurn(page)).toContainText("Parley answers once SmolLM2 135M Instruct is here.");
  await page.locator(".chip").click();
  await row(page, "SmolLM2").getByRole("button", { name: "Pause" }).click();
  await expect(page.locator(".chip")).toHaveText(/^Parley 17M, ready/);
  await expect(row(page, "SmolLM2").locator(".model-current")).toHaveCount(0);
  await expect(lastTurn(page)).toContainText("Hello! What would you like to talk about?");
});

test("a model that cannot be loaded is named with the reason, in its row and under the header, and the other stays", async ({
  preview,
  page,
}) => {
  await preview.open("switch_fails");
  await use(page, "SmolLM2");
  const cause = "The model could not be downloaded: the connection failed.";
  await expect(row(page, "SmolLM2")).toContainText(cause);
  await expect(panel(page).locator(".model-add")).not.toContainText(cause);
  await page.keyboard.press("Escape");
  const notice = page.locator(".notice", {
    hasText: "SmolLM2 135M Instruct could not be loaded, Parley 17M stays.",
  });
  await expect(notice).toContainText(cause);
  await notice.getByRole("button", { name: "Dismiss" }).click();
  await expect(notice).toHaveCount(0);
  await page.locator(".chip").click();
  await panel(page).getByRole("textbox").fill("https://elsewhere.example/it.gguf");
  await panel(page).getByRole("button", { name: "Load", exact: true }).click();
  await expect(panel(page).locator(".model-add")).toContainText(cause);
});
