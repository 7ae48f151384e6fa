// How the page is used: with the keyboard alone, in another language or theme, on a phone, by a screen reader, offline.

import { expect, type Page } from "@playwright/test";
import { test } from "./support/preview";
import { expectIdle, expectReady, field, lastTurn, open, say, words } from "./support/talk";

const focusedText = (page: Page) => page.evaluate(() => document.activeElement?.textContent ?? "");

async function tabTo(page: Page, name: string): Promise<void> {
  for (let presses = 0; presses < 30; presses++) {
    if ((await focusedText(page)).trim() === name) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`${name} was not reached with the Tab key`);
}

test("keyboard only, with the real model: starter, talk, regenerate, settings, new chat", async ({
  page,
}) => {
  await open(page);
  await expect(field(page)).toBeFocused();
  await page.locator("body").press("Home");
  await tabTo(page, "Do you like movies?");
  await page.keyboard.press("Enter");
  await expectIdle(page);
  expect(await words(lastTurn(page))).not.toBe("");

  await expect(field(page)).toBeFocused();
  await page.keyboard.type("Why");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("is that?");
  await expect(field(page)).toHaveValue("Why\nis that?");
  await page.keyboard.press("Enter");
  await expect(page.locator(".turn[data-role]")).toHaveCount(4);
  await expectIdle(page);

  await tabTo(page, "Skip to the message field");
  await tabTo(page, "Regenerate");
  await page.keyboard.press("Enter");
  await expectIdle(page);
  await expect(lastTurn(page).locator(".versions")).toContainText("2 of 2");
  await expect(field(page)).toBeFocused();

  await tabTo(page, "Settings");
  await page.keyboard.press("Enter");
  await expect(page.locator("dialog.settings")).toBeVisible();
  await expect(page.locator("dialog.settings button").first()).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("button", { name: "Settings" })).toBeFocused();

  await page.keyboard.press("Control+Shift+O");
  await expect(page.locator(".empty")).toBeVisible();
  await expect(field(page)).toBeFocused();
});

test("offline after the first visit: the page opens and talks", async ({ page, context }) => {
  await open(page);
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => {}));
  await say(page, "Hello");
  await expect
    .poll(() => page.evaluate(async () => (await caches.keys()).length), { timeout: 30_000 })
    .toBeGreaterThan(0);
  await context.setOffline(true);
  await page.reload();
  await expectReady(page);
  await expect(page.getByText("You are offline. Parley works as before.")).toBeVisible();
  expect(await say(page, "Do you like movies?")).not.toBe("");
  await expect(page.locator(".turn[data-role]")).toHaveCount(4);
  await context.setOffline(false);
});

test("the page is there, and takes a message, before the core and the model have arrived", async ({
  page,
}) => {
  await page.route(/\/wasm\/|\.part$/, () => {}); // never answered
  await page.goto("./");
  await expect(page.getByText("Nothing you write leaves this device.")).toBeVisible();
  await field(page).fill("Are you there?");
  await field(page).press("Enter");
  await expect(page.getByText("Parley answers as soon as the model is ready.")).toBeVisible();
});

test("Enter in the middle of a composition does not send", async ({ preview, page }) => {
  await preview.open("ready");
  await field(page).fill("ni hao");
  for (const init of [
    { isComposing: true, keyCode: 13 },
    { isComposing: false, keyCode: 229 },
  ]) {
    await field(page).evaluate((element, given) => {
      const event = new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true, ...given });
      element.dispatchEvent(event);
    }, init);
  }
  await expect(page.locator(".turn[data-role]")).toHaveCount(0);
  await field(page).press("Enter");
  await expect(page.locator(".turn[data-role]")).toHaveCount(2);
});

test("the field grows to eight lines and no further", async ({ preview, page }) => {
  await preview.open("ready");
  const height = () => field(page).evaluate((element) => element.clientHeight);
  const one = await height();
  await field(page).fill("1\n2\n3");
  const three = await height();
  await field(page).fill(Array.from({ length: 8 }, (_, line) => line).join("\n"));
  const eight = await height();
  await field(page).fill(Array.from({ length: 30 }, (_, line) => line).join("\n"));
  expect(three).toBeGreaterThan(2 * one);
  expect(Math.abs(eight - one - (7 * (three - one)) / 2)).toBeLessThan(2);
  expect(await height()).toBe(eight);
});

