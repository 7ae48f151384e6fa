// The models view over the real engine, the hub a local server: a repository is added, used and deleted, the conversation
// stays; two tabs; everything deleted.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, type Page, test } from "@playwright/test";
import { makeRun, runFragment } from "../../web/app/state/shared_run";
import { tinyCheckpoint } from "../web/support/tiny_checkpoint";
import { expectReady, field, open, say } from "./support/talk";

const MODELS = new URL("../../models/parley-17m/", import.meta.url);

/** The bundled model as one file of a repository of the hub, by the page's own address of the hub. */
async function serveHub(page: Page): Promise<{ asked: string[] }> {
  const catalog = JSON.parse(readFileSync(new URL("../catalog.json", MODELS), "utf8"));
  const [file] = catalog.models[0].files;
  const parts = file.parts.map(({ url }: { url: string }) => readFileSync(new URL(`../${url}`, MODELS)));
  const bytes = Buffer.concat(parts);
  const sha = "0123456789abcdef0123456789abcdef01234567";
  const asked: string[] = [];
  const cors = { "Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Content-Range, ETag" };
  await page.context().route("https://huggingface.co/**", async (route) => {
    const request = route.request();
    asked.push(request.url());
    if (request.url().includes("/api/")) {
      const lfs = { sha256: file.sha256, size: bytes.length, pointerSize: 130 };
      const siblings = [{ rfilename: "it.Q8_0.gguf", size: bytes.length, lfs }];
      return route.fulfill({ headers: cors, json: { sha, siblings, cardData: { license: "cc-by-sa-4.0" } } });
    }
    const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(request.headers().range ?? "") ?? [];
    const [from, to] = start === undefined ? [0, bytes.length - 1] : [Number(start), Number(end)];
    const body = bytes.subarray(from, to + 1);
    const range = { "Content-Range": `bytes ${from}-${from + body.length - 1}/${bytes.length}` };
    return route.fulfill({ status: start === undefined ? 200 : 206, headers: { ...cors, ...range }, body });
  });
  return { asked };
}

test("a repository is added by its name, used in the same conversation, kept for the next visit, and deleted", async ({
  page,
}) => {
  test.slow();
  const { asked } = await serveHub(page);
  await open(page);
  await say(page, "Hello");
  await page.locator(".chip").click();
  const panel = page.locator("dialog.panel");
  await panel.getByRole("textbox").fill("someone/it");
  await panel.getByRole("button", { name: "Load", exact: true }).click();
  const row = panel.locator(".model", { hasText: "someone/it" });
  await expect(row).toContainText("in use", { timeout: 45_000 });
  await expectReady(page);
  await expect(row).toContainText("19.6 MB stored");
  await expect(row).toContainText("cc-by-sa-4.0");
  await expect(row).toContainText("revision 0123456");
  await page.keyboard.press("Escape");
  await expect(page.locator(".turn[data-role]")).toHaveCount(2);
  await say(page, "Hello again");
  await expect(page.locator(".turn[data-role]")).toHaveCount(4);

  asked.length = 0;
  await page.reload();
  await expectReady(page);
  await expect(page.locator(".chip")).toContainText("someone/it");
  expect(asked).toEqual([]);

  await page.locator(".chip").click();
  await panel.locator(".model", { hasText: "Parley 17M" }).getByRole("button", { name: "Use" }).click();
  await expect(page.locator(".chip")).toContainText("Parley 17M", { timeout: 45_000 });
  await expectReady(page);
  await row.getByRole("button", { name: "Delete" }).click();
  await row.getByRole("button", { name: "Delete 19.6 MB" }).click();
  await expect(row).toHaveCount(0);
});

test("a stored model is saved as the GGUF file that it is, to a place of the user's choice or as a download", async ({
  page,
}) => {
  const catalog = JSON.parse(readFileSync(new URL("../catalog.json", MODELS), "utf8"));
  const [{ sha256 }] = catalog.models[0].files;
  await page.addInitScript(() => {
    const picker = async ({ suggestedName }: { suggestedName: string }) => {
      const root = await navigator.storage.getDirectory();
      return root.getFileHandle(`chosen-${suggestedName}`, { create: true });
    };
    Object.assign(window, { showSaveFilePicker: picker });
  });
  await open(page);
  await page.locator(".chip").click();
  const panel = page.locator("dialog.panel");
  const save = panel.getByRole("button", { name: "Save as a file" }).first();
  await save.click();
  await expect(panel.getByText("The model's GGUF file is saved.")).toBeVisible();
  const saved = await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const names = await Array.fromAsync((root as unknown as { keys(): AsyncIterable<string> }).keys());
    const name = names.find((one) => one.startsWith("chosen-")) ?? "";
    const file = await (await root.getFileHandle(name)).getFile();
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
    await root.removeEntry(name);
    return { name, sha256: Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("") };
  });
  expect(saved).toEqual({ name: "chosen-parley-17m-q8_0-fb3261503ab3.gguf", sha256 });

  await page.evaluate(() => Object.assign(window, { showSaveFilePicker: undefined }));
  const [download] = await Promise.all([page.waitForEvent("download"), save.click()]);
  expect(download.suggestedFilename()).toBe("parley-17m-q8_0-fb3261503ab3.gguf");
  const bytes = readFileSync(await download.path());
  expect(createHash("sha256").update(bytes).digest("hex")).toBe(sha256);

  await page.evaluate(() =>
    Object.assign(window, {
      showSaveFilePicker: async () => {
        throw new DOMException("The user aborted a request.", "AbortError");
      },
    }),
  );
  await save.click();
  await expect(panel.getByText("The model's GGUF file is saved.")).toBeHidden();
  await expectReady(page);
});

