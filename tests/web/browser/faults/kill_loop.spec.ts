// Row D12: the browser is killed at a random moment of a download, again and again over one profile. Each time what had been
// verified and recorded is still there and still right, and the download finishes. PARLEY_KILL_LOOP makes it fifty times:
// `scripts/test.sh kill-loop`.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { type FaultHost, randomBytes, seeded, sha256 } from "../../support/fault_host";
import { killBrowser, launch } from "../../support/killed_browser";
import { expect, get, openPage, openSite, PART, stored, test, verify } from "./fixtures";

const KILLS = process.env.PARLEY_KILL_LOOP ? 50 : 5;
const PARTS = 12;

/** Resolves when so many ranges have been asked for. */
function requested(host: FaultHost, count: number): Promise<void> {
  return new Promise((resolve) => {
    let seen = 0;
    host.onRequest = (path) => {
      if (path.endsWith(".gguf") && ++seen >= count) resolve();
    };
  });
}

/** Holds the locks of all databases in `profile`, as a browser that has not quite died does, until it is told to let go. */
async function lockDatabases(profile: string): Promise<() => void> {
  const program = `
import fcntl, glob, sys
files = [open(path, "r+") for path in glob.glob(sys.argv[1] + "/Default/IndexedDB/*.leveldb/LOCK")]
for file in files:
    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
print(len(files), flush=True)
sys.stdin.read()`;
  const child = spawn("python3", ["-c", program, profile], { stdio: ["pipe", "pipe", "inherit"] });
  const [count] = await once(child.stdout, "data");
  expect(Number(count)).toBeGreaterThan(0);
  return () => child.stdin.end();
}

/** What the browser itself says of its databases: a loss that came once cannot be asked for again. */
function databaseLogs(profile: string): string {
  const folder = join(profile, "Default/IndexedDB");
  const databases = readdirSync(folder).filter((name) => name.endsWith(".leveldb"));
  return databases
    .map((name) => {
      const files = readdirSync(join(folder, name));
      const logs = files.filter((file) => file.startsWith("LOG"));
      return [
        name,
        files.join(" "),
        ...logs.map((log) => readFileSync(join(folder, name, log), "utf8")),
      ].join("\n");
    })
    .join("\n");
}

test("D12, D18: a database that a dying browser holds for another moment is waited for, and nothing seems lost", async ({
  host,
}, info) => {
  const profile = mkdtempSync(join(tmpdir(), "parley-lock-"));
  const site = await openSite([host.url]);
  try {
    const name = host.serveRepository("me/kept", randomBytes(3 * PART, seeded(7)));
    const first = await launch(profile, info);
    const page = await first.newPage();
    await openPage(page, site, host);
    expect(await get(page, name)).toMatchObject({ message: "", ok: true });
    await first.close();
    const letGo = await lockDatabases(profile);
    const second = await launch(profile, info);
    const again = await second.newPage();
    again.on("worker", () => setTimeout(letGo, 3000)); // Chromium itself gives up after two seconds
    expect(await openPage(again, site, host)).toBe("opfs");
    expect(await stored(again)).toMatchObject([{ id: name, complete: true }]);
    await second.close();
  } finally {
    await site.stop();
    rmSync(profile, { recursive: true, force: true });
  }
});

test(`D12: killed ${KILLS} times in the middle of a download, it loses nothing that was verified`, async ({
  host,
}, info) => {
  test.setTimeout(600_000);
  const random = seeded(50);
  const profile = mkdtempSync(join(tmpdir(), "parley-kill-"));
  const site = await openSite([host.url]);
  const bytes = Array.from({ length: KILLS + 1 }, () => randomBytes(PARTS * PART - 77, random));
  const nameOf = (index: number) => `hf:kill/${index}`;
  let acknowledged = 0; // bytes that the worker said were kept before the last kill
  let resumed = 0;
  try {
    for (let round = 0; round <= KILLS; round++) {
      const context = await launch(profile, info);
      const page = (context.pages()[0] as Page | undefined) ?? (await context.newPage());
      host.delayMs = 0;
      const backend = await openPage(page, site, host);
      const notices = await page.evaluate(() => window.faults.notices());
      expect(backend, `round ${round}, ${JSON.stringify(notices)}`).toBe("opfs");
      if (round > 0) {
        const before = (await stored(page)).find(({ id }) => id === nameOf(round - 1));
        const found = before?.bytes ?? 0;
        if (found < acknowledged) console.error(databaseLogs(profile));
        expect(found, `round ${round}, ${JSON.stringify(before)}`).toBeGreaterThanOrEqual(acknowledged);
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
        expect(ranges).toBeLessThanOrEqual(Math.ceil((PARTS * PART - (before?.bytes ?? 0)) / PART) + 1);
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
      const underWay = requested(host, 1 + Math.floor(random() * PARTS));
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
      await underWay;
      await new Promise((resolve) => setTimeout(resolve, random() * 60));
      await killBrowser(profile);
      await context.close().catch(() => {});
    }
    expect(resumed).toBeGreaterThan(KILLS / 5);
  } finally {
    await site.stop();
    rmSync(profile, { recursive: true, force: true });
  }
});
