// The built page and its service worker on hosts of every kind: without headers, in a subpath, offline, replaced by a new
// version, broken.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test as base, expect, type Page } from "@playwright/test";
import { expectReady, say } from "../../e2e/support/talk";
import { answer, Site, type SiteOptions } from "../support/site";

const DIST = process.env.PARLEY_DIST ?? fileURLToPath(new URL("../../../dist/", import.meta.url));

interface Hosting {
  /** Serves dist/, by default as python3 -m http.server does: without a header. */
  host(options?: Partial<SiteOptions>): Promise<Site>;
  /** A copy of dist/ as a later deployment would be. */
  newVersion(change?: (dir: string) => void): string;
}

const test = base.extend<{ hosting: Hosting }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures that a fixture needs from this pattern
  hosting: async ({}, use) => {
    const sites: Site[] = [];
    const copies: string[] = [];
    await use({
      async host(options = {}) {
        const site = await Site.open({ dir: DIST, bare: true, ...options });
        sites.push(site);
        return site;
      },
      newVersion(change = () => {}) {
        const dir = mkdtempSync(join(tmpdir(), "parley-dist-"));
        copies.push(dir);
        cpSync(DIST, dir, { recursive: true });
        const page = readFileSync(join(dir, "index.html"), "utf8");
        writeFileSync(
          join(dir, "index.html"),
          page.replace('<html lang="en"', '<html lang="en" data-version="2"'),
        );
        const script = readFileSync(join(dir, "service_worker.js"), "utf8");
        const revised = script.replace(
          /"revision":"[0-9a-f]+","url":"index\.html"/,
          `"revision":"${"f".repeat(32)}","url":"index.html"`,
        );
        if (revised === script) throw new Error("index.html was not found in the precache manifest");
        writeFileSync(join(dir, "service_worker.js"), revised);
        change(dir);
        return dir;
      },
    });
    for (const site of sites) await site.stop();
    for (const dir of copies) rmSync(dir, { recursive: true });
  },
});

const version = (page: Page) => page.evaluate(() => document.documentElement.dataset.version ?? "1");
const isolated = (page: Page) => page.evaluate(() => crossOriginIsolated);

/** Waits until everything that makes the page work offline is stored. */
async function expectKept(page: Page): Promise<void> {
  await expectReady(page);
  await expect
    .poll(
      () =>
        page.evaluate(async () => {
          const names = (await caches.keys()).filter((name) => name.startsWith("parley-wasm-"));
          const counts = await Promise.all(
            names.map(async (name) => (await (await caches.open(name)).keys()).length),
          );
          return counts.reduce((sum, count) => sum + count, 0);
        }),
      { timeout: 20_000 },
    )
    .toBe(8);
}

for (const base_ of ["/", "/some/where/"]) {
  test(`W3, W4: on a bare host at ${base_} the page isolates itself with one reload and works offline from then on`, async ({
    hosting,
    page,
    context,
  }) => {
    const site = await hosting.host({ base: base_ });
    const loads: string[] = [];
    page.on("load", () => loads.push(page.url()));
    await page.goto(site.url);
    await expectKept(page);
    expect(await isolated(page)).toBe(true);
    expect(loads).toHaveLength(2);
    const first = await say(page, "Hello");
    expect(first).not.toBe("");
    await page.close();

    await site.stop();
    const later = await context.newPage();
    const headers = new Map<string, Record<string, string>>();
    later.on("response", async (response) =>
      headers.set(new URL(response.url()).pathname, await response.allHeaders()),
    );
    await later.goto(site.url);
    await expectReady(later);
    expect(await isolated(later)).toBe(true);
    expect(await say(later, "How are you?")).not.toBe("");
    for (const [path, values] of headers) {
      expect(values, path).toMatchObject({
        "cross-origin-embedder-policy": "require-corp",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "content-security-policy": expect.stringContaining("require-trusted-types-for 'script'"),
      });
    }
    expect([...headers.keys()].some((path) => /worker-.*\.js$/.test(path))).toBe(true);
  });
}