test("a checkpoint in three shards is dropped onto the list, converted, answers, and is there after a reload", async ({
  page,
}) => {
  await open(page);
  await page.locator(".chip").click();
  const panel = page.locator("dialog.panel");
  const files = [...tinyCheckpoint(7, 3)].map(([name, buffer]) => ({
    name,
    mimeType: "application/octet-stream",
    buffer,
  }));
  expect(files.filter(({ name }) => name.endsWith(".safetensors"))).toHaveLength(3);
  await panel.locator(".models").drop({ files });
  const row = panel.locator(".model", { hasText: /^model/ });
  await expect(row).toContainText("in use", { timeout: 45_000 });
  await expectReady(page);
  await page.keyboard.press("Escape");
  await say(page, "hello");

  await page.reload();
  await expectReady(page);
  await expect(page.locator(".chip")).toContainText("model");
  await say(page, "hello hello");
});

test("what cannot be loaded is explained, and the model in use stays", async ({ page }) => {
  await open(page);
  await page.locator(".chip").click();
  const panel = page.locator("dialog.panel");
  const models = await panel.locator(".model").count();
  await panel.getByRole("textbox").fill("https://elsewhere.example/model.gguf");
  await panel.getByRole("button", { name: "Load", exact: true }).click();
  await expect(panel.getByText("This page may not fetch from that address.")).toBeVisible();
  await expect(panel.locator(".model")).toHaveCount(models); // nothing of it is here
  await expectReady(page);
  const [chooser] = await Promise.all([
    page.waitForEvent("filechooser"),
    panel.getByRole("button", { name: "Choose files" }).click(),
  ]);
  await chooser.setFiles({
    name: "page.gguf",
    mimeType: "text/html",
    buffer: Buffer.from("<html>no</html>"),
  });
  await expect(panel.getByText("The model's file is not one that Parley can read.")).toBeVisible();
  await page.keyboard.press("Escape");
  await expectReady(page);
  await say(page, "Hello");
});

test("D17: where lasting storage is denied the page works, and says that the model may be removed", async ({
  page,
}) => {
  await page.addInitScript(() => {
    Object.assign(window, { asked: 0 });
    navigator.storage.persist = async () => {
      (window as unknown as { asked: number }).asked += 1;
      return false;
    };
  });
  const asked = () => page.evaluate(() => (window as unknown as { asked: number }).asked);
  await open(page);
  expect(await asked()).toBe(0);
  await say(page, "Hello");
  await expect.poll(asked).toBe(1);
  await page.locator(".chip").click();
  await expect(page.getByText("The browser may remove it when space runs out.")).toBeVisible();
});

test("D13: a second tab says that the first has the model, takes it over, and gives it back when it closes", async ({
  page,
  context,
}) => {
  test.slow();
  await open(page);
  const other = await context.newPage();
  await other.goto("./");
  await expect(other.getByText("Parley is open in another tab and runs there.")).toBeVisible();
  await other.getByRole("button", { name: "Use it here" }).click();
  await expectReady(other);
  await expect(page.getByText("Parley is open in another tab and runs there.")).toBeVisible();
  await other.close();
  await expectReady(page);
  await say(page, "Hello");
});

test("D13: a link opened in a second tab says what keeps it from running, and takes the model over", async ({
  page,
  context,
}) => {
  test.slow();
  await open(page);
  const model = { source: "parley-17m", name: "Parley 17M", sha256: "", context: 512 };
  const asked = { kind: "chat", messages: [{ role: "user", content: "Hello" }] } as const;
  const fragment = await runFragment(await makeRun(model, asked, { seed: 7, max_tokens: 8 }, "Hello"));
  const other = await context.newPage();
  await other.goto(`./#${fragment}`);
  const sheet = other.locator("dialog[open]");
  await expect(sheet.getByText("Parley is open in another tab and runs there.")).toBeVisible();
  await expect(sheet.getByText("in place of the one in use")).toHaveCount(0);
  await sheet.getByRole("button", { name: "Use it here" }).click();
  const run = sheet.getByRole("button", { name: "Run", exact: true });
  await expect(run).toBeFocused();
  await expect(run).not.toHaveAttribute("aria-disabled", "true", { timeout: 45_000 });
  await run.click();
  await expect(sheet.locator(".run-result .side-text")).not.toBeEmpty();
});

test("everything on this device is deleted", async ({ page }) => {
  await open(page);
  await say(page, "Hello");
  await page.locator(".chip").click();
  const panel = page.locator("dialog.panel");
  await panel.getByRole("button", { name: "Delete everything on this device" }).click();
  await panel.getByRole("button", { name: "Delete everything", exact: true }).click();
  await expect(page.getByText("Everything that Parley kept on this device is deleted.")).toBeVisible();
  const left = async () =>
    page.evaluate(async () => {
      const root = await navigator.storage.getDirectory();
      const files = await Array.fromAsync((root as unknown as { keys(): AsyncIterable<string> }).keys());
      const databases = (await indexedDB.databases()).map(({ name }) => name);
      return [...files, ...databases, ...(await caches.keys()), ...Object.keys(localStorage)];
    });
  await expect.poll(left).toEqual([]);
  await page.getByRole("button", { name: "Start again" }).click();
  await expectReady(page);
  await expect(field(page)).toBeVisible();
  await expect(page.locator(".turn[data-role]")).toHaveCount(0);
});
