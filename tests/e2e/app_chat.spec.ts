// The main job in the page, with the real model: talking, stopping, coming back.

import { test as base, expect, type Page } from "@playwright/test";
import { openWatchedTab, type WatchedTab } from "../web/support/watched_tab";
import { expectIdle, expectReady, field, lastTurn, open, say, setOption, words } from "./support/talk";

const test = base.extend<{ tab: WatchedTab }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures that a fixture needs from this pattern
  tab: async ({}, use, info) => {
    const tab = await openWatchedTab(info);
    await use(tab);
    await tab.close();
  },
});

/** Says something with a reply of 400 tokens to come, and resolves with the first words of them. */
async function beginLongReply(page: Page): Promise<void> {
  const turns = await page.locator(".turn[data-role]").count();
  await field(page).fill("Tell me everything.");
  await field(page).press("Enter");
  await page.waitForFunction(
    (count) =>
      document.querySelectorAll(".turn[data-role] .words")[count]?.textContent?.includes(" ") === true,
    turns + 1,
  );
}

test("a newcomer reads what this is, takes a starter, and talks on", async ({ page }) => {
  await open(page);
  await expect(page.getByText("Nothing you write leaves this device")).toBeVisible();
  await expect(page.locator(".empty-facts")).toContainText(/19\.\d MB/);
  await page.getByRole("button", { name: "Do you like movies?" }).click();
  await expectIdle(page);
  expect(await words(lastTurn(page))).not.toBe("");
  await expect(lastTurn(page).locator(".figures")).toHaveText(/^\d+ tokens?, [\d.]+\/s, seed \d+$/);
  await expect(page).toHaveTitle("Do you like movies? · Parley");
  await expect(field(page)).toBeFocused();

  expect(await say(page, "I like comedies.")).not.toBe("");
  await expect(page.locator(".turn[data-role]")).toHaveCount(4);
  await expect(page.locator(".meter-text")).toHaveText(/^\d+ of 512 tokens$/);
});