test("W3: where isolation never comes there is at most one reload, then one thread and a notice", async ({
  hosting,
  page,
}) => {
  const site = await hosting.host();
  // A service worker that adds nothing.
  site.fault = (_, response, path) =>
    path.startsWith("/service_worker.js")
      ? answer(response, 200, "text/javascript", "self.onactivate = (e) => e.waitUntil(self.clients.claim())")
      : false;
  let loads = 0;
  page.on("load", () => {
    loads += 1;
  });
  await page.goto(site.url);
  await expectReady(page);
  await page.waitForTimeout(1500);
  expect(loads).toBe(2);
  expect(await isolated(page)).toBe(false);
  await expect(page.locator(".chip")).toContainText("1 thread");
});

test("W3: a reload past the service worker is not answered with another", async ({ hosting, page }) => {
  const site = await hosting.host();
  await page.goto(site.url);
  await expectReady(page);
  expect(await isolated(page)).toBe(true);
  let loads = 0;
  page.on("load", () => {
    loads += 1;
  });
  const session = await page.context().newCDPSession(page);
  await session.send("Page.reload", { ignoreCache: true }); // shift-reload
  await expectReady(page);
  await page.waitForTimeout(1500);
  expect(loads).toBe(1);
  await page.reload();
  await expectReady(page);
  expect(await isolated(page)).toBe(true);
});

test("R1: without a service worker on a bare host it runs with one thread and says so", async ({
  hosting,
  page,
}) => {
  const site = await hosting.host();
  site.fault = (_, response, path) =>
    path.startsWith("/service_worker.js") ? answer(response, 404, "text/plain", "no") : false;
  await page.goto(site.url);
  await expectReady(page);
  await expect(page.locator(".chip")).toContainText("1 thread");
  expect(await say(page, "Hello")).not.toBe("");
});

test("W1: when one file of a new version is missing the old version stays", async ({ hosting, page }) => {
  const site = await hosting.host();
  await page.goto(site.url);
  await expectKept(page);
  const broken = hosting.newVersion();
  await site.stop();
  await site.start({ dir: broken });
  site.fault = (_, response, path) =>
    path.includes("index.html") ? answer(response, 500, "text/plain", "no") : false;
  await page.evaluate(async () => {
    const registration = await navigator.serviceWorker.getRegistration();
    await registration?.update().catch(() => {});
    // Wait until the new one has given up.
    while (registration?.installing) await new Promise((resolve) => setTimeout(resolve, 50));
  });
  await page.reload();
  await expectReady(page);
  expect(await version(page)).toBe("1");
  expect(
    await page.evaluate(async () => (await navigator.serviceWorker.getRegistration())?.waiting ?? null),
  ).toBeNull();
});

test("W2: a new version is offered, the old one goes on until the user takes it", async ({
  hosting,
  page,
}) => {
  const site = await hosting.host();
  await page.goto(site.url);
  await expectKept(page);
  await site.stop();
  await site.start({ dir: hosting.newVersion() });
  await page.evaluate(async () => (await navigator.serviceWorker.getRegistration())?.update());
  const offer = page.getByRole("button", { name: "Reload" });
  await expect(offer).toBeVisible();
  expect(await say(page, "Hello")).not.toBe("");
  await page.reload();
  await expectReady(page);
  expect(await version(page)).toBe("1");
  await offer.click();
  await expect.poll(() => version(page).catch(() => "")).toBe("2");
  await expectReady(page);
  expect(await isolated(page)).toBe(true);
  expect(await say(page, "Hello again")).not.toBe("");
});

test("R8: a page whose wasm files are gone from the host reloads once and then says so", async ({
  hosting,
  page,
}) => {
  const site = await hosting.host({ bare: false });
  site.fault = (_, response, path) =>
    path.startsWith("/wasm/") || path.startsWith("/service_worker.js")
      ? answer(response, 404, "text/plain", "no")
      : false;
  let loads = 0;
  page.on("load", () => {
    loads += 1;
  });
  await page.goto(site.url);
  await expect(page.locator(".chip")).toHaveAttribute("data-phase", "failed");
  await page.waitForTimeout(1500);
  await expect(page.locator(".chip")).toHaveAttribute("data-phase", "failed");
  expect(loads).toBe(2);
});

