// Text from outside stays text (C5), keeps to its place whatever its direction (C6), and long text leaves the page quick.

import type { Page } from "@playwright/test";
import { expect, test } from "./support/preview";
import { expectIdle, field, say, words } from "./support/talk";
import { expectNoLongTask } from "./support/tasks";

/** Each sets window.parleyAttacked if it is ever more than text. */
const PAYLOADS = [
  `<img src=x onerror="parleyAttacked=1">`,
  `<script>parleyAttacked=1</script>`,
  `<svg onload="parleyAttacked=1"><animate onbegin="parleyAttacked=1" attributeName=x dur=1s>`,
  `<svg><script>parleyAttacked=1</script></svg>`,
  `<iframe srcdoc="<script>parent.parleyAttacked=1</script>"></iframe>`,
  `<iframe src="javascript:parent.parleyAttacked=1"></iframe>`,
  `<a href="javascript:parleyAttacked=1" autofocus onfocus="parleyAttacked=1">x</a>`,
  `<details open ontoggle="parleyAttacked=1">x</details>`,
  `<video><source onerror="parleyAttacked=1"></video>`,
  `<style>@import "data:text/css,*{background:red}";</style>`,
  `<math><mtext><table><mglyph><style><img src=x onerror="parleyAttacked=1">`,
  `<noscript><p title="</noscript><img src=x onerror=parleyAttacked=1>">`,
  `</textarea><script>parleyAttacked=1</script>`,
  `"><img src=x onerror=parleyAttacked=1>`,
  `'-parleyAttacked=1-'`,
  `{{constructor.constructor('parleyAttacked=1')()}}`,
  "javascript:parleyAttacked=1",
  `<base href="https://example.org/">`,
  `<meta http-equiv="refresh" content="0;url=javascript:parleyAttacked=1">`,
  `<object data="data:text/html,<script>parleyAttacked=1</script>"></object>`,
];
const ALL = PAYLOADS.join("\n");

async function expectHarmless(page: Page): Promise<void> {
  const found = await page.evaluate(() => ({
    attacked: "parleyAttacked" in window,
    foreign: document.querySelectorAll(
      "#app :is(script, style, iframe, img, svg, object, embed, video, details[ontoggle], base, meta, math)",
    ).length,
    handlers: [...document.querySelectorAll("*")].filter((element) =>
      [...element.attributes].some(({ name }) => name.startsWith("on")),
    ).length,
    scripts: [...document.querySelectorAll("a")].filter(({ href }) => href.startsWith("javascript:")).length,
  }));
  expect(found).toEqual({ attacked: false, foreign: 0, handlers: 0, scripts: 0 });
}

test("C5: twenty payloads as a prompt, as a title and as a draft are text", async ({ preview, page }) => {
  await preview.open("ready");
  await say(page, ALL);
  expect(await words(page.locator(".turn").first())).toBe(ALL);
  await expect(page.locator(".title")).toHaveText(/^<img src=x onerror="parleyAttacked=1">/);
  await field(page).fill(ALL);
  await expectHarmless(page);
  await page.reload();
  await expect(page.locator(".turn")).toHaveCount(2); // out of the database
  await expectHarmless(page);
});

test("C5: twenty payloads as the model's output are text", async ({ preview, page }) => {
  await preview.open("attack", `&payload=${encodeURIComponent(ALL)}`);
  expect(await say(page, "Hello")).toBe(ALL);
  await expectHarmless(page);
  await expect(page.getByTestId("announcer")).not.toBeEmpty();
});

test("C5: twenty payloads in an imported file, its name and its errors, in the list and in what is found, are text", async ({
  preview,
  page,
}) => {
  await preview.open("ready");
  await page.keyboard.press("Control+B");
  const message = { id: "a", parent: null, role: "user", content: ALL, created: 1 };
  const of = {
    id: "c",
    title: ALL.slice(0, 500),
    created: 1,
    updated: 1,
    leaf: "a",
    system: ALL,
    pinned: false,
  };
  const bundle = {
    format: "parley.conversations",
    version: 1,
    conversations: [{ ...of, messages: [message] }],
  };
  const choose = (data: unknown) =>
    page.locator("input[type=file][accept*=json]").setInputFiles({
      name: `${PAYLOADS[0]?.replaceAll("/", "")}.json`,
      mimeType: "application/json",
      buffer: Buffer.from(JSON.stringify(data)),
    });
  await choose({ ...bundle, [PAYLOADS[1] as string]: 1 });
  await expect(page.locator(".import-detail")).toContainText("UNKNOWN_KEY");
  await expectHarmless(page);
  await page.keyboard.press("Escape");
  await choose(bundle);
  await page.locator("dialog.import").getByRole("button", { name: "Import" }).click();
  await expect(page.getByText("1 conversation added.")).toBeVisible();
  await page.keyboard.press("Escape");
  await page.getByRole("searchbox").fill("parleyAttacked");
  await expect(page.locator(".chat mark").first()).toBeVisible();
  await page.locator(".chat-open").click();
  await expect(page.locator(".turn")).toHaveCount(1);
  await expectHarmless(page);
  expect(preview.complaints).toEqual([]);
});

