// The page over the fake engine, built once and served to the test's own browser, under the policy that ships: for states
// that the real engine cannot be brought into at will.

import { existsSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { test as base, type Page } from "@playwright/test";
import { commonHeaders } from "../../../scripts/headers.mjs";
import { buildPreview } from "../../web/app/preview/build";

const ORIGIN = "http://preview.localhost/";
const TYPES: Record<string, string> = {
  ".css": "text/css",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
};

export interface Preview {
  page: Page;
  /** Opens the page in one of the states of preview.tsx, with further words for its address. */
  open(state: string, query?: string): Promise<void>;
  /** What the browser complained about: policy violations, errors. */
  complaints: string[];
}

export const test = base.extend<{ preview: Preview }, { previewDir: string }>({
  previewDir: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures that a fixture needs from this pattern
    async ({}, use) => use(await buildPreview()),
    { scope: "worker" },
  ],
  preview: async ({ page, previewDir }, use) => {
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error") complaints.push(message.text());
    });
    await page.route(`${ORIGIN}**`, async (route) => {
      const { pathname } = new URL(route.request().url());
      const path = join(previewDir, pathname === "/" ? "index.html" : pathname);
      if (!existsSync(path)) return route.fulfill({ status: pathname === "/favicon.ico" ? 204 : 404 });
      const headers = {
        ...commonHeaders(),
        "Content-Type": TYPES[extname(path)] ?? "application/octet-stream",
      };
      return route.fulfill({ headers, body: readFileSync(path) });
    });
    await use({
      page,
      complaints,
      async open(state, query = "") {
        await page.goto(`${ORIGIN}?state=${state}${query}`);
        await page.locator("#message").waitFor();
      },
    });
  },
});

export { expect } from "@playwright/test";
