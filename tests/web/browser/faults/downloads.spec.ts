// What can go wrong with a download, with the library's own code in a real browser: rows D1 to D18, and hundreds of random
// faults after which no wrong byte was accepted.
import { type Fault, FaultHost, type FaultKind, randomBytes, seeded, sha256 } from "../../support/fault_host";
import { openWatchedTab } from "../../support/watched_tab";
import { expect, get, openPage, openSite, PART, stored, tellInjected, test, verify } from "./fixtures";

const random = seeded(1);
const model = (parts = 4) => randomBytes(Math.floor((parts - 0.4) * PART), random);

test("a clean host: every source gives its file, and a second load asks for nothing", async ({
  faults,
  host,
}) => {
  const bytes = model();
  const names = [
    host.serve("a.gguf", bytes),
    host.serveRepository("me/b", model()),
    host.serveEntry("c", model(), PART),
  ];
  for (const name of names) {
    expect(await get(faults, name)).toMatchObject({ ok: true, fromStorage: false, overdrawn: false });
  }
  expect(await get(faults, names[0] as string)).toMatchObject({ sha256: sha256(bytes), fromStorage: true });
  host.requests.length = 0;
  for (const name of names) expect(await get(faults, name)).toMatchObject({ ok: true, fromStorage: true });
  expect(host.requests.map(({ path }) => path)).toEqual(["c.json"]);
});

test("D1: offline in the middle it waits, says so, and goes on where it was", async ({ faults, host }) => {
  const bytes = model(6);
  const name = host.serve("d1.gguf", bytes);
  // The browser's emulation of a network that is gone does not reach workers.
  host.onRequest = () => {
    if (host.requests.length === 3) host.paused = true;
  };
  await faults.evaluate(() => window.faults.pretendOnline(false));
  const getting = get(faults, name);
  await expect.poll(() => host.paused).toBe(true);
  const kept = async () => (await stored(faults))[0]?.bytes ?? 0;
  await expect.poll(kept).toBeGreaterThanOrEqual(PART);
  host.paused = false;
  host.onRequest = () => {};
  const before = await kept();
  host.requests.length = 0;
  await faults.evaluate(() => window.faults.pretendOnline(true));
  const got = await getting;
  expect(got).toMatchObject({ message: "", ok: true, sha256: sha256(bytes) });
  expect(got.waits).toContain("offline");
  expect(host.requests.length).toBeLessThanOrEqual(6 - before / PART);
});

test("D1: a host that is gone is NETWORK; when it is back, the rest is fetched", async ({ faults, host }) => {
  const bytes = model(6);
  const name = host.serve("gone.gguf", bytes);
  host.onRequest = () => {
    if (host.requests.length === 4) host.paused = true;
  };
  expect(await get(faults, name)).toMatchObject({ ok: false, code: "NETWORK" });
  const [{ bytes: kept } = { bytes: 0 }] = await stored(faults);
  expect(kept).toBeGreaterThanOrEqual(PART);
  host.onRequest = () => {};
  host.paused = false;
  host.requests.length = 0;
  expect(await get(faults, name)).toMatchObject({ message: "", ok: true, sha256: sha256(bytes) });
  expect(host.requests.length).toBeLessThanOrEqual(6 - kept / PART + 1);
});

test.afterAll(tellInjected);

/** One fault of each kind on each kind of source: the file is right in the end, and how much more was asked for. */
const CASES: [row: string, kind: FaultKind, more: number][] = [
  ["D2", "cut", 1],
  ["D2", "close", 1],
  ["D3", "shifted-range", 2],
  ["D3", "lying-range", 99],
  ["D3, D7", "hidden-range", 99],
  ["D4", "ignore-range", 1],
  ["D5", "416", 1],
  ["D5", "new-etag", 99],
  ["D6", "redirect", 1],
  ["D6", "expired", 2],
  ["D8", "long", 1],
  ["D8", "no-length", 0],
  ["D8", "gzip", 99],
  ["D9", "html", 2],
  ["D10", "flip", 99],
  ["D11", "stall", 1],
  ["D11", "slow", 0],
  ["D11", "429", 1],
  ["D11", "503", 1],
];

