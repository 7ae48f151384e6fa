// Law 7: over plain http from another machine browsers refuse isolation, service workers and WebCrypto; the page still runs.
import { fileURLToPath } from "node:url";
import { test as base, expect } from "@playwright/test";
import { expectReady, say } from "../../e2e/support/talk";
import { Site } from "../support/site";

const DIST = process.env.PARLEY_DIST ?? fileURLToPath(new URL("../../../dist/", import.meta.url));

// A name that is not localhost, so that nothing about it is trusted.
const test = base.extend({
  launchOptions: [
    async ({ launchOptions }, use) =>
      use({
        ...launchOptions,
        args: [...(launchOptions.args ?? []), "--host-resolver-rules=MAP plain.test 127.0.0.1"],
      }),
    { scope: "worker" },
  ],
});

test("over plain http from another machine the page loads, checks and talks, with one thread, and says so", async ({
  page,
}) => {
  const site = await Site.open({ dir: DIST, bare: true });
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  await page.goto(site.url.replace("localhost", "plain.test"));
  expect(await page.evaluate(() => [isSecureContext, typeof crypto.subtle])).toEqual([false, "undefined"]);
  await expectReady(page);
  await expect(page.locator(".chip")).toContainText("1 thread");
  expect(await say(page, "Hello")).not.toBe("");
  expect(errors).toEqual([]);
  await site.stop();
});
