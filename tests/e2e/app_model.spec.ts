// The model in the page: arriving, cancelled, failing, checked, deleted, with the real engine and a host that misbehaves.

import { expect, type Page, test } from "@playwright/test";
import { expectIdle, expectReady, field, lastTurn, open, say, words } from "./support/talk";
import { expectNoLongTask } from "./support/tasks";

/** Lets each part of the model wait, and counts those that were let through. */
async function slowParts(page: Page, ms: number): Promise<{ parts: number }> {
  const passed = { parts: 0 };
  await page.context().route(/\.part$/, async (route) => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    passed.parts += 1;
    await route.continue().catch(() => {}); // cancelled meanwhile
  });
  return passed;
}

/** How many parts of the model are on this device. */
function keptParts(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const parts = await root.getDirectoryHandle("parley-parts", { create: true });
    return (await Array.fromAsync((parts as unknown as { keys(): AsyncIterable<string> }).keys())).length;
  });
}

test("arriving is told in words, can be cancelled, and goes on where it was", async ({ page }) => {
  const slow = await slowParts(page, 1200);
  await page.goto("./");
  const arrival = page.locator(".arrival .figures");
  await expect(arrival).toHaveText(/^(8|9|1\d)\.\d of 19\.6 MB, [\d.]+ [KM]B\/s, \d+ (s|min) left$/, {
    timeout: 30_000,
  });
  const bar = page.locator("progress.hairline");
  expect(Number(await bar.getAttribute("value"))).toBeGreaterThan(0);
  await expect.poll(() => keptParts(page)).toBeGreaterThan(0);
  await page.getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByText("Loading was cancelled. What arrived is kept.")).toBeVisible();
  await expect(page.locator(".chip")).toContainText("not loaded");
  const before = slow.parts;
  await page.getByRole("button", { name: "Load the model" }).click();
  await expectReady(page);
  expect(slow.parts - before).toBeLessThan(5); // of 5: what had arrived was not fetched again
});

test("no task over 50 ms while the model arrives, loads from storage and answers", async ({
  page,
  browser,
  baseURL,
}) => {
  const forget = async () => {
    await page.goto("about:blank"); // what is open cannot be deleted
    await devtools.send("Storage.clearDataForOrigin", { origin, storageTypes: "all" });
  };
  const devtools = await page.context().newCDPSession(page);
  const origin = new URL(baseURL ?? "").origin;
  const arrive = async () => {
    await open(page);
    await say(page, "Hello, how are you?");
  };
  await expectNoLongTask(browser, page, arrive, forget);
  await expectNoLongTask(browser, page, async () => {
    await page.reload();
    await expectReady(page);
    await say(page, "Which film should I watch tonight?");
  });
});

test("D9, D10: a part that is not the model's is refused with its reason; Retry fetches it alone", async ({
  page,
}) => {
  const fetched: string[] = [];
  let broken = true;
  await page.context().route(/\.part$/, async (route) => {
    const url = route.request().url();
    fetched.push(url);
    if (broken && url.endsWith(".002.part")) {
      await expect.poll(() => keptParts(page), { timeout: 30_000 }).toBeGreaterThanOrEqual(4); // all others
      await route.fulfill({ contentType: "text/html", body: "<html>Sign in to the network</html>" });
    } else {
      await route.continue();
    }
  });
  await page.goto("./");
  await expect(page.getByText("What arrived is not the model: its checksum differs.")).toBeVisible({
    timeout: 45_000,
  });
  await field(page).fill("Are you there?");
  await field(page).press("Enter");
  await expect(page.getByText("Parley answers once the model is loaded.")).toBeVisible();
  broken = false;
  fetched.length = 0;
  await page.getByRole("button", { name: "Retry" }).click();
  await expectReady(page);
  await expectIdle(page);
  expect(await words(lastTurn(page))).not.toBe("");
  expect(fetched.some((url) => url.endsWith(".002.part"))).toBe(true);
  expect(fetched.some((url) => url.endsWith(".000.part"))).toBe(false);
});

test("the panel says what the model takes up, checks every part, and deletes it", async ({ page }) => {
  await open(page);
  await expect(page.locator(".empty-facts")).toContainText("Parley 17M, 19.6 MB on this device, licence");
  await page.locator(".chip").click();
  const panel = page.locator("dialog.panel[open]");
  const text = (await panel.textContent()) ?? "";
  const [, inUse] = /([\d.]+) MB in use, \d+\.\d MB planned/.exec(text) ?? [];
  const parts =
    /weights ([\d.]+) MB, cache of the conversation ([\d.]+) MB, work ([\d.]+) MB, and ([\d.]+) MB for loading/.exec(
      text,
    );
  const sum = (parts ?? []).slice(1).reduce((all, part) => all + Number(part), 0);
  expect(sum).toBeGreaterThan(Number(inUse) - 0.25); // each of five figures is off by 0.05 at most
  expect(sum).toBeLessThan(Number(inUse) + 0.25);
  await expect(panel).toContainText("This site's private files, 19.6 MB used");
  await expect(panel).toContainText(/\d threads?, build (relaxed|simd128)/);
  await expect(panel.getByRole("link", { name: "CC-BY-SA-4.0" })).toHaveAttribute(
    "href",
    /parley-17m\/LICENSE/,
  );
  await panel.getByRole("button", { name: "Verify" }).click();
  await expect(panel).toContainText("Every part is as published.");
  await panel.getByRole("button", { name: "Delete", exact: true }).click();
  await expect(panel).toContainText("Delete 19.6 MB from this device?");
  await panel.getByRole("button", { name: "Keep" }).click();
  await panel.getByRole("button", { name: "Delete", exact: true }).click();
  await panel.getByRole("button", { name: "Delete", exact: true }).click();
  await expect(panel).toContainText("Not stored on this device.");
  const fetched: string[] = [];
  page.context().on("request", (request) => {
    if (request.url().endsWith(".part")) fetched.push(request.url());
  });
  await page.reload();
  await expectReady(page);
  expect(new Set(fetched).size).toBe(5);
});

test("R12: a browser that refuses every storage talks all the same, and says what it does not keep", async ({
  page,
}) => {
  await page.addInitScript(() => {
    const refuse = () => {
      throw new DOMException("denied", "SecurityError");
    };
    for (const name of ["localStorage", "sessionStorage", "indexedDB"]) {
      Object.defineProperty(window, name, { get: refuse });
    }
  });
  await open(page);
  await expect(
    page.getByText("This conversation cannot be stored on this device. It ends with the page."),
  ).toBeVisible();
  await field(page).fill("Hello");
  await field(page).press("Enter");
  await expectIdle(page);
  expect(await words(lastTurn(page))).not.toBe("");
  await page.getByRole("button", { name: "Dismiss" }).first().click();
  await expect(page.getByText("This conversation cannot be stored")).toHaveCount(0);
});
