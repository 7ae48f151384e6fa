// Every state that the page can be in: axe finds nothing in it, wide and light, narrow and dark; nothing is wider than the
// screen; the browser has nothing to complain about.

import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { picture } from "./support/pictures";
import { expect, test } from "./support/preview";
import { expectIdle, field, say } from "./support/talk";

interface State {
  state: string;
  query?: string;
  /** What brings the page there, and what shows that it is. */
  act: (page: Page) => Promise<void>;
}

const see = (text: string | RegExp) => async (page: Page) => {
  await expect(page.getByText(text).first()).toBeVisible();
};

async function openSettings(page: Page): Promise<void> {
  await page.locator(".header-controls .quiet").last().click();
  await expect(page.locator("dialog.settings")).toBeVisible();
}

const STATES: Record<string, State> = {
  empty: { state: "ready", act: see("Do you like movies?") },
  loading: { state: "loading", act: see("12.4 of 19.8 MB, 8.1 MB/s, 1 s left") },
  "reading into memory": { state: "reading", act: see("Reading 9.0 of 19.8 MB into memory") },
  "typing while loading": {
    state: "loading",
    act: async (page) => {
      await field(page).fill("Are you there?");
      await field(page).press("Enter");
      await expect(page.getByText("Parley answers as soon as the model is ready.")).toBeVisible();
    },
  },
  "loading cancelled": {
    state: "loading",
    act: async (page) => {
      await page.getByRole("button", { name: "Cancel" }).click();
      await expect(page.getByRole("button", { name: "Load the model" })).toBeVisible();
    },
  },
  "loading failed, no connection": {
    state: "no_network",
    act: see("Check it and try again. What arrived is kept."),
  },
  "loading failed, memory refused": {
    state: "refused",
    act: see("This browser would not give 142 MB for the model. Close other tabs and try again."),
  },
  "R3: memory refused for a model that has a smaller quantization": {
    state: "refused_import",
    query: "&model=gpt2",
    act: async (page) => {
      await page.getByRole("button", { name: "Use its 4-bit version" }).focus();
      await expect(page.getByText("This browser would not give 240 MB for the model.")).toBeVisible();
    },
  },
  "loading failed, storage full": { state: "storage_full", act: see("Free 40.0 MB on this device") },
  "in another tab": {
    state: "elsewhere",
    act: async (page) => {
      await expect(page.getByText("Parley is open in another tab")).toBeVisible();
      await page.getByRole("button", { name: "Use it here" }).focus();
    },
  },
  models: {
    state: "models",
    act: async (page) => {
      await page.locator(".chip").click();
      await expect(page.locator(".model")).toHaveCount(4);
      await expect(page.getByText("96.0 of 550 MB arrived")).toBeVisible();
    },
  },
  "another model arriving": {
    state: "switching",
    act: async (page) => {
      await page.locator(".chip").click();
      await page.getByRole("button", { name: "Use" }).first().click();
      await expect(page.locator(".model-current").getByText("arriving")).toBeVisible();
    },
  },
  "another model refused": {
    state: "switch_fails",
    act: async (page) => {
      await page.locator(".chip").click();
      await page.getByRole("button", { name: "Use" }).first().click();
      await expect(page.locator(".model .lost")).toBeVisible();
      await page.keyboard.press("Escape");
      await expect(
        page.getByText("SmolLM2 135M Instruct could not be loaded, Parley 17M stays."),
      ).toBeVisible();
    },
  },
  "deleting everything": {
    state: "models",
    act: async (page) => {
      await page.locator(".chip").click();
      await page.getByRole("button", { name: "Delete everything on this device" }).click();
      await expect(page.getByRole("button", { name: "Keep" })).toBeFocused();
    },
  },
  "loading failed, bad data": { state: "bad_data", act: see("its checksum differs") },
  generating: {
    state: "drawn_out",
    act: async (page) => {
      await field(page).fill("Hello");
      await field(page).press("Enter");
      await expect(page.locator(".words[data-streaming]")).toContainText("word 2");
      await expect(page.getByRole("button", { name: "Stop" })).toBeVisible();
    },
  },
  answered: {
    state: "ready",
    act: async (page) => {
      await say(page, "Hello");
      await say(page, "Hello again");
      await expect(page.locator(".figures").filter({ hasText: "5 tokens, 142/s" })).toHaveCount(2);
      await expect(page.getByRole("button", { name: "Continue" })).toHaveCount(0); // it ended by itself
    },
  },
  "cut by its limit": {
    state: "cut",
    act: async (page) => {
      await say(page, "Hello");
      await expect(page.getByRole("button", { name: "Continue" })).toBeVisible();
    },
  },
  "versions of a reply": {
    state: "ready",
    act: async (page) => {
      await say(page, "Hello");
      await page.getByRole("button", { name: "Regenerate" }).click();
      await expect(page.locator(".versions")).toContainText("2 of 2");
      await expectIdle(page);
    },
  },
  "a reply broken off": {
    state: "broken",
    act: async (page) => {
      await say(page, "Hello");
      await expect(
        page.locator(".reply-failure").getByText("The part of Parley that computes stopped."),
      ).toBeVisible();
    },
  },
  "a message that does not fit": {
    state: "too_long",
    act: async (page) => {
      await field(page).fill("Hello");
      await field(page).press("Enter");
      await expect(page.getByRole("button", { name: "Edit message" })).toBeVisible();
    },
  },
  "exchanges outside the context": {
    state: "small_context",
    act: async (page) => {
      for (const text of [
        "What is the weather like in Lisbon?",
        "What do people wear there?",
        "And in spring?",
      ]) {
        await say(page, text);
      }
      await field(page).fill("Please tell me about the trams in Lisbon as well, and about the river.");
      await expect(page.locator(".rule")).toBeVisible();
      await expect(page.locator(".turn[data-dropped]").first()).toBeVisible();
    },
  },
  "pinned exchanges, and a text that cannot fit": {
    state: "small_context",
    act: async (page) => {
      await say(page, "What is the weather like in Lisbon?");
      await page.locator(".turn").first().hover();
      await page.locator(".turn").first().getByRole("button", { name: "Pin" }).click();
      await expect(page.locator(".turn").first().getByRole("button", { name: "Unpin" })).toBeVisible();
      await field(page).fill("word ".repeat(200));
      await expect(page.getByText("More than Parley can read at once.")).toBeVisible();
    },
  },
  "no conversations yet": {
    state: "ready",
    act: async (page) => {
      await page.keyboard.press("Control+B");
      await expect(page.getByText("Conversations are listed here")).toBeVisible();
    },
  },
  "conversations, one with its actions, one deleted": {
    state: "ready",
    act: async (page) => {
      for (const text of [
        "Hello",
        "مرحبا، هل تتكلم العربية؟",
        "A rather long title that does not fit into a line",
      ]) {
        await page.keyboard.press("Control+Shift+O");
        await expect(page.locator(".empty")).toBeVisible();
        await say(page, text);
      }
      await page.keyboard.press("Control+B");
      const more = page.getByRole("button", { name: "What to do with" });
      await more.last().click();
      await page.getByRole("button", { name: "Delete" }).click();
      await more.last().click();
      await expect(page.getByRole("button", { name: "Undo" })).toBeVisible();
    },
  },
  "conversations found, one renamed": {
    state: "ready",
    act: async (page) => {
      await say(page, "Hello");
      await page.keyboard.press("Control+K");
      await page.keyboard.type("talk");
      await expect(page.locator(".chat-snippet mark")).toBeVisible();
      await page.getByRole("button", { name: "What to do with" }).click();
      await page.getByRole("button", { name: "Rename" }).click();
      await expect(page.locator("[name=title]")).toBeFocused();
    },
  },
  "a message being edited, another version on show": {
    state: "ready",
    act: async (page) => {
      await say(page, "Hello");
      await field(page).press("ArrowUp");
      await page.locator("[name=edit]").fill("Hello there");
      await page.keyboard.press("Enter");
      await expect(page.locator(".turn").first().locator(".versions")).toContainText("2 of 2");
      await expectIdle(page);
      await page.getByRole("button", { name: "Edit" }).last().click();
      await expect(page.locator("[name=edit]")).toBeFocused();
    },
  },
  "a file to import": {
    state: "ready",
    act: async (page) => {
      await page.keyboard.press("Control+B");
      const text =
        '{"format":"parley.conversations","version":1,"conversations":[],"settings":{"theme":"auto",';
      await page.locator("input[type=file][accept*=json]").setInputFiles({
        name: "parley.json",
        mimeType: "application/json",
        buffer: Buffer.from(`${text}"language":"auto","options":{},"model":""}}`),
      });
      await expect(page.getByText("Use its settings too")).toBeVisible();
    },
  },
  "C4: a file that is not imported": {
    state: "ready",
    act: async (page) => {
      await page.keyboard.press("Control+B");
      await page.locator("input[type=file][accept*=json]").setInputFiles({
        name: `${"long-".repeat(40)}.json`,
        mimeType: "application/json",
        buffer: Buffer.from('{"format":"parley.conversations","version":1,"conversations":[7]}'),
      });
      await expect(page.getByText("BAD_TYPE: conversations[0]")).toBeVisible();
    },
  },
  "a long reply": {
    state: "long",
    act: async (page) => {
      await field(page).fill("Tell me a long story.");
      await field(page).press("Enter");
      await expect.poll(() => page.evaluate(() => document.body.scrollHeight > 2 * innerHeight)).toBe(true);
      await page.keyboard.press("Escape");
    },
  },
  "a text too long to paste": {
    state: "ready",
    act: async (page) => {
      await page.evaluate(() => {
        const clipboardData = new DataTransfer();
        clipboardData.setData("text/plain", "words ".repeat(20_000));
        const paste = new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true });
        document.getElementById("message")?.dispatchEvent(paste);
      });
      await expect(
        page.getByText("A text of 120,000 characters is more than Parley can read."),
      ).toBeVisible();
    },
  },
  settings: { state: "ready", act: openSettings },
  "settings, every option, one invalid": {
    state: "ready",
    act: async (page) => {
      await openSettings(page);
      await page.locator("[open] summary").click();
      await page.locator("[name=temperature]").fill("1.2");
      await page.locator("[name=min_p]").fill("7");
      await expect(page.getByText("A number from 0 to 0.99.")).toBeVisible();
    },
  },
  "the model's panel": {
    state: "ready",
    act: async (page) => {
      await page.locator(".chip").click();
      await page.getByRole("button", { name: "Verify" }).click();
      await expect(page.getByText("Every part is as published.")).toBeVisible();
    },
  },
  "deleting the model": {
    state: "ready",
    act: async (page) => {
      await page.locator(".chip").click();
      await page.getByRole("button", { name: "Delete", exact: true }).click();
      await expect(page.getByRole("button", { name: "Keep" })).toBeFocused();
    },
  },
  "single-threaded (R1)": { state: "single_thread", act: see(/Parley runs on one thread here/) },
  "storage refused (R12)": { state: "no_storage", act: see(/This browser keeps nothing for this site/) },
  "update ready": { state: "ready", query: "&update=1", act: see("A new version of Parley is ready.") },
  "worker unresponsive (R5)": {
    state: "ready",
    query: "&unresponsive=1",
    act: async (page) => {
      await expect(
        page.getByText("Parley has not answered for 34 s. Your conversation is safe."),
      ).toBeVisible();
      await expect(page.getByRole("button", { name: "Restart" })).toBeVisible();
    },
  },
  offline: {
    state: "ready",
    act: async (page) => {
      await page.context().setOffline(true);
      await expect(page.getByText("You are offline. Parley works as before.")).toBeVisible();
    },
  },
  "right to left": {
    state: "rtl",
    act: async (page) => {
      await say(page, "مرحبا، هل تتكلم العربية؟");
      const blocks = page.locator(".words > .block");
      await expect(blocks).toHaveCount(3);
      for (const block of await blocks.all()) await expect(block).toHaveCSS("direction", "rtl");
    },
  },
};

async function expectAccessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)])).toEqual([]);
}

for (const [name, { state, query, act }] of Object.entries(STATES)) {
  test(`axe finds nothing: ${name}`, async ({ preview, page }) => {
    await page.setViewportSize({ width: 1280, height: 800 });
    await preview.open(state, query);
    await act(page);
    await expectAccessible(page);
    await picture(page, name, "light");
    await page.emulateMedia({ colorScheme: "dark" });
    await picture(page, name, "dark");
    for (const width of [360, 320]) {
      await page.setViewportSize({ width, height: 740 });
      await expect
        .poll(() => page.evaluate(() => document.documentElement.scrollWidth))
        .toBeLessThanOrEqual(width);
      await picture(page, name, `${width} px`);
    }
    await expectAccessible(page);
    expect(preview.complaints).toEqual([]);
  });
}

test("400% zoom: everything is reachable, nothing covers the words", async ({ preview, page }) => {
  await page.setViewportSize({ width: 320, height: 200 });
  await preview.open("ready");
  await say(page, "Hello");
  const positions = await page.evaluate(() =>
    [".header", ".composer"].map(
      (name) => getComputedStyle(document.querySelector(name) as Element).position,
    ),
  );
  expect(positions).toEqual(["relative", "static"]);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(320);
});
