// Downloads against a scripted network: what is retried, what is refused, what is said.
import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ParleyError } from "../../../../web/engine/errors";
import { fetchParts, retryAfterMs } from "../../../../web/engine/models/download";
import { ProgressMeter } from "../../../../web/engine/models/progress";
import type { CatalogPart, LoadProgress } from "../../../../web/engine/types";
import { brokenBody, FakeWorld } from "../../support/fake_world";

const HOST = "https://host.example/";

function makePart(
  name: string,
  size: number,
  seed = 1,
): { part: CatalogPart; bytes: Uint8Array<ArrayBuffer> } {
  const bytes = Uint8Array.from({ length: size }, (_, index) => (index * 31 + seed * 17) & 255);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return { part: { url: HOST + name, bytes: size, sha256 }, bytes };
}

async function download(world: FakeWorld, parts: CatalogPart[], signal?: AbortSignal) {
  const kept = new Map<string, Uint8Array>();
  const progress: LoadProgress[] = [];
  const total = parts.reduce((sum, part) => sum + part.bytes, 0);
  const meter = new ProgressMeter(
    total,
    0,
    () => world.now(),
    (one) => progress.push(one),
  );
  const keep = async (part: CatalogPart, bytes: Uint8Array<ArrayBuffer>) => {
    kept.set(part.url, bytes);
  };
  let error: unknown = null;
  try {
    await fetchParts(parts, keep, meter, world, signal);
  } catch (thrown) {
    error = thrown;
  }
  return { kept, progress, error };
}

const html = new TextEncoder().encode("\n<!DOCTYPE html><html><title>Log in</title></html>");
const pointer = new TextEncoder().encode(
  "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n",
);