test("C7: weights never enter the service worker's caches, and nothing is asked of another host", async ({
  hosting,
  page,
  context,
}) => {
  const site = await hosting.host();
  const elsewhere: string[] = [];
  context.on("request", (request) => {
    if (!request.url().startsWith(site.url)) elsewhere.push(request.url());
  });
  await page.goto(site.url);
  await expectKept(page);
  const cached = await page.evaluate(async () => {
    const requests = await Promise.all(
      (await caches.keys()).map(async (name) => (await caches.open(name)).keys()),
    );
    return requests.flat().map(({ url }) => url);
  });
  expect(cached.length).toBeGreaterThan(8);
  expect(cached.filter((url) => url.endsWith(".part"))).toEqual([]);
  // A few seconds after a page has loaded the browser itself looks for a newer service worker.
  await expect
    .poll(
      async () => {
        site.requests.length = 0;
        await page.waitForTimeout(2000);
        return site.requests.length;
      },
      { timeout: 20_000 },
    )
    .toBe(0);
  expect(await say(page, "Hello")).not.toBe("");
  expect(site.requests).toEqual([]);
  expect(elsewhere).toEqual([]);
});

test("C8: inline scripts, eval, foreign frames and scripts from text are refused, by header and by the page itself", async ({
  hosting,
  page,
}) => {
  for (const bare of [false, true]) {
    const site = await hosting.host({ bare });
    site.fault = (_, response, path) =>
      path.startsWith("/service_worker.js") ? answer(response, 404, "text/plain", "no") : false;
    await page.goto(site.url);
    const outcome = await page.evaluate(async () => {
      const attempt = (work: () => unknown) => {
        try {
          work();
          return "done";
        } catch (error) {
          return (error as Error).name;
        }
      };
      // While a call of the debugger runs, eval is allowed; in the next task the policy holds again.
      await new Promise((resolve) => setTimeout(resolve));
      const marked = window as unknown as { ran?: boolean };
      const inline = document.createElement("script");
      const text = attempt(() => {
        inline.textContent = "window.ran = true";
        document.head.append(inline);
      });
      const html = attempt(() => {
        document.createElement("div").innerHTML = "<b>bold</b>";
      });
      // biome-ignore lint/security/noGlobalEval: the test is that it is refused
      const evaluated = attempt(() => globalThis.eval("window.ran = true"));
      const policy = attempt(() => {
        const { trustedTypes } = window as unknown as {
          trustedTypes: { createPolicy(name: string, rules: object): void };
        };
        trustedTypes.createPolicy("anything", {});
      });
      const worker = attempt(() => new Worker("./theme.js"));
      const refused = new Promise((resolve) => {
        document.addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective), {
          once: true,
        });
        setTimeout(() => resolve("nothing"), 3000);
      });
      const frame = document.createElement("iframe");
      frame.src = "https://example.com/";
      document.body.append(frame);
      return { text, html, evaluated, policy, worker, frame: await refused, ran: marked.ran === true };
    });
    expect(outcome).toMatchObject({
      html: "TypeError",
      evaluated: expect.stringMatching(/EvalError|TypeError/),
      policy: "TypeError",
      worker: "TypeError",
      frame: expect.stringMatching(/frame-src|script-src|require-trusted/),
      ran: false,
    });
  }
});

test("every response of the shipped host settings carries the headers", async ({ hosting }) => {
  const site = await hosting.host({ bare: false });
  const files = (readdirSync(DIST, { recursive: true, withFileTypes: true }) as import("node:fs").Dirent[])
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(DIST.replace(/\/$/, "").length + 1));
  expect(files.length).toBeGreaterThan(15);
  for (const file of [...files, "", "no-such-file"]) {
    const response = await fetch(site.url + file, { method: "HEAD" });
    expect(Object.fromEntries(response.headers), file).toMatchObject({
      "content-security-policy": expect.stringContaining("default-src 'none'"),
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-embedder-policy": "require-corp",
      "cross-origin-resource-policy": "same-origin",
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
    });
  }
});
