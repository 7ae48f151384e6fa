// Many conversations in the page, over the fake engine: listed, searched, renamed, deleted, edited, exported, imported, and
// open in two tabs at once.

import { readFileSync } from "node:fs";
import type { Locator, Page } from "@playwright/test";
import { expect, type Preview, test } from "./support/preview";
import { expectIdle, field, lastTurn, say, words } from "./support/talk";

const row = (page: Page, title: string): Locator => page.locator(".chat").filter({ hasText: title });

/** Three conversations, each begun anew. */
async function converse(preview: Preview, page: Page): Promise<void> {
  await preview.open("ready");
  for (const text of ["The trams of Lisbon", "Dinner for two", "Weather in Porto"]) {
    await page.keyboard.press("Control+Shift+O");
    await expect(page.locator(".empty")).toBeVisible();
    await say(page, text);
  }
}

const ASKED = { id: "a", parent: null, role: "user", content: "Do trams run?", created: 1000 };
const ANSWERED = {
  id: "b",
  parent: "a",
  role: "assistant",
  content: "They do.",
  created: 2000,
  state: "done",
};
/** What another version of the page stored, with a field that this one does not know. */
const STORED = {
  conversations: [
    { id: "c", title: "Trams", created: 1000, updated: 2000, leaf: "b", system: "Be brief.", pinned: true },
  ],
  messages: [
    { ...ASKED, conversation: "c" },
    { ...ANSWERED, conversation: "c", revision: 3, mood: "calm" },
  ],
};

/** Puts a database of `version` with STORED in it in place of the page's, which lets go of its own; kept open if `hold`. */
function replaceDatabase(page: Page, version: number, hold: boolean): Promise<void> {
  return page.evaluate(
    ({ rows, newVersion, keep }) =>
      new Promise<void>((resolve, reject) => {
        indexedDB.deleteDatabase("parley");
        const request = indexedDB.open("parley", newVersion);
        request.onerror = () => reject(request.error);
        request.onupgradeneeded = () => {
          const database = request.result;
          const conversations = database.createObjectStore("conversations", { keyPath: "id" });
          conversations.createIndex("updated", "updated");
          const messages = database.createObjectStore("messages", { keyPath: "id" });
          messages.createIndex("conversation", "conversation");
          database.createObjectStore("drafts", { keyPath: "conversation" });
          for (const row of rows.conversations) conversations.put(row);
          for (const row of rows.messages) messages.put(row);
        };
        request.onsuccess = () => {
          if (keep) Object.assign(window, { kept: request.result });
          else request.result.close();
          resolve();
        };
      }),
    { rows: STORED, newVersion: version, keep: hold },
  );
}

/** The database of conversations as it is: its version, and every row. */
function storedRows(page: Page): Promise<typeof STORED & { version: number }> {
  return page.evaluate(
    () =>
      new Promise((resolve, reject) => {
        const request = indexedDB.open("parley");
        request.onerror = () => reject(request.error);
        request.onsuccess = () => {
          const { version } = request.result;
          const transaction = request.result.transaction(["conversations", "messages"]);
          const conversations = transaction.objectStore("conversations").getAll();
          const messages = transaction.objectStore("messages").getAll();
          transaction.onerror = () => reject(transaction.error);
          transaction.oncomplete = () => {
            request.result.close();
            resolve({ version, conversations: conversations.result, messages: messages.result });
          };
        };
      }),
  );
}

async function act(page: Page, title: string, action: string): Promise<void> {
  await row(page, title).hover();
  await row(page, title).getByRole("button", { name: "What to do with" }).click();
  await row(page, title).getByRole("button", { name: action, exact: true }).click();
}