for (const [row, kind, more] of CASES) {
  test(`${row}: ${kind} once`, async ({ faults, host }) => {
    const fault: Fault = { kind, at: 0.6 };
    const repository = model();
    const parted = model();
    // The second request, so that something is there already.
    const ok: Fault = { kind: "no-length" };
    const name = host.serveRepository("me/it", repository, [ok, fault]);
    expect(await get(faults, name)).toMatchObject({
      message: "",
      ok: true,
      sha256: sha256(repository),
      overdrawn: false,
    });
    expect(host.requests.length).toBeLessThanOrEqual(1 + 4 + more);
    host.requests.length = 0;
    const entry = host.serveEntry("it", parted, PART, (part) => (part === 1 ? [fault] : []));
    const got = await get(faults, entry);
    expect(host.requests.length).toBeLessThanOrEqual(1 + 4 + Math.max(more, 1) + 1);
    if (kind === "416")
      expect(got).toMatchObject({ ok: false, code: "HTTP_STATUS" }); // no range was asked for
    else expect(got).toMatchObject({ message: "", ok: true, sha256: sha256(parted), overdrawn: false });
  });
}

test("D5: a file that changes on its host while it arrives is whole and of one piece", async ({
  faults,
  host,
}) => {
  const before = model(5);
  const name = host.serve("moving.gguf", before);
  const after = randomBytes(before.length, random);
  host.onRequest = (path) => {
    if (path === "moving.gguf" && host.requests.length === 3) host.serve("moving.gguf", after);
  };
  const got = await get(faults, name);
  expect(got).toMatchObject({ ok: true });
  expect([sha256(before), sha256(after)]).toContain(got.sha256);
});

test("D6: an address that the page's policy refuses is CSP_BLOCKED, before and behind a redirect", async ({
  faults,
  host,
}) => {
  const elsewhere = await FaultHost.open();
  const url = elsewhere.serve("x.gguf", model());
  expect(await get(faults, url)).toMatchObject({ ok: false, code: "CSP_BLOCKED" });
  host.awayUrl = url;
  const leadsAway = host.serve("away.gguf", model(), Array<Fault>(20).fill({ kind: "away" }));
  expect(await get(faults, leadsAway)).toMatchObject({ ok: false, code: "CSP_BLOCKED" });
  expect(elsewhere.requests).toEqual([]);
  await elsewhere.stop();
});

test("a host without CORS is an error that names the address", async ({ faults, host }) => {
  const name = host.serve("closed.gguf", model(), Array<Fault>(20).fill({ kind: "no-cors" }));
  expect(await get(faults, name)).toMatchObject({
    ok: false,
    code: "NETWORK",
    message: expect.stringContaining(name),
  });
});

test("D10: one flipped byte of a published part has that part alone fetched again", async ({
  faults,
  host,
}) => {
  const bytes = model(5);
  const name = host.serveEntry("flip", bytes, PART, (part) =>
    part === 3 ? [{ kind: "flip", at: 0.1 }] : [],
  );
  expect(await get(faults, name)).toMatchObject({ message: "", ok: true, sha256: sha256(bytes) });
  const paths = host.requests.map(({ path }) => path);
  expect(paths.filter((path) => path === "flip.3.part")).toHaveLength(2);
  expect(paths).toHaveLength(7);
});