test("C5: a model's file name, licence and error message are text, and its licence is no script", async ({
  preview,
  page,
}) => {
  await preview.open("attack", `&payload=${encodeURIComponent(ALL)}`);
  await expect(page.locator(".chip-name")).toHaveText(ALL);
  await page.locator(".chip").click();
  await expect(page.locator("dialog.panel h2")).toHaveText(ALL);
  await expectHarmless(page);
  await preview.open("attack", `&payload=${encodeURIComponent(ALL)}&fail=1`);
  await expect(page.locator(".notice-detail")).toContainText("onerror");
  await expectHarmless(page);
});

test("C5: the page's own address is never put on the page", async ({ preview, page }) => {
  await preview.open("ready", `&x=${encodeURIComponent(ALL)}#${encodeURIComponent(ALL)}`);
  await expectHarmless(page);
});

test("C6: bidirectional controls and zero-width characters stay within their own block", async ({
  preview,
  page,
}) => {
  await preview.open("ready");
  const text = "\n\u202Egnissim\u202C \u2066\u202Dx\u200B\u200Dy \u2067unclosed \u202E\u202E\nNext line";
  await say(page, text);
  expect(await words(page.locator(".turn").first())).toBe(text);
  const blocks = page.locator(".words > .block, .title > bdi");
  await expect(blocks).toHaveCount(5); // the title, three lines said, one line answered
  for (const block of await blocks.all())
    await expect(block).toHaveCSS("unicode-bidi", /^(isolate|plaintext)$/u);
});

test("C6: a line of a megabyte is drawn without a task over 50 ms", async ({ preview, page, browser }) => {
  const draw = async () => {
    await field(page).fill("Hello");
    await field(page).press("Enter");
    await expectIdle(page);
    await expect.poll(() => page.locator(".block").count(), { timeout: 30_000 }).toBeGreaterThan(500);
  };
  await expectNoLongTask(browser, page, draw, () => preview.open("megabyte"));
});

test("a streaming reply has no task over 50 ms", async ({ preview, page, browser }) => {
  const stream = async () => {
    await field(page).fill("Hello");
    await field(page).press("Enter");
    await page.waitForTimeout(4000);
  };
  await expectNoLongTask(browser, page, stream, () => preview.open("long"));
  await page.keyboard.press("Escape");
});

test("two thousand messages are opened, typed into and answered without a task over 50 ms", async ({
  preview,
  page,
  browser,
}) => {
  const store = async () => {
    await preview.open("ready");
    await storeConversation(page, 2000);
    await page.evaluate(() => sessionStorage.setItem("parley.shown", "long"));
  };
  const answer = async () => {
    await page.reload();
    await expect(page.locator(".turn")).toHaveCount(2000, { timeout: 45_000 });
    await say(page, "Hello");
  };
  await expectNoLongTask(browser, page, answer, store);
  await expect
    .poll(() => page.evaluate(() => scrollY + innerHeight >= document.documentElement.scrollHeight - 2))
    .toBe(true);
});

// All are in the document, so that the browser's search, a selection and a screen reader find them; chapters of 16 out of
// sight are one element to it (content-visibility in transcript.css). It draws those on the screen and within 1.5 screens
// of it, here in all four screens of 720 px, and the last one: with turns of 60 px and more at most four chapters and that.
test("of two thousand messages, all there, the browser draws only those around the screen", async ({
  preview,
  page,
}) => {
  await preview.open("ready");
  await storeConversation(page, 2000);
  await page.evaluate(() => sessionStorage.setItem("parley.shown", "long"));
  await page.reload();
  const turns = page.locator(".turn");
  await expect(turns).toHaveCount(2000, { timeout: 45_000 });
  const drawn = () =>
    turns.evaluateAll((all) =>
      all.flatMap((turn, index) => (turn.checkVisibility({ contentVisibilityAuto: true }) ? [index] : [])),
    );
  for (const index of [1999, 1000, 0]) {
    await turns.nth(index).evaluate((turn) => turn.scrollIntoView({ behavior: "instant", block: "center" }));
    await expect.poll(drawn).toContain(index);
    await expect.poll(async () => (await drawn()).length).toBeLessThanOrEqual(5 * 16);
  }
});

function storeConversation(page: Page, count: number): Promise<void> {
  return page.evaluate(
    (turns) =>
      new Promise<void>((resolve, reject) => {
        const request = indexedDB.open("parley");
        request.onerror = () => reject(request.error);
        request.onsuccess = () => {
          const transaction = request.result.transaction(["conversations", "messages"], "readwrite");
          let parent: string | null = null;
          for (let index = 0; index < turns; index++) {
            const reply = index % 2 === 1;
            transaction.objectStore("messages").put({
              id: `m${index}`,
              conversation: "long",
              parent,
              role: reply ? "assistant" : "user",
              content: `Turn ${index}. ${"Some words to fill a line or two. ".repeat(1 + (index % 5))}`,
              created: index,
              ...(reply && { state: "done" }),
            });
            parent = `m${index}`;
          }
          const updated = Date.now() + 1000;
          const conversation = { id: "long", title: "Long", created: 0, updated, leaf: parent, system: "" };
          transaction.objectStore("conversations").put(conversation);
          transaction.oncomplete = () => resolve();
        };
      }),
    count,
  );
}