test.describe("a browser set to Chinese", () => {
  test.use({ locale: "zh-CN" });
  test("speaks Chinese, and English once that is chosen, also after a reload", async ({ preview, page }) => {
    await preview.open("ready");
    await expect(page.getByText("你写的内容不会离开这台设备。")).toBeVisible();
    await expect(page.locator("html")).toHaveAttribute("lang", "zh-Hans");
    await page.getByRole("button", { name: "设置" }).click();
    await page.getByRole("radio", { name: "English" }).check();
    await expect(page.getByRole("heading", { name: "Settings" })).toBeVisible();
    await page.reload();
    await expect(page.getByText("Nothing you write leaves this device.")).toBeVisible();
    await expect(page.locator("html")).toHaveAttribute("lang", "en");
  });
});

test("a chosen theme holds against the system's, and is there before the first paint", async ({ page }) => {
  const [light, dark] = ["rgb(250, 248, 244)", "rgb(21, 22, 26)"];
  const expectBackground = (colour: string) =>
    expect(page.locator("body")).toHaveCSS("background-color", colour);
  await page.emulateMedia({ colorScheme: "light" });
  await page.goto("./");
  await expectBackground(light);
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByRole("radio", { name: "Dark" }).check();
  await expectBackground(dark);
  await page.addInitScript(() => {
    document.addEventListener("DOMContentLoaded", () => {
      Object.assign(window, { themeAtStart: document.documentElement.dataset.theme });
    });
    new MutationObserver((_, observer) => {
      if (document.body === null) return;
      Object.assign(window, { themeAtBody: document.documentElement.dataset.theme });
      observer.disconnect();
    }).observe(document, { childList: true, subtree: true });
  });
  await page.reload();
  expect(await page.evaluate(() => Reflect.get(window, "themeAtBody"))).toBe("dark");
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByRole("radio", { name: "Automatic" }).first().check();
  await page.emulateMedia({ colorScheme: "dark" });
  await expectBackground(dark);
  await page.emulateMedia({ colorScheme: "light" });
  await expectBackground(light);
});