describe("a download", () => {
  test("keeps every part and ends at all bytes", async () => {
    const world = new FakeWorld();
    const made = [1, 2, 3, 4, 5].map((seed) => makePart(`p${seed}`, 1000 + seed, seed));
    for (const { part, bytes } of made) world.serve(part.url, bytes);
    const { kept, progress, error } = await download(
      world,
      made.map(({ part }) => part),
    );
    expect(error).toBeNull();
    for (const { part, bytes } of made) expect(kept.get(part.url)).toEqual(bytes);
    expect(progress.at(-1)).toMatchObject({ phase: "download", loaded: 5015, total: 5015 });
    expect(world.requests).toHaveLength(5);
  });

  test("has at most three requests under way", async () => {
    const world = new FakeWorld();
    let now = 0;
    let most = 0;
    const made = Array.from({ length: 9 }, (_, seed) => makePart(`p${seed}`, 10, seed));
    for (const { part, bytes } of made) {
      world.answers.set(part.url, async () => {
        now += 1;
        most = Math.max(most, now);
        await new Promise((resolve) => setTimeout(resolve, 2));
        now -= 1;
        return new Response(bytes);
      });
    }
    await download(
      world,
      made.map(({ part }) => part),
    );
    expect(most).toBe(3);
  });

  test("asks without credentials or referrer", async () => {
    const world = new FakeWorld();
    const { part, bytes } = makePart("p", 10);
    let init: RequestInit = {};
    world.answers.set(part.url, (request) => {
      init = request.init;
      return new Response(bytes);
    });
    await download(world, [part]);
    expect(init).toMatchObject({ credentials: "omit", referrerPolicy: "no-referrer" });
  });

  test("D2: a connection that breaks off costs that part alone", async () => {
    const world = new FakeWorld();
    const whole = makePart("whole", 50, 1);
    const cut = makePart("cut", 50, 2);
    world.serve(whole.part.url, whole.bytes);
    world.answers.set(cut.part.url, ({ attempt }) =>
      attempt === 1 ? brokenBody(cut.bytes.slice(0, 20)) : new Response(cut.bytes),
    );
    const { kept, progress, error } = await download(world, [whole.part, cut.part]);
    expect(error).toBeNull();
    expect(kept.get(cut.part.url)).toEqual(cut.bytes);
    expect(world.requests.filter((url) => url === whole.part.url)).toHaveLength(1);
    for (const { loaded, total } of progress) expect(loaded).toBeLessThanOrEqual(total);
  });

  test("D9: an HTML page in place of a part is named and nothing is kept", async () => {
    const world = new FakeWorld();
    const { part } = makePart("p", 50);
    world.serve(part.url, html);
    const { kept, error } = await download(world, [part]);
    expect(error).toMatchObject({ code: "HASH_MISMATCH", message: expect.stringContaining("HTML page") });
    expect(kept.size).toBe(0);
    expect(world.caches).toEqual(["no-store", "no-store"]);
  });

  test("a Git LFS pointer is named", async () => {
    const world = new FakeWorld();
    const { part } = makePart("p", 5000);
    world.serve(part.url, pointer);
    const { error } = await download(world, [part]);
    expect(error).toMatchObject({
      code: "HASH_MISMATCH",
      message: expect.stringContaining("Git LFS pointer"),
    });
  });

  test("D10: one flipped byte has that part fetched again, past the browser's cache", async () => {
    const world = new FakeWorld();
    const { part, bytes } = makePart("p", 50);
    const flipped = bytes.slice();
    flipped[20] = (flipped[20] as number) ^ 1;
    world.answers.set(part.url, ({ attempt }) => new Response(attempt === 1 ? flipped : bytes));
    const { kept, error } = await download(world, [part]);
    expect(error).toBeNull();
    expect(kept.get(part.url)).toEqual(bytes);
    expect(world.caches).toEqual(["no-store", "no-store"]);
  });

  test("D8: more bytes than the catalog names are not read to their end", async () => {
    const world = new FakeWorld();
    const { part } = makePart("p", 100);
    let given = 0;
    world.answers.set(
      part.url,
      () =>
        new Response(
          new ReadableStream({
            pull(controller) {
              given += 64;
              controller.enqueue(new Uint8Array(64));
              if (given > 1e6) controller.close();
            },
          }),
        ),
    );
    const { error, progress } = await download(world, [part]);
    expect(error).toMatchObject({
      code: "HASH_MISMATCH",
      message: expect.stringContaining("more than the 100 bytes"),
    });
    expect(given).toBeLessThan(1000);
    for (const { loaded, total } of progress) expect(loaded).toBeLessThanOrEqual(total);
  });

  test("D11: 503 and 429 are tried again, after Retry-After at least", async () => {
    const world = new FakeWorld();
    const { part, bytes } = makePart("p", 50);
    world.answers.set(part.url, ({ attempt }) => {
      if (attempt === 1) return new Response("", { status: 503, headers: { "Retry-After": "7" } });
      if (attempt === 2) return new Response("", { status: 429 });
      return new Response(bytes);
    });
    const { error, progress } = await download(world, [part]);
    expect(error).toBeNull();
    expect(world.sleeps).toEqual([7000, 1000]);
    expect(progress.some(({ waiting }) => waiting === "retry")).toBe(true);
    expect(progress.at(-1)?.waiting).toBeUndefined();
  });

  test.each([403, 404, 410])("an answer of %i is final", async (status) => {
    const world = new FakeWorld();
    const { part } = makePart("p", 50);
    world.answers.set(part.url, () => new Response("", { status }));
    const { error } = await download(world, [part]);
    expect(error).toMatchObject({ code: "HTTP_STATUS", message: expect.stringContaining(String(status)) });
    expect(world.requests).toHaveLength(1);
  });

  test("a host that never answers is given up after six tries that wait longer and longer", async () => {
    const world = new FakeWorld();
    const { part } = makePart("p", 50);
    world.answers.set(part.url, () => Promise.reject(new TypeError("Failed to fetch")));
    const { error } = await download(world, [part]);
    expect(error).toMatchObject({ code: "NETWORK" });
    expect(world.requests).toHaveLength(6);
    expect(world.sleeps).toEqual([500, 1000, 2000, 4000, 8000]);
  });

  test("D1: offline it waits, says so, and goes on", async () => {
    const world = new FakeWorld();
    const { part, bytes } = makePart("p", 50);
    world.serve(part.url, bytes);
    world.isOnline = false;
    const { kept, progress, error } = await download(world, [part]);
    expect(error).toBeNull();
    expect(kept.size).toBe(1);
    expect(world.cameOnline).toBe(1);
    expect(progress.some(({ waiting }) => waiting === "offline")).toBe(true);
  });

  test("D6: a host that the policy refuses is an error of its own, not tried again", async () => {
    const world = new FakeWorld();
    const { part } = makePart("p", 50);
    world.blockedHosts.add("host.example");
    world.answers.set(part.url, () => Promise.reject(new TypeError("Failed to fetch")));
    const { error } = await download(world, [part]);
    expect(error).toMatchObject({ code: "CSP_BLOCKED", message: expect.stringContaining("host.example") });
    expect(world.requests).toHaveLength(1);
  });

  test("aborting throws AbortError and starts nothing more", async () => {
    const world = new FakeWorld();
    const made = Array.from({ length: 8 }, (_, seed) => makePart(`p${seed}`, 10, seed));
    const controller = new AbortController();
    for (const { part, bytes } of made) {
      world.answers.set(part.url, () => {
        controller.abort();
        return new Response(bytes);
      });
    }
    const { error } = await download(
      world,
      made.map(({ part }) => part),
      controller.signal,
    );
    expect(error).toMatchObject({ name: "AbortError" });
    expect(world.requests.length).toBeLessThanOrEqual(3);
  });

  test("whatever the network does, the parts kept are right or a named error is thrown", async () => {
    const fault = fc.constantFrom(
      "ok",
      "cut",
      "flip",
      "html",
      "empty",
      "long",
      "503",
      "404",
      "refused",
      "offline",
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fault, { maxLength: 4 }), { minLength: 1, maxLength: 4 }),
        async (scripts) => {
          const world = new FakeWorld();
          const made = scripts.map((_, seed) => makePart(`p${seed}`, 40 + seed, seed));
          scripts.forEach((script, index) => {
            const { part, bytes } = made[index] as (typeof made)[number];
            world.answers.set(part.url, ({ attempt }) => {
              switch (script[attempt - 1] ?? "ok") {
                case "cut":
                  return brokenBody(bytes.slice(0, 10));
                case "flip":
                  return new Response(bytes.map((byte, at) => (at === 5 ? byte ^ 4 : byte)));
                case "html":
                  return new Response(html);
                case "empty":
                  return new Response(new Uint8Array());
                case "long":
                  return new Response(new Uint8Array(bytes.length + 1));
                case "503":
                  return new Response("", { status: 503 });
                case "404":
                  return new Response("", { status: 404 });
                case "refused":
                  return Promise.reject(new TypeError("Failed to fetch"));
                case "offline":
                  world.isOnline = false;
                  return Promise.reject(new TypeError("Failed to fetch"));
                default:
                  return new Response(bytes);
              }
            });
          });
          const { kept, error, progress } = await download(
            world,
            made.map(({ part }) => part),
          );
          for (const { part, bytes } of made) {
            if (kept.has(part.url)) expect(kept.get(part.url)).toEqual(bytes);
          }
          if (error === null) expect(kept.size).toBe(made.length);
          else expect(error).toBeInstanceOf(ParleyError);
          for (const { loaded, total } of progress) expect(loaded).toBeLessThanOrEqual(total);
        },
      ),
    );
  });
});

describe("Retry-After", () => {
  test("is seconds or a date, at most a minute", () => {
    const now = Date.parse("2026-01-01T00:00:00Z");
    expect(retryAfterMs("5", now)).toBe(5000);
    expect(retryAfterMs("Thu, 01 Jan 2026 00:00:09 GMT", now)).toBe(9000);
    expect(retryAfterMs("Wed, 31 Dec 2025 00:00:00 GMT", now)).toBe(0);
    expect(retryAfterMs("86400", now)).toBe(60_000);
    expect(retryAfterMs("soon", now)).toBe(0);
    expect(retryAfterMs(null, now)).toBe(0);
  });
});
