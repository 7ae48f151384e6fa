// What the download tests share: a site with their page, a second origin that injects faults, and calls into the worker.
import { type BrowserContext, test as base, expect, type Page } from "@playwright/test";
import { commonHeaders } from "../../../../scripts/headers.mjs";
import type { StoredModel } from "../../../../web/engine/types";
import { FaultHost } from "../../support/fault_host";
import { answer, Site } from "../../support/site";
import { LIBRARY } from "../library_build";
import type { Got, Setup } from "./api";

export const PART = 32 << 10;
let injected = 0; // in all tests of this run so far

/** Says how many faults the tests injected, for the run's log. */
export function tellInjected(): void {
  process.stdout.write(`${injected} faults injected\n`);
}

const EMPTY_CATALOG = '{"version":1,"models":[]}';

/** A site whose policy lets its page reach `hosts`. */
export async function openSite(hosts: string[]): Promise<Site> {
  const site = await Site.open({ dir: LIBRARY });
  const policy = (commonHeaders()["Content-Security-Policy"] as string).replace(
    "connect-src 'self'",
    ["connect-src 'self'", ...hosts].join(" "),
  );
  const headers = { ...commonHeaders(), "Content-Security-Policy": policy };
  site.fault = (_, response, path) => {
    if (path.startsWith("/models/catalog.json"))
      return answer(response, 200, "application/json", EMPTY_CATALOG);
    const page = path.startsWith("/faults.html");
    if (!page && !path.startsWith("/faults/")) return false;
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    if (!page) {
      const set = response.setHeader.bind(response); // the static server would put its own policy in place of this one
      response.setHeader = (name, value) =>
        name === "Content-Security-Policy" ? response : set(name, value);
      return false;
    }
    response.setHeader("Content-Type", "text/html; charset=utf-8");
    response.end(
      '<!doctype html><html lang="en"><title>Test</title><script type="module" src="/faults/page.js"></script>',
    );
    return true;
  };
  return site;
}

export async function openPage(
  page: Page,
  site: Site,
  host: FaultHost,
  given: Partial<Setup> = {},
): Promise<string> {
  await page.goto(`${site.url}faults.html`);
  await page.waitForFunction(() => window.faults !== undefined);
  const setup = { baseUrl: site.url, hub: host.url, partBytes: PART, faster: 200, stallMs: 2000, ...given };
  return page.evaluate((one) => window.faults.setUp(one), setup);
}

export const get = (page: Page, name: string): Promise<Got> =>
  page.evaluate((one) => window.faults.get(one), name);

export const stored = (page: Page): Promise<StoredModel[]> => page.evaluate(() => window.faults.stored());

export const verify = (page: Page, id: string): Promise<{ ok: boolean; bad_parts: number }> =>
  page.evaluate((one) => window.faults.verify(one), id);

export const test = base.extend<{ host: FaultHost; site: Site; faults: Page }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures that a fixture needs from this pattern
  host: async ({}, use) => {
    const host = await FaultHost.open();
    await use(host);
    injected += host.injected;
    await host.stop();
  },
  site: async ({ host }, use) => {
    const site = await openSite([host.url]);
    await use(site);
    await site.stop();
  },
  faults: async ({ page, site, host }, use) => {
    await openPage(page, site, host);
    await use(page);
  },
});

export { type BrowserContext, expect };
