// Looking inside: on a made-up engine, every view of the panel passes axe in both themes and at 320 px and works by keys;
// on the real one, a reply's tokens are its words, the figures agree with one another, and another choice is a branch.

import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { picture } from "./support/pictures";
import { expect, test } from "./support/preview";
import { field, lastTurn, open, say, setOption, words } from "./support/talk";

const tokens = (page: Page) => page.locator(".inspector-body .tokens").first().locator(".token");
const view = (page: Page, name: string) => page.locator(".tabs").last().getByRole("button", { name });

async function inspect(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Inspect" }).last().click();
  await expect(tokens(page).first()).toBeVisible();
}

async function expectFine(page: Page, name: string, kind: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations, name).toEqual([]);
  const beyond = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return scrollWidth - clientWidth;
  });
  expect(beyond, name).toBeLessThanOrEqual(0);
  await picture(page, `inspector, ${name}`, kind);
}

for (const { name, width, dark } of [
  { name: "wide, light", width: 1280, dark: false },
  { name: "320 px, dark", width: 320, dark: true },
]) {
  test(`every view passes axe: ${name}`, async ({ preview, page }) => {
    await page.setViewportSize({ width, height: 720 });
    await page.emulateMedia({ colorScheme: dark ? "dark" : "light" });
    await preview.open("ready");
    await say(page, "Do you like films?");
    await inspect(page);
    await expectFine(page, "tokens", name);
    await tokens(page).nth(3).click();
    await page.locator(".steps > summary").click();
    await expectFine(page, "choices", name);
    await view(page, "Attention").click();
    await expect(page.locator(".heat")).toBeVisible();
    await expectFine(page, "attention", name);
    await view(page, "How it works").click();
    await expect(page.locator(".walk")).toBeVisible();
    await expectFine(page, "walk", name);
    await page.getByRole("button", { name: "Any text" }).click();
    await expectFine(page, "any text", name);
    expect(preview.complaints).toEqual([]);
  });
}

test("by keys: in, along the tokens, and out to where one came from", async ({ preview, page }) => {
  await preview.open("ready");
  await say(page, "Do you like films?");
  const button = page.getByRole("button", { name: "Inspect" });
  await button.focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Inside" })).toBeFocused();
  await tokens(page).first().focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  await expect(tokens(page).nth(2)).toBeFocused();
  await expect(page.locator(".token-figures")).toContainText("4.0 bits");
  await page.keyboard.press("Enter");
  await expect(tokens(page).nth(2)).toHaveAttribute("aria-pressed", "true");
  await expect(page.locator(".alternatives").first()).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.locator(".inspector")).toHaveCount(0);
  await expect(button).toBeFocused();
});

test("a reply of the model: tokens, choices, attention, and another choice as a branch", async ({ page }) => {
  await open(page);
  await setOption(page, "seed", "48213"); // a reply of several tokens
  const reply = await say(page, "Do you like films?");
  await inspect(page);
  const shown = await tokens(page).allTextContents();
  expect(shown.join("").replace(/<\|.*\|>$/u, "")).toBe(reply);
  await tokens(page).nth(1).click();
  const chosen = page.locator("tr[data-chosen]").first();
  // The token's own probability stands in the facts and in its row: computed in two ways.
  const fact = await page.locator(".token-facts b").first().textContent();
  await expect(chosen.locator("td").first()).toContainText(fact ?? "?");
  await view(page, "Attention").click();
  const before = page.locator(".heat > .token");
  await expect.poll(async () => (await before.allTextContents()).join("")).toContain("Do you like films?");
  await expect(before.last()).toHaveText(shown[0] ?? "?");
  await view(page, "How it works").click();
  await expect(page.locator(".walk tbody tr").first()).toBeVisible();
  await view(page, "Choices").click();
  await page.locator("button.alternative").first().click();
  await expect(page.locator(".inspector")).toHaveCount(0);
  await expect(lastTurn(page)).toContainText("2 of 2");
  await expect(lastTurn(page).getByRole("button", { name: "Inspect" })).toBeVisible();
  expect(await words(lastTurn(page))).not.toBe(reply);
  expect((await words(lastTurn(page))).startsWith(shown[0] ?? "?")).toBe(true);
});

test("any text has a perplexity", async ({ page }) => {
  await open(page);
  await say(page, "Hello");
  await inspect(page);
  await page.getByRole("button", { name: "Any text" }).click();
  const perplexityOf = async (text: string) => {
    await page.getByLabel("A text to look at").fill(text);
    await page.getByRole("button", { name: "Look at it" }).click();
    await expect(tokens(page).first()).toBeVisible();
    await expect.poll(async () => (await tokens(page).allTextContents()).join("")).toBe(text);
    const summary = (await page.locator(".inspector-body > .figures").first().textContent()) ?? "";
    return Number(/perplexity ([\d.]+)/u.exec(summary)?.[1]);
  };
  const plain = await perplexityOf("I would like to book a table for two people.");
  const odd = await perplexityOf("Table two book people for like I a to would.");
  expect(plain).toBeGreaterThan(1);
  expect(odd).toBeGreaterThan(3 * plain);
  await expect(field(page)).toBeVisible();
});