test("D13, D14: two tabs fetch one model once; when the one at work dies, the other goes on", async ({
  faults,
  host,
  site,
  context,
}) => {
  const other = await context.newPage();
  await openPage(other, site, host);
  const parts = 30;
  const bytes = model(parts);
  const name = host.serveRepository("me/two", bytes);
  host.delayMs = 200;
  const first = get(faults, name).catch(() => "died");
  await expect.poll(() => host.requests.length).toBeGreaterThan(2);
  const second = other.evaluate((one) => {
    const onProgress = ({ elsewhere }: { elsewhere?: boolean }) => {
      if (elsewhere) document.title = "elsewhere";
    };
    return window.faults.get(one, window.onProgress(onProgress));
  }, name);
  await expect.poll(() => other.title()).toBe("elsewhere"); // it waits for the first, which has not half of it yet
  const asked = host.requests.filter(({ range }) => range !== undefined).length;
  await faults.close();
  expect(await first).toBe("died");
  expect(await second).toMatchObject({ message: "", ok: true, sha256: sha256(bytes) });
  expect((await second).waits).toContain("elsewhere");
  const ranges = host.requests.flatMap(({ range }) => (range === undefined ? [] : [range]));
  expect(ranges.length).toBeLessThanOrEqual(parts + Math.min(3, asked)); // those under way when the tab died are asked again
});

test("D14: a tab that is frozen loses the download to the other", async ({ host, site }, info) => {
  const frozen = await openWatchedTab(info);
  try {
    await openPage(frozen.page, site, host);
    const other = await frozen.page.context().newPage();
    await openPage(other, site, host);
    const bytes = model(8);
    const name = host.serveRepository("me/frozen", bytes);
    host.delayMs = 200;
    let ended = false;
    const end = () => {
      ended = true;
    };
    get(frozen.page, name).then(end, end);
    await expect.poll(() => host.requests.length).toBeGreaterThan(2);
    await frozen.freeze();
    host.delayMs = 0;
    expect(await get(other, name)).toMatchObject({ message: "", ok: true, sha256: sha256(bytes) });
    expect(ended).toBe(false);
  } finally {
    await frozen.close();
  }
});

test("D15: a quota that ends leaves the rest in memory and says so; the file is whole and can be deleted", async ({
  faults,
  host,
  site,
  context,
}) => {
  const session = await context.newCDPSession(faults);
  const origin = new URL(site.url).origin;
  await session.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 6 * PART });
  const bytes = model(40);
  const name = host.serveRepository("me/large", bytes);
  expect(await get(faults, name)).toMatchObject({ message: "", ok: true, sha256: sha256(bytes) });
  const notices = await faults.evaluate(() => window.faults.notices());
  expect(notices.map(({ code }) => code)).toContain("STORAGE_MEMORY");
  expect(await stored(faults)).toMatchObject([{ complete: false }]);
  await faults.evaluate(() => window.faults.clear());
  expect(await stored(faults)).toEqual([]);
});

test("D15: a model far larger than what is free is refused before a byte of it, with how much to free", async ({
  faults,
  host,
}) => {
  const quotaSize = 10 << 20;
  await faults.evaluate((bytes) => window.faults.pretendRoom(bytes), quotaSize);
  const listing = JSON.parse('{"sha":"0123456789abcdef0123456789abcdef01234567","siblings":[]}');
  const lfs = { sha256: "0".repeat(64), size: 2e9, pointerSize: 130 };
  listing.siblings = [{ rfilename: "huge.gguf", size: 2e9, lfs }];
  host.texts.set("api/models/me/huge/revision/main", JSON.stringify(listing));
  const got = await get(faults, "hf:me/huge");
  expect(got).toMatchObject({ ok: false, code: "STORAGE_FULL" });
  expect(got.bytes).toBe(2e9 - quotaSize);
  expect(host.requests.map(({ path }) => path)).toEqual(["api/models/me/huge/revision/main"]);
});