test("keyboard only: conversations are shown, found by their words, and opened where the words are", async ({
  preview,
  page,
}) => {
  await converse(preview, page);
  await page.keyboard.press("Control+B");
  await expect(page.locator(".chat")).toHaveCount(3);
  await page.keyboard.press("Control+K");
  await expect(page.getByRole("searchbox", { name: "Search" })).toBeFocused();
  await page.keyboard.type("lisbon");
  await expect(page.locator(".chat")).toHaveCount(1);
  await expect(page.locator(".chat mark")).toHaveText("Lisbon");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await expect(page).toHaveTitle("The trams of Lisbon · Parley");
  await expect(field(page)).toBeFocused();

  await page.keyboard.press("Control+Shift+O"); // what was searched for is over
  await expect(page.getByRole("searchbox", { name: "Search" })).toHaveValue("");
  await expect(page.locator(".chat")).toHaveCount(3);
  await page.keyboard.press("Control+K");
  await page.keyboard.press("Control+A");
  await page.keyboard.type("talk about");
  await expect(page.locator(".chat-snippet")).toHaveCount(3);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await expect(page).toHaveTitle("Weather in Porto · Parley");
  await expect(lastTurn(page)).toBeFocused();
  await page.keyboard.press("Control+B");
  await expect(page.locator(".chats")).toHaveCount(0);
  await page.reload();
  await expect(page.locator(".turn").first()).toContainText("Weather in Porto");
  await expect(page.locator(".chats")).toHaveCount(0);
});

