// The system's Firefox, by puppeteer over WebDriver BiDi: Playwright's own Firefox is a patched build. What puppeteer has
// not for a test of the page: clicking by words, and what went wrong on the page.

import { type Browser, type ElementHandle, launch, type Page } from "puppeteer-core";

const WAIT_MS = 60_000;

/** Keeps it from calling home; what is measured or shown is as shipped. */
const PREFERENCES = {
  "app.update.disabledForTesting": true,
  "browser.shell.checkDefaultBrowser": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "toolkit.telemetry.reportingpolicy.firstRun": false,
};

/** Starts the program that PARLEY_FIREFOX names, with an empty profile of its own. Closing the page's browser ends it. */
export async function launchFirefox(): Promise<{ browser: Browser; page: Page }> {
  const browser = await launch({
    browser: "firefox",
    executablePath: process.env.PARLEY_FIREFOX ?? "firefox-esr",
    extraPrefsFirefox: PREFERENCES,
    protocolTimeout: 2 * WAIT_MS,
  });
  const page = await browser.newPage();
  page.setDefaultTimeout(WAIT_MS);
  await page.evaluateOnNewDocument(collectComplaints);
  return { browser, page };
}

/** Clicks the first element that `selector` finds and, where given, that has exactly this text. */
export async function click(page: Page, selector: string, text?: string): Promise<void> {
  const found = await page.waitForFunction(
    (wanted: string, words: string | null) =>
      [...document.querySelectorAll<HTMLElement>(wanted)].find(
        (one) => one.offsetWidth > 0 && (words === null || one.textContent.trim() === words),
      ),
    {},
    selector,
    text ?? null,
  );
  await (found as ElementHandle<Element>).click();
}

/** What went wrong on the page: errors of scripts, policy violations. */
export function complaints(page: Page): Promise<string[]> {
  return page.evaluate(() => Reflect.get(window, "complaints") as string[]);
}

/** Runs before anything of the page's. */
function collectComplaints(): void {
  const complaints: string[] = [];
  Object.assign(window, { complaints });
  addEventListener("error", ({ message }) => complaints.push(message));
  addEventListener("unhandledrejection", ({ reason }) => complaints.push(String(reason)));
  document.addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) =>
    complaints.push(`${effectiveDirective} refused ${blockedURI}`),
  );
}
