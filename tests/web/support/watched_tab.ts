// A tab that is hidden and frozen as a browser does it to one that nobody looks at. Playwright keeps its own pages in sight,
// and what is in sight is never frozen: Page.setWebLifecycleState does nothing there. So this is a browser beside its own.

import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { chromium, type Page, type TestInfo } from "@playwright/test";

export interface WatchedTab {
  page: Page;
  /** Hides and freezes the page with its workers; resolves when it is. */
  freeze(): Promise<void>;
  /** Thaws it, and shows it again. */
  show(): Promise<void>;
  close(): Promise<void>;
}

export async function openWatchedTab({ project }: TestInfo): Promise<WatchedTab> {
  const { launchOptions = {} } = project.use;
  const port = await freePort();
  const args = [...(launchOptions.args ?? []), `--remote-debugging-port=${port}`, "--lang=en-US"];
  const launched = await chromium.launch({ ...launchOptions, args });
  const browser = await chromium.connectOverCDP(`http://127.0.0.1:${port}`, { noDefaults: true });
  const [context] = browser.contexts();
  if (context === undefined) throw new Error("the browser has no window");
  const page = await context.newPage();
  await page.addInitScript(() => {
    for (const state of ["freeze", "resume"]) {
      document.addEventListener(state, () => Object.assign(window, { lifecycle: state }));
    }
  });
  const devtools = await context.newCDPSession(page);
  const isIn = (state: string) =>
    // A frozen page has neither frames nor timers to look again by.
    until(() => page.evaluate((wanted) => Reflect.get(window, "lifecycle") === wanted, state));
  return {
    page,
    async freeze() {
      await devtools.send("Page.setWebLifecycleState", { state: "frozen" });
      await isIn("freeze");
    },
    async show() {
      await devtools.send("Emulation.setFocusEmulationEnabled", { enabled: true });
      await devtools.send("Page.setWebLifecycleState", { state: "active" });
      await isIn("resume");
    },
    async close() {
      await browser.close();
      await launched.close();
    },
  };
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