test("conversations are renamed, pinned, and deleted with a way back", async ({ preview, page }) => {
  await converse(preview, page);
  await page.getByRole("button", { name: "Chats" }).click();
  await act(page, "Dinner for two", "Rename");
  await page.locator("[name=title]").fill("A table tonight");
  await page.keyboard.press("Enter");
  await act(page, "The trams of Lisbon", "Pin");
  await expect(page.locator(".chat-title")).toHaveText([
    "The trams of Lisbon",
    "Weather in Porto",
    "A table tonight",
  ]);
  await act(page, "Weather in Porto", "Delete");
  await expect(page.locator(".chat")).toHaveCount(2);
  await expect(page).toHaveTitle("A table tonight · Parley");
  await expect(page.getByRole("button", { name: "Undo" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page).toHaveTitle("Weather in Porto · Parley");
  await expect(page.locator(".chat")).toHaveCount(3);
  await act(page, "Weather in Porto", "Delete");
  await expect(page.locator(".chat")).toHaveCount(2);
  await page.reload();
  await expect(page.locator(".chat-title")).toHaveText(["The trams of Lisbon", "A table tonight"]);
});

test("Up edits the last message, every version stays within reach, and a reply can be edited too", async ({
  preview,
  page,
}) => {
  await preview.open("ready");
  await say(page, "Good mornign");
  await field(page).press("ArrowUp");
  const edit = page.locator("[name=edit]");
  await expect(edit).toBeFocused();
  await expect(edit).toHaveValue("Good mornign");
  await page.keyboard.press("Escape");
  await expect(field(page)).toBeFocused();
  await field(page).press("ArrowUp");
  await edit.fill("Good morning");
  await page.keyboard.press("Enter");
  await expectIdle(page);
  await expect(page.locator(".turn[data-role]")).toHaveCount(2);
  expect(await words(page.locator(".turn").first())).toBe("Good morning");
  await page.locator(".turn").first().hover();
  await page.getByRole("button", { name: "Previous version" }).click();
  expect(await words(page.locator(".turn").first())).toBe("Good mornign");
  await expect(page.locator(".turn").first().locator(".versions")).toContainText("1 of 2");

  await lastTurn(page).getByRole("button", { name: "Edit" }).click();
  await edit.fill("Good morning to you.");
  await page.reload(); // what is being edited is kept as well
  await expect(edit).toHaveValue("Good morning to you.");
  await page.getByRole("button", { name: "Keep" }).click();
  expect(await words(lastTurn(page))).toBe("Good morning to you.");
  await expect(lastTurn(page).locator(".turn-line")).toContainText("edited");
  await expect(lastTurn(page).locator(".versions")).toContainText("2 of 2");
});

test("C3: two tabs on one conversation keep each other's words and see them", async ({
  preview,
  page,
  context,
}) => {
  await preview.open("ready");
  await say(page, "Hello");
  const other = await context.newPage();
  await preview.open("ready", "", other);
  await expect(other.locator(".turn[data-role]")).toHaveCount(2);

  // One goes on, the other begins anew from an earlier message: each keeps its branch and has the other's within reach.
  await other.locator(".turn").first().hover();
  await other.locator(".turn").first().getByRole("button", { name: "Edit" }).click();
  await say(page, "From one");
  await other.locator("[name=edit]").fill("From the other");
  await other.locator("[name=edit]").press("Enter");
  await expectIdle(other);
  await expect(page.locator(".turn[data-role]")).toHaveCount(4);
  await expect(other.locator(".turn[data-role]")).toHaveCount(2);
  await expect(page.locator(".turn").first().locator(".versions")).toContainText("1 of 2");
  await expect(other.locator(".turn").first().locator(".versions")).toContainText("2 of 2");
  await other.reload();
  await other.locator(".turn").first().hover();
  await other.getByRole("button", { name: "Previous version" }).click();
  await expect(other.locator(".turn[data-role]")).toHaveCount(4);
  expect(await words(other.locator(".turn").nth(2))).toBe("From one");
});

test("R9: a reply is watched from another tab, stopped from there, and taken over when its tab is closed", async ({
  preview,
  page,
  context,
}) => {
  await preview.open("drawn_out");
  await field(page).fill("Hello");
  await field(page).press("Enter");
  const other = await context.newPage();
  await preview.open("drawn_out", "", other);
  await expect(lastTurn(other).locator(".words")).toContainText("word 3");
  await other.getByRole("button", { name: "Stop" }).click();
  await expect(lastTurn(page).locator(".figures")).toContainText("stopped");
  await expect(lastTurn(other).locator(".figures")).toContainText("stopped");
  await field(page).fill("Once more");
  await field(page).press("Enter");
  await expect(other.locator(".turn").nth(3).locator(".words")).toContainText("word 3");
  await page.close();
  await expect(lastTurn(other).locator(".figures")).toContainText("interrupted");
  await expect(other.getByRole("button", { name: "Continue" })).toBeVisible();
});

test("everything is exported, deleted, and imported again; a broken file changes nothing and says where", async ({
  preview,
  page,
}) => {
  await converse(preview, page);
  await page.getByRole("button", { name: "Chats" }).click();
  const [exported] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Export all" }).click(),
  ]);
  expect(exported.suggestedFilename()).toMatch(/^parley-\d{4}-\d\d-\d\d\.json$/);
  const text = readFileSync(await exported.path(), "utf8");
  const file = (content: string) => ({
    name: "parley.json",
    mimeType: "application/json",
    buffer: Buffer.from(content),
  });
  const [markdown] = await Promise.all([
    page.waitForEvent("download"),
    act(page, "Dinner for two", "Export as Markdown"),
  ]);
  expect(markdown.suggestedFilename()).toBe("Dinner-for-two.md");
  expect(readFileSync(await markdown.path(), "utf8")).toContain("**You**\n\nDinner for two\n");

  await row(page, "Dinner for two").getByRole("button", { name: "Delete" }).click();
  await act(page, "The trams of Lisbon", "Delete");
  await expect(page.locator(".chat")).toHaveCount(1);
  const chosen = page.locator("input[type=file][accept*=json]");
  await chosen.setInputFiles(file(text.replace('"role":"user"', '"role":"nobody"')));
  await expect(page.getByText("BAD_TYPE: conversations[0].messages[0].role")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.locator(".chat")).toHaveCount(1);
  await chosen.setInputFiles(file(text));
  await expect(page.getByText("3 conversations with 6 messages.")).toBeVisible();
  await page.locator("dialog.import").getByRole("button", { name: "Import" }).click();
  await expect(page.getByText("2 conversations added.")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.locator(".chat")).toHaveCount(3);
  await chosen.setInputFiles(file(text));
  await page.locator("dialog.import").getByRole("button", { name: "Import" }).click();
  await expect(page.getByText("All of it is here already.")).toBeVisible();
  await page.keyboard.press("Escape");
  await row(page, "Dinner for two").locator(".chat-open").click();
  await expect(page.locator(".turn[data-role]")).toHaveCount(2);
  expect(preview.complaints).toEqual([]);
});

