// The page over the fake engine, built once and served to the test's own browser, under the policy that ships: for states
// that the real engine cannot be brought into at will.

import { existsSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { type BrowserContext, test as base, type Page } from "@playwright/test";
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
  open(state: string, query?: string, page?: Page): Promise<void>;
  /** What the browser complained about: policy violations, errors. */
  complaints: string[];
}

/** Answers for the page's address in this context; returns the address. */
export async function servePreview(context: BrowserContext, previewDir: string): Promise<string> {
  await context.route(`${ORIGIN}**`, async (route) => {
    const { pathname } = new URL(route.request().url());
    const path = join(previewDir, pathname === "/" ? "index.html" : pathname);
    if (!existsSync(path)) return route.fulfill({ status: pathname === "/favicon.ico" ? 204 : 404 });
    const headers = {
      ...commonHeaders(),
      "Content-Type": TYPES[extname(path)] ?? "application/octet-stream",
    };
    return route.fulfill({ headers, body: readFileSync(path) });
  });
  return ORIGIN;
}

export const test = base.extend<{ preview: Preview }, { previewDir: string }>({
  previewDir: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures that a fixture needs from this pattern
    async ({}, use, { parallelIndex }) => use(await buildPreview(parallelIndex)),
    { scope: "worker" },
  ],
  preview: async ({ page, previewDir }, use) => {
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error") complaints.push(message.text());
    });
    await servePreview(page.context(), previewDir);
    await use({
      page,
      complaints,
      async open(state, query = "", target = page) {
        await target.goto(`${ORIGIN}?state=${state}${query}`);
        await target.locator("#message").waitFor();
      },
    });
  },
});

export { expect } from "@playwright/test";