test("the reply streams: its words arrive one after another", async ({ page }) => {
  await open(page);
  await setOption(page, "min_tokens", "20");
  await page.evaluate(() => {
    const lengths: number[] = [];
    Object.assign(window, { lengths });
    new MutationObserver(() => {
      const last = [...document.querySelectorAll(".turn[data-role=assistant] .words")].at(-1);
      lengths.push(last?.textContent?.length ?? 0);
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
  const reply = await say(page, "Tell me about your favorite movie.");
  const lengths = await page.evaluate(() => (window as unknown as { lengths: number[] }).lengths);
  const growing = [...new Set(lengths)].filter((length) => length > 0 && length <= reply.length);
  expect(growing.length).toBeGreaterThan(2);
});

test("I5: Stop takes effect within 250 ms, keeps the words so far, and the next message works", async ({
  page,
}) => {
  await open(page);
  await setOption(page, "max_tokens", "400");
  await setOption(page, "min_tokens", "400");
  await field(page).fill("Tell me everything.");
  await field(page).press("Enter");
  await expect(lastTurn(page).locator(".words")).toHaveText(/\w+ \w+/);
  const stopped = await page.evaluate(async () => {
    const start = performance.now();
    document.getElementById("send")?.click();
    const length = () => [...document.querySelectorAll(".turn .words")].at(-1)?.textContent?.length ?? 0;
    while (document.querySelector("#send[data-busy], .words[data-streaming]") !== null) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const ms = performance.now() - start;
    const atStop = length();
    await new Promise((resolve) => setTimeout(resolve, 500));
    return { ms, atStop, later: length() };
  });
  expect(stopped.ms).toBeLessThan(250);
  expect(stopped.atStop).toBeGreaterThan(0);
  expect(stopped.later).toBe(stopped.atStop);
  await expect(lastTurn(page).locator(".figures")).toContainText("stopped");
  await setOption(page, "min_tokens", "0");
  expect(await say(page, "Hello")).not.toBe("");
});

test("Esc stops, and Continue goes on from there", async ({ page }) => {
  await open(page);
  await setOption(page, "max_tokens", "300");
  await setOption(page, "min_tokens", "300");
  await field(page).fill("Tell me a story.");
  await field(page).press("Enter");
  await expect(lastTurn(page).locator(".words")).toHaveText(/\w+ \w+/);
  await page.keyboard.press("Escape");
  await expectIdle(page);
  const before = await words(lastTurn(page));
  await setOption(page, "min_tokens", "20");
  await setOption(page, "max_tokens", "20");
  await lastTurn(page).getByRole("button", { name: "Continue" }).click();
  await expectIdle(page);
  const after = await words(lastTurn(page));
  expect(after.startsWith(before)).toBe(true);
  expect(after.length).toBeGreaterThan(before.length);
});

test("Regenerate writes another version and keeps the first within reach", async ({ page }) => {
  await open(page);
  const first = await say(page, "What is your favorite food?");
  await lastTurn(page).getByRole("button", { name: "Regenerate" }).click();
  await expectIdle(page);
  await expect(lastTurn(page).locator(".versions")).toContainText("2 of 2");
  await lastTurn(page).getByRole("button", { name: "Previous version" }).click();
  await expect(lastTurn(page).locator(".versions")).toContainText("1 of 2");
  expect(await words(lastTurn(page))).toBe(first);
});

test("I6: a seed in the settings gives the same reply again", async ({ page }) => {
  await open(page);
  await setOption(page, "seed", "48213");
  const first = await say(page, "What is your favorite food?");
  await expect(lastTurn(page).locator(".figures")).toContainText("seed 48213");
  await page.getByRole("button", { name: "New chat" }).click();
  expect(await say(page, "What is your favorite food?")).toBe(first);
});

test("Copy puts the reply on the clipboard", async ({ page, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await open(page);
  const reply = await say(page, "Hello");
  await lastTurn(page).getByRole("button", { name: "Copy" }).click();
  await expect(lastTurn(page).getByRole("button", { name: "Copied" })).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(reply);
});

test("what is sent while the model loads is kept, and answered when it is ready", async ({ page }) => {
  await page.goto("./");
  await field(page).fill("Are you there?");
  await field(page).press("Enter");
  await field(page).fill("half a sen");
  await expectReady(page);
  await expectIdle(page);
  expect(await words(page.locator(".turn[data-role]").first())).toBe("Are you there?");
  expect(await words(lastTurn(page))).not.toBe("");
  await expect(field(page)).toHaveValue("half a sen");
});

test("a reload in the middle of a reply keeps the words, the draft and the conversation", async ({
  page,
}) => {
  await open(page);
  await setOption(page, "max_tokens", "450");
  await setOption(page, "min_tokens", "450");
  // The page reloads itself, once: a fast reply would be over before the test has its turn.
  await page.evaluate(() => {
    new MutationObserver((_, observer) => {
      const words =
        [...document.querySelectorAll(".turn[data-role=assistant] .words")].at(-1)?.textContent ?? "";
      if (words.length < 400) return; // of about 2,000; the first words may be younger than their first record
      const draft = document.querySelector<HTMLTextAreaElement>("#message");
      if (draft === null) return;
      observer.disconnect(); // a second reload would begin the first anew
      draft.value = "and then";
      draft.dispatchEvent(new Event("input", { bubbles: true }));
      sessionStorage.setItem("before", words);
      location.reload();
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
  await field(page).fill("Tell me everything.");
  await field(page).press("Enter");
  await expect(lastTurn(page).locator(".figures")).toContainText("interrupted");
  const before = (await page.evaluate(() => sessionStorage.getItem("before"))) ?? "";
  expect(before).not.toBe("");
  expect((await lastTurn(page).locator(".words").textContent())?.startsWith(before)).toBe(true);
  await expect(field(page)).toHaveValue("and then");
  await expectReady(page);
  await setOption(page, "min_tokens", "16"); // without it the model may have nothing to add
  await setOption(page, "max_tokens", "16");
  await lastTurn(page).getByRole("button", { name: "Continue" }).click();
  await expectIdle(page);
  expect((await words(lastTurn(page))).length).toBeGreaterThan(before.length);
});

test("R9: a tab that is frozen in the middle of a reply has the whole of it when it is looked at again", async ({
  tab,
  baseURL,
}) => {
  const { page } = tab;
  // A minute for the page, which has no other way to tell how long it was frozen.
  await page.addInitScript(() => {
    const now = performance.now.bind(performance);
    let frozenMs = 0;
    performance.now = () => now() + frozenMs;
    document.addEventListener("resume", () => {
      frozenMs += 60_000;
    });
  });
  await page.goto(`${baseURL}?build=simd128`); // the slowest one leaves the most time to freeze it
  await expectReady(page);
  await setOption(page, "seed", "48213");
  await setOption(page, "max_tokens", "400");
  await setOption(page, "min_tokens", "400");
  const whole = await say(page, "Tell me everything.");
  await page.getByRole("button", { name: "New chat" }).click();
  await page.evaluate(() => {
    document.addEventListener("freeze", () => {
      const words = [...document.querySelectorAll(".turn .words")].at(-1);
      const busy = document.querySelector("#send[data-busy]") !== null;
      Object.assign(window, { atFreeze: busy ? (words?.textContent?.length ?? 0) : null });
    });
  });
  await beginLongReply(page);
  await tab.freeze();
  const atFreeze = await page.evaluate(() => Reflect.get(window, "atFreeze"));
  expect(atFreeze).toBeGreaterThan(0);
  expect(atFreeze).toBeLessThan(whole.length);
  await tab.show();
  await expectIdle(page);
  expect(await words(lastTurn(page))).toBe(whole);
  await expectReady(page);
  await expect(page.locator(".notices")).not.toContainText("has not answered");
  await page.reload();
  await expect(page.locator(".turn[data-role]")).toHaveCount(2);
  expect(await words(lastTurn(page))).toBe(whole);
});

test("R5: a worker that spins is left alone until Restart is pressed; its words are kept, and the next message is answered", async ({
  page,
}) => {
  await page.clock.install(); // for the page alone: the worker's heartbeat keeps real time
  await open(page);
  const before = await say(page, "Hello");
  await setOption(page, "max_tokens", "400");
  await setOption(page, "min_tokens", "400");
  await beginLongReply(page);
  const cores = () => page.workers().filter((one) => /\/worker-[^/]*\.js$/.test(one.url()));
  const [spinning] = cores();
  // In a task of its own: one of the debugger's cannot be ended.
  await spinning?.evaluate(() => {
    setTimeout(() => {
      for (;;);
    });
  });
  const notice = page.locator(".notice").filter({ hasText: "Parley has not answered for" });
  await page.clock.runFor(15_000);
  await expect(notice).toHaveCount(0);
  await page.clock.runFor(16_000);
  await expect(notice).toContainText("Your conversation is safe.");
  await page.clock.runFor(120_000);
  expect(cores()).toEqual([spinning]);
  await expect(page.locator("#send")).toHaveAttribute("data-busy");
  const cut = await words(lastTurn(page));

  await notice.getByRole("button", { name: "Restart" }).click();
  await expectReady(page);
  await expect(notice).toHaveCount(0);
  await expect(lastTurn(page).locator(".turn-line .figures")).toHaveText("interrupted");
  await expect.poll(cores).not.toContain(spinning);
  await setOption(page, "max_tokens", "16");
  await setOption(page, "min_tokens", "16");
  const answer = await say(page, "Are you there?");
  await expect(lastTurn(page).locator(".figures")).toContainText("16 tokens");
  const transcript = async () => Promise.all((await page.locator(".turn[data-role]").all()).map(words));
  const said = ["Hello", before, "Tell me everything.", cut, "Are you there?", answer];
  expect(await transcript()).toEqual(said);
  await page.reload();
  await expect(page.locator(".turn[data-role]")).toHaveCount(said.length);
  expect(await transcript()).toEqual(said);
});

test("I1: a reply that meets its limit says so and can be continued", async ({ page }) => {
  await open(page);
  await setOption(page, "max_tokens", "3");
  await setOption(page, "min_tokens", "3");
  const first = await say(page, "Tell me about the weather in San Francisco.");
  await expect(lastTurn(page).locator(".figures")).toHaveText(/^3 tokens, cut at its limit, /);
  await lastTurn(page).getByRole("button", { name: "Continue" }).click();
  await expectIdle(page);
  await expect(lastTurn(page).locator(".figures")).toHaveText(/^6 tokens, /);
  expect((await words(lastTurn(page))).startsWith(first)).toBe(true);
});

test("a message longer than the context is refused with its reason and can be taken back", async ({
  page,
}) => {
  await open(page);
  const long = "one two three four five six seven eight nine ten ".repeat(80);
  await field(page).fill(long);
  await field(page).press("Enter");
  await expect(lastTurn(page)).toContainText("This message is longer than Parley can read at once.");
  await lastTurn(page).getByRole("button", { name: "Edit message" }).click();
  await expect(field(page)).toHaveValue(long);
  await field(page).fill("Hello");
  await field(page).press("Enter");
  await expectIdle(page);
  expect(await words(lastTurn(page))).not.toBe("");
});

test("when the context is full, the oldest exchanges are greyed behind a rule, and talking goes on", async ({
  page,
}) => {
  await open(page);
  await setOption(page, "max_tokens", "100");
  await setOption(page, "min_tokens", "100");
  for (const topic of ["music", "football", "the weather", "movies", "food"]) {
    expect(await say(page, `Tell me all that you know about ${topic}.`)).not.toBe("");
  }
  await expect(page.locator(".turn[data-dropped]").first()).toContainText("music");
  await expect(page.locator(".rule").first()).toHaveText("Parley no longer sees this");
  await expect(lastTurn(page)).not.toHaveAttribute("data-dropped");
});

test("a new chat starts empty, and the old one stays in the database", async ({ page }) => {
  await open(page);
  await say(page, "Hello");
  await page.keyboard.press("Control+Shift+O");
  await expect(page.locator(".empty")).toBeVisible();
  await page.reload();
  await expect(page.locator(".empty")).toBeVisible();
  const stored = await page.evaluate(
    () =>
      new Promise<number>((resolve, reject) => {
        const request = indexedDB.open("parley");
        request.onerror = () => reject(request.error);
        request.onsuccess = () => {
          const all = request.result.transaction("messages").objectStore("messages").count();
          all.onsuccess = () => resolve(all.result);
        };
      }),
  );
  expect(stored).toBe(2);
});

test("the system text goes before the conversation and is kept with it", async ({ page }) => {
  await open(page);
  await field(page).fill("Who are you?");
  const meter = page.locator(".meter-text");
  await expect(meter).toHaveText(/^\d+ of 512 tokens$/);
  const without = Number.parseInt((await meter.textContent()) ?? "", 10);
  await setOption(page, "system", "You are Parley, a friendly assistant.");
  await expect
    .poll(async () => Number.parseInt((await meter.textContent()) ?? "", 10))
    .toBeGreaterThan(without + 4);
  await say(page, "Who are you?");
  await page.reload();
  await page.getByRole("button", { name: "Settings" }).click();
  await expect(page.locator("[name=system]")).toHaveValue("You are Parley, a friendly assistant.");
});