test("C2: conversations of a newer version are read and exported, and nothing is written over them", async ({
  preview,
  page,
  context,
}) => {
  const newer = await context.newPage();
  await preview.open("ready", "", newer);
  await replaceDatabase(newer, 9, false);
  await newer.close();
  await preview.open("ready");
  const notice = page.getByText("The conversations here were written by a newer version of Parley.");
  await expect(notice).toContainText("They can be read and exported; what is said now is not kept.");
  await expect(page.locator(".turn[data-role]")).toHaveCount(2);
  expect(await words(page.locator(".turn").first())).toBe("Do trams run?");
  expect(await words(lastTurn(page))).toBe("They do.");

  await page.keyboard.press("Control+B");
  await row(page, "Trams").hover();
  await row(page, "Trams").getByRole("button", { name: "What to do with" }).click();
  const [exported] = await Promise.all([
    page.waitForEvent("download"),
    row(page, "Trams").getByRole("button", { name: "Export as JSON" }).click(),
  ]);
  expect(JSON.parse(readFileSync(await exported.path(), "utf8"))).toMatchObject({
    format: "parley.conversations",
    version: 1,
    conversations: [{ ...STORED.conversations[0], messages: [ASKED, ANSWERED] }],
  });

  await say(page, "And at night?");
  await expect(page.locator(".turn[data-role]")).toHaveCount(4);
  expect(await storedRows(page)).toEqual({ version: 9, ...STORED });
  await page.reload();
  await expect(notice).toBeVisible();
  await expect(page.locator(".turn[data-role]")).toHaveCount(2);
  expect(preview.complaints).toEqual([]);
});

test("C2: while a tab with an earlier version keeps the conversations the page says so, and has them when it is closed", async ({
  preview,
  page,
  context,
}) => {
  const old = await context.newPage();
  await preview.open("ready", "", old);
  await replaceDatabase(old, 1, true);
  await page.goto(old.url());
  const notice = page.getByText(
    "Another tab has an older version of Parley open and keeps the conversations.",
  );
  await expect(notice).toContainText("Close that tab, and they appear here.");
  await expect(page.locator(".turn")).toHaveCount(0);
  await old.close();
  await expect(page.locator(".turn[data-role]")).toHaveCount(2);
  expect(await words(lastTurn(page))).toBe("They do.");
  await expect(notice).toHaveCount(0);
  await say(page, "And at night?");
  const { version, messages } = await storedRows(page);
  expect(version).toBe(2);
  expect(messages).toHaveLength(4);
  expect(preview.complaints).toEqual([]);
});

test.describe("a phone", () => {
  test.use({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
  test("has the conversations in a sheet, and controls that a finger can hit", async ({ preview, page }) => {
    await converse(preview, page);
    await page.getByRole("button", { name: "Chats" }).tap();
    await expect(page.locator("dialog.chats-sheet .chat")).toHaveCount(3);
    await row(page, "Dinner for two").getByRole("button", { name: "What to do with" }).tap();
    const heights = await page
      .locator("dialog.chats-sheet button:visible, dialog.chats-sheet input[type=search]")
      .evaluateAll((controls) => controls.map((control) => control.getBoundingClientRect().height));
    expect(Math.min(...heights)).toBeGreaterThanOrEqual(44);
    await row(page, "Dinner for two").locator(".chat-open").tap();
    await expect(page.locator("dialog.chats-sheet")).toBeHidden();
    await expect(page).toHaveTitle("Dinner for two · Parley");
    await expect(field(page)).not.toBeFocused();
  });
});