test("D16: a part that was evicted or has rotted is found when it is read, and fetched again alone", async ({
  faults,
  host,
}) => {
  const bytes = model(6);
  const name = host.serveRepository("me/rot", bytes);
  await get(faults, name);
  for (const harm of ["rot", "evict"]) {
    await faults.evaluate(async (kind) => {
      const root = await navigator.storage.getDirectory();
      const parts = await root.getDirectoryHandle("parley-parts");
      const names = await Array.fromAsync((parts as unknown as { keys(): AsyncIterable<string> }).keys());
      const victim = names.sort()[2] as string;
      if (kind === "evict") return parts.removeEntry(victim);
      const handle = await parts.getFileHandle(victim);
      const writable = await handle.createWritable({ keepExistingData: true });
      await writable.write({ type: "write", position: 5, data: new Uint8Array([1, 2, 3, 4]) });
      await writable.close();
    }, harm);
    host.requests.length = 0;
    expect(await get(faults, name)).toMatchObject({ message: "", ok: true, sha256: sha256(bytes) });
    expect(host.requests).toHaveLength(1);
    expect(await verify(faults, name)).toEqual({ ok: true, bad_parts: 0 });
  }
});

test("D18: a part whose file is still locked is read all the same", async ({
  faults,
  host,
  site,
  context,
}) => {
  const bytes = model(3);
  const name = host.serveRepository("me/locked", bytes);
  await get(faults, name);
  const other = await context.newPage();
  await openPage(other, site, host);
  expect(await other.evaluate(() => window.faults.lockParts())).toBe(3);
  await openPage(faults, site, host); // a reload that comes before the other tab has let go
  expect(await get(faults, name)).toMatchObject({ message: "", ok: true, sha256: sha256(bytes) });
});

test("300 random faults: every file that was accepted is right, and every download ends well", async ({
  faults,
  host,
}) => {
  test.setTimeout(180_000);
  const hashed: FaultKind[] = [
    ...(["cut", "close", "flip", "stall", "slow", "long", "short", "extra", "no-length", "gzip"] as const),
    ...([
      "ignore-range",
      "shifted-range",
      "lying-range",
      "hidden-range",
      "416",
      "403",
      "404",
      "429",
      "500",
    ] as const),
    ...(["503", "empty", "html", "redirect", "expired", "no-cors", "new-etag"] as const),
  ];
  // Without any hash a flipped byte or an end that agrees with its length cannot be told from the file.
  const unhashed = hashed.filter((kind) => !["flip", "short", "extra", "lying-range"].includes(kind));
  const pick = (kinds: readonly FaultKind[]): Fault => ({
    kind: kinds[Math.floor(random() * kinds.length)] as FaultKind,
    at: random(),
  });
  const errors: Record<string, number> = {};
  for (let count = 0; host.injected < 320; count++) {
    const bytes = model(2 + Math.floor(random() * 4));
    const script = (kinds: readonly FaultKind[]) => Array.from({ length: 4 }, () => pick(kinds));
    const names = [
      () => host.serve(`random/file/${count}.gguf`, bytes, script(unhashed)),
      () => host.serveRepository(`random/${count}`, bytes, script(hashed)),
      () => host.serveEntry(`random-${count}`, bytes, PART, () => [pick(hashed)]),
    ];
    const name = (names[count % 3] as () => string)();
    let got = await get(faults, name);
    for (let tries = 0; !got.ok && tries < 8; tries++) {
      expect(got.code, JSON.stringify(got)).toMatch(/^(NETWORK|HTTP_STATUS|HASH_MISMATCH|BAD_MAGIC)$/);
      errors[got.code] = (errors[got.code] ?? 0) + 1;
      got = await get(faults, name);
    }
    expect(got, `model ${count}`).toMatchObject({
      message: "",
      ok: true,
      sha256: sha256(bytes),
      overdrawn: false,
    });
    await faults.evaluate((id) => window.faults.remove(id), name);
  }
  expect(host.injected).toBeGreaterThanOrEqual(300);
  await faults.evaluate(() => window.faults.clear());
});

test("the policy of the test page is Parley's own, with one host more", async () => {
  const site = await openSite(["http://127.0.0.1:1/"]);
  const policy = (await fetch(`${site.url}faults/worker.js`)).headers.get("Content-Security-Policy");
  await site.stop();
  expect(policy).toContain("connect-src 'self' http://127.0.0.1:1/ https://huggingface.co");
});