test.describe("a phone", () => {
  test.use({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
  test("has one line in the middle of its field, beside Send", async ({ preview, page }) => {
    await preview.open("ready");
    const middle = async (selector: string) => {
      const box = await page.locator(selector).boundingBox();
      return box === null ? Number.NaN : box.y + box.height / 2;
    };
    expect(Math.abs((await middle("#message")) - (await middle("#send")))).toBeLessThan(1);
  });

  test("has speakers above their words, controls a finger can hit, and no keyboard until it is asked for", async ({
    preview,
    page,
  }) => {
    await preview.open("ready");
    await expect(page.getByText("Do you like movies?")).toBeVisible();
    await expect(field(page)).not.toBeFocused();
    await page.getByText("Do you like movies?").tap();
    await expectIdle(page);
    await expect(field(page)).not.toBeFocused();
    const speaker = await lastTurn(page).locator(".speaker").boundingBox();
    const text = await lastTurn(page).locator(".words").boundingBox();
    expect((speaker?.y ?? 0) + (speaker?.height ?? 0)).toBeLessThanOrEqual((text?.y ?? 0) + 1);
    const heights = await page
      .locator("button:visible")
      .evaluateAll((buttons) => buttons.map((button) => button.getBoundingClientRect().height));
    expect(Math.min(...heights)).toBeGreaterThanOrEqual(44);
  });
});

test("settings: a value out of range is named and not taken; the preset comes back", async ({
  preview,
  page,
}) => {
  await preview.open("ready");
  const stored = () =>
    page.evaluate(() => JSON.parse(localStorage.getItem("parley.preferences") ?? "{}").options);
  await page.getByRole("button", { name: "Settings" }).click();
  const temperature = page.locator("[name=temperature]");
  await expect(temperature).toHaveValue("0.7");
  await temperature.fill("1.2");
  await expect.poll(stored).toEqual({ "parley-17m": { temperature: 1.2 } });
  await temperature.fill("3");
  await expect(page.getByText("A number from 0 to 2.")).toBeVisible();
  expect(await stored()).toEqual({ "parley-17m": { temperature: 1.2 } });
  await page.getByRole("button", { name: "Back to the model's preset" }).click();
  await expect(page.locator("[name=temperature]")).toHaveValue("0.7");
  await expect.poll(stored).toEqual({});
});

test("finished sentences are announced, not tokens", async ({ preview, page }) => {
  await preview.open("slow");
  await page.evaluate(() => {
    const said: string[] = [];
    Object.assign(window, { said });
    const region = document.querySelector("[data-testid=announcer]") as Element;
    new MutationObserver((records) => {
      for (const { addedNodes } of records) for (const node of addedNodes) said.push(node.textContent ?? "");
    }).observe(region, { childList: true });
  });
  await say(page, "Hello");
  await expect
    .poll(() => page.evaluate(() => Reflect.get(window, "said")))
    .toEqual(["Hello!", "What would you like to talk about?"]);
  await expect(page.getByRole("log")).toHaveAttribute("aria-live", "off");
  await expect(page.locator("[data-testid=announcer]")).toHaveAttribute("aria-live", "polite");
});

test("reduced motion: nothing moves", async ({ preview, page }) => {
  await page.emulateMedia({ reducedMotion: "reduce" });
  await preview.open("ready");
  await say(page, "Hello");
  await say(page, "Hello again");
  const moving = await page.evaluate(
    () =>
      [...document.querySelectorAll("*")].filter((element) => {
        const style = getComputedStyle(element);
        return style.transitionDuration !== "0s" || style.animationName !== "none";
      }).length,
  );
  expect(moving).toBe(0);
});

test("a branch that fits on the screen offers no way to its end", async ({ preview, page }) => {
  await preview.open("ready");
  for (const text of ["One", "Two", "Three", "Four", "Five", "Six", "Seven"]) await say(page, text);
  await page.evaluate(() => scrollTo({ top: 0, behavior: "instant" }));
  const latest = page.getByRole("button", { name: "Latest" });
  await expect(latest).toBeVisible();
  const first = page.locator(".turn").first();
  await first.hover();
  await first.getByRole("button", { name: "Edit" }).click();
  await page.locator("textarea[name=edit]").fill("Another one");
  await page.keyboard.press("Enter");
  await expect(page.locator(".turn[data-role]")).toHaveCount(2);
  await expectIdle(page);
  await expect(latest).toHaveCount(0);
});

test("a reader who scrolled up is left there, and gets back with one press", async ({ preview, page }) => {
  await preview.open("long");
  await field(page).fill("Tell me a long story.");
  await field(page).press("Enter");
  await expect
    .poll(() => page.evaluate(() => document.documentElement.scrollHeight > 3 * innerHeight))
    .toBe(true);
  const atEnd = () =>
    page.evaluate(() => scrollY + innerHeight >= document.documentElement.scrollHeight - 60);
  await expect.poll(atEnd).toBe(true);
  await page.mouse.move(600, 400);
  await page.mouse.wheel(0, -900);
  await expect(page.getByRole("button", { name: "Latest" })).toBeVisible();
  // The wheel's own movement takes a few frames; then nothing moves for a while, though the reply grows.
  const place = () => page.evaluate(() => scrollY);
  let before = Number.NaN;
  await expect
    .poll(async () => {
      const last = before;
      before = await place();
      return before === last;
    })
    .toBe(true);
  await page.waitForTimeout(500);
  expect(Math.abs((await place()) - before)).toBeLessThan(2);
  await page.getByRole("button", { name: "Latest" }).click();
  await expect.poll(atEnd).toBe(true);
});

test("200% zoom: the first visit begins at its beginning, ready to be written to", async ({
  preview,
  page,
}) => {
  await page.setViewportSize({ width: 640, height: 360 });
  await preview.open("ready");
  await expect(field(page)).toBeFocused();
  expect(await page.evaluate(() => scrollY)).toBe(0);
});

test("a message that is being edited stays where it is while it grows", async ({ preview, page }) => {
  await preview.open("ready");
  for (const text of ["One", "Two", "Three", "Four", "Five", "Six"]) await say(page, text);
  const header = (await page.locator(".header").boundingBox()) ?? { y: 0, height: 0 };
  const top = async () => (await page.locator("textarea[name=edit]").boundingBox())?.y ?? 0;
  const place = () => page.evaluate(() => scrollY);
  const before = await place();
  const turn = page.locator(".turn", { hasText: "Three" }); // in sight, above the middle
  const said = (await turn.locator(".words").boundingBox())?.y ?? 0;
  await turn.hover();
  await turn.getByRole("button", { name: "Edit" }).click();
  await expect.poll(top).toBeGreaterThan(header.y + header.height);
  expect(Math.abs((await top()) - said)).toBeLessThan(4);
  for (let line = 0; line < 6; line++) await page.keyboard.press("Shift+Enter");
  expect(Math.abs((await top()) - said)).toBeLessThan(4);
  expect(await place()).toBe(before);
});

test("what was found in a conversation that fits on the screen offers no way to its end", async ({
  preview,
  page,
}) => {
  await preview.open("ready");
  await say(page, "The trams of Lisbon, and which of them go up to the castle from the harbour");
  const latest = page.getByRole("button", { name: "Latest" });
  const find = async (text: string) => {
    await page.keyboard.press("Control+K");
    await expect(page.getByRole("searchbox", { name: "Search" })).toBeFocused();
    await page.keyboard.press("Control+A");
    await page.keyboard.type(text);
    await expect(page.locator(".chat-snippet")).toHaveCount(1);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
  };
  await find("talk about");
  await expect(lastTurn(page)).toBeFocused();
  await expect(latest).toHaveCount(0);
  // The ring goes around the words and not through what is below them.
  const ring = await lastTurn(page).evaluate((turn) => {
    const words = turn.querySelector(".words") as Element;
    const { outlineStyle, outlineOffset, outlineWidth } = getComputedStyle(words);
    const below = turn.querySelector(".turn-line button") as Element;
    const edge = words.getBoundingClientRect().bottom + Number.parseFloat(outlineOffset);
    return { outlineStyle, room: below.getBoundingClientRect().top - edge - Number.parseFloat(outlineWidth) };
  });
  expect(ring.outlineStyle).toBe("solid");
  expect(ring.room).toBeGreaterThanOrEqual(0);
  await field(page).focus();
  for (const text of ["Two", "Three", "Four", "Five", "Six", "Seven"]) await say(page, text);
  await find("harbour"); // not in the title, which is cut
  await expect(latest).toBeVisible();
  await latest.click();
  await expect(latest).toHaveCount(0);
  await expect(field(page)).toBeFocused();
});

for (const open of ["Control+/", "Settings"]) {
  test(`keys of the page close what is open over it, and act: ${open}`, async ({ preview, page }) => {
    await preview.open("ready");
    await say(page, "Hello");
    const dialog = page.locator("dialog[open]");
    const cover = async () => {
      if (open === "Settings") await page.getByRole("button", { name: open }).click();
      else await page.keyboard.press(open);
      await expect(dialog).toBeVisible();
    };
    const search = page.getByRole("searchbox", { name: "Search" });
    await cover();
    await page.keyboard.press("Control+K");
    await expect(dialog).toHaveCount(0);
    await expect(search).toBeFocused();
    await cover();
    await page.keyboard.press("Control+B");
    await expect(dialog).toHaveCount(0);
    await expect(search).toHaveCount(0);
    await cover();
    await page.keyboard.press("Control+Shift+O");
    await expect(dialog).toHaveCount(0);
    await expect(page.locator(".empty")).toBeVisible();
    await expect(field(page)).toBeFocused();
    await page.setViewportSize({ width: 360, height: 740 }); // the conversations are a sheet
    await cover();
    await page.keyboard.press("Control+K");
    await expect(dialog).toHaveCount(1);
    await expect(search).toBeFocused();
  });
}

test("too long a draft says by how much, and speaks of unpinning where something is pinned", async ({
  preview,
  page,
}) => {
  await preview.open("small_context");
  const meter = page.locator(".meter-text");
  await field(page).fill("x".repeat(400));
  await expect(meter).toContainText("More than Parley can read at once. Shorten it.");
  await expect(meter).toContainText("102 of 96 tokens");
  await expect(meter).not.toContainText("unpin");
  await field(page).fill("");
  await say(page, "Hello");
  await page.locator(".turn").first().hover();
  await page.getByRole("button", { name: "Pin" }).click();
  await field(page).fill("x".repeat(400));
  await expect(meter).toContainText("Shorten it. Or unpin an exchange.");
});
