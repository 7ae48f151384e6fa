// Row C1: the browser is killed at a random moment of a conversation, again and again over one profile. Each time every
// message whose transaction was complete is there, the tree of messages is whole, and the conversation goes on.
// A few times with the other tests; fifty times is `scripts/test.sh kill-loop`.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { checkTree } from "../../web/app/state/chat_check";
import type { Conversation, Message } from "../../web/app/state/messages";
import { seeded } from "../web/support/fault_host";
import { killBrowser, launch } from "../web/support/killed_browser";
import { expect, servePreview, test } from "./support/preview";
import { expectIdle, field, lastTurn } from "./support/talk";

const KILLS = process.env.PARLEY_KILL_LOOP ? 50 : 2;

/** Reports every message once the transaction that wrote it is complete. */
async function reportCommits(page: Page, committed: (messages: Message[]) => void): Promise<void> {
  await page.exposeFunction("committed", committed);
  await page.addInitScript(() => {
    const report = Reflect.get(window, "committed") as (messages: unknown[]) => void;
    const written = new WeakMap<IDBTransaction, unknown[]>();
    const put = IDBObjectStore.prototype.put;
    IDBObjectStore.prototype.put = function (value: unknown, key?: IDBValidKey) {
      if (this.name === "messages") {
        const before = written.get(this.transaction);
        const all = before ?? [];
        all.push(value);
        written.set(this.transaction, all);
        if (before === undefined) this.transaction.addEventListener("complete", () => report(all));
      }
      return put.call(this, value, key);
    };
  });
}

/** Everything in the database, read past the page's own code. */
function readDatabase(page: Page): Promise<{ conversations: Conversation[]; messages: Message[] }> {
  return page.evaluate(async () => {
    const done = <T>(request: IDBRequest<T>) =>
      new Promise<T>((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
    const database = await done(indexedDB.open("parley"));
    const transaction = database.transaction(["conversations", "messages"]);
    const all = {
      conversations: await done(transaction.objectStore("conversations").getAll()),
      messages: await done(transaction.objectStore("messages").getAll()),
    };
    database.close();
    return all;
  });
}

function expectKept(
  messages: readonly Message[],
  committed: ReadonlyMap<string, Message>,
  round: number,
): void {
  const there = new Map(messages.map((message) => [message.id, message]));
  for (const [id, message] of committed) {
    const kept = there.get(id);
    expect(kept, `round ${round}: ${message.role} ${message.content}`).toBeDefined();
    expect(kept?.content.startsWith(message.content), `round ${round}`).toBe(true);
    expect(kept?.revision ?? 0, `round ${round}`).toBeGreaterThanOrEqual(message.revision ?? 0);
  }
}

test(`C1: killed ${KILLS} times while messages were written, it loses none that was committed`, async ({
  previewDir,
}, info) => {
  test.setTimeout(60_000 + KILLS * 15_000);
  const random = seeded(60);
  const profile = mkdtempSync(join(tmpdir(), "parley-chat-kill-"));
  const committed = new Map<string, Message>();
  try {
    for (let round = 0; round <= KILLS; round++) {
      const context = await launch(profile, info);
      const page = await context.newPage();
      const address = await servePreview(context, previewDir);
      await reportCommits(page, (messages) => {
        for (const message of messages) committed.set(message.id, message);
      });
      await page.goto(`${address}?state=brisk`);
      await field(page).waitFor();
      const { conversations, messages } = await readDatabase(page);
      expectKept(messages, committed, round);
      for (const conversation of conversations) {
        const own = messages.filter((message) => message.conversation === conversation.id);
        checkTree(conversation, own, conversation.id);
      }
      if (round === KILLS) {
        await expectIdle(page);
        await field(page).fill("Still there?");
        await field(page).press("Enter");
        await expectIdle(page);
        await expect(lastTurn(page).locator(".words")).not.toBeEmpty();
        await context.close();
        break;
      }
      const talking = talk(page, round);
      await new Promise((resolve) => setTimeout(resolve, 200 + random() * 900));
      await killBrowser(profile);
      await context.close().catch(() => {});
      await talking;
    }
    expect(committed.size).toBeGreaterThan(KILLS);
  } finally {
    rmSync(profile, { recursive: true, force: true });
  }
});

/** Says one thing after another until the browser is gone. */
async function talk(page: Page, round: number): Promise<void> {
  try {
    for (let turn = 0; ; turn++) {
      await field(page).fill(`Round ${round}, turn ${turn}`);
      await field(page).press("Enter");
      await expectIdle(page);
      if (turn % 3 === 2) await page.keyboard.press("Control+Shift+O");
    }
  } catch {
    // Killed.
  }
}
