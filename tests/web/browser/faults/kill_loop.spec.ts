// Row D12: the browser is killed at a random moment of a download, fifty times over one profile. Each time what had been
// verified and recorded is still there and still right, and the download finishes.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium, type Page, type TestInfo } from "@playwright/test";
import { randomBytes, seeded, sha256 } from "../../support/fault_host";
import { expect, get, openPage, openSite, PART, stored, test, verify } from "./fixtures";

const KILLS = 50;

/** Kills every process of the browser that has `profile`, and waits until they are gone. */
async function killBrowser(profile: string): Promise<void> {
  const victims = browserProcesses(profile);
  for (const id of victims) {
    try {
      process.kill(id, "SIGKILL");
    } catch {
      // It ended meanwhile.
    }
  }
  while (victims.some((id) => existsSync(`/proc/${id}/exe`)))
    await new Promise((done) => setTimeout(done, 5));
}

/** From the system's own list: the process that was started with `profile`, and all that it started. */
function browserProcesses(profile: string): number[] {
  const parents = new Map<number, number>();
  const found: number[] = [];
  for (const entry of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const words = readFileSync(`/proc/${entry}/cmdline`, "utf8").split("\0");
      if (words.includes(`--user-data-dir=${profile}`)) found.push(Number(entry));
      const status = readFileSync(`/proc/${entry}/status`, "utf8");
      parents.set(Number(entry), Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]));
    } catch {
      // It ended meanwhile.
    }
  }
  if (found.length === 0) throw new Error(`no browser has ${profile}`);
  for (const id of found) {
    for (const [child, parent] of parents) if (parent === id && !found.includes(child)) found.push(child);
  }
  return found;
}

async function launch(profile: string, { project }: TestInfo): Promise<BrowserContext> {
  const { launchOptions = {} } = project.use;
  return chromium.launchPersistentContext(profile, { ...launchOptions, headless: true });
}

test(`D12: killed ${KILLS} times in the middle of a download, it loses nothing that was verified`, async ({
  host,
}, info) => {
  test.setTimeout(600_000);
  const random = seeded(50);
  const profile = mkdtempSync(join(tmpdir(), "parley-kill-"));
  const site = await openSite([host.url]);
  const bytes = Array.from({ length: KILLS + 1 }, () => randomBytes(12 * PART - 77, random));
  const nameOf = (index: number) => `hf:kill/${index}`;
  let acknowledged = 0; // bytes that the worker said were kept before the last kill
  let resumed = 0;
  try {
    for (let round = 0; round <= KILLS; round++) {
      const context = await launch(profile, info);
      const page = (context.pages()[0] as Page | undefined) ?? (await context.newPage());
      host.delayMs = 0;
      await openPage(page, site, host);
      if (round > 0) {
        const before = (await stored(page)).find(({ id }) => id === nameOf(round - 1));
        expect(before?.bytes ?? 0, `round ${round}, ${JSON.stringify(before)}`).toBeGreaterThanOrEqual(
          acknowledged,
        );
        if (before !== undefined) {
          expect((await verify(page, before.id)).bad_parts, `round ${round}`).toBe(0);
          if (before.bytes > 0) resumed += 1;
        }
        host.requests.length = 0;
        const got = await get(page, nameOf(round - 1));
        expect(got, `round ${round}`).toMatchObject({
          message: "",
          ok: true,
          sha256: sha256(bytes[round - 1] as Buffer),
        });
        const ranges = host.requests.filter(({ range }) => range !== undefined).length;
        expect(ranges).toBeLessThanOrEqual(Math.ceil((12 * PART - (before?.bytes ?? 0)) / PART) + 1);
        await page.evaluate((id) => window.faults.remove(id), nameOf(round - 1));
      }
      if (round === KILLS) {
        await context.close();
        break;
      }
      acknowledged = 0;
      await page.exposeFunction("acknowledge", (kept: number) => {
        acknowledged = Math.max(acknowledged, kept);
      });
      host.serveRepository(`kill/${round}`, bytes[round] as Buffer);
      host.delayMs = 8;
      // What stored() says has its records in the database, and its bytes flushed before those.
      const running = page.evaluate(async (id) => {
        const acknowledge = (window as unknown as { acknowledge(kept: number): Promise<void> }).acknowledge;
        const timer = setInterval(async () => {
          const one = (await window.faults.stored()).find((model) => model.id === id);
          await acknowledge(one?.bytes ?? 0);
        }, 15);
        await window.faults.get(id);
        clearInterval(timer);
      }, nameOf(round));
      running.catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 40 + random() * 300));
      await killBrowser(profile);
      await context.close().catch(() => {});
    }
    expect(resumed).toBeGreaterThan(KILLS / 4);
  } finally {
    await site.stop();
    rmSync(profile, { recursive: true, force: true });
  }
});
