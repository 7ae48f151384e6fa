// Fetches files part by part: retries with jittered backoff, waits while offline, counts bytes, and gives out only parts
// whose SHA-256 is right. Storing them is left to library.ts.
import { abortError, isAbortError, ParleyError, throwIfAborted } from "../errors";
import type { CatalogPart } from "../types";
import type { ProgressMeter } from "./progress";
import { sha256Hex } from "./sha256";

const PARALLEL = 3;
const TRIES = 6;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 20_000;
const LONGEST_RETRY_AFTER_MS = 60_000;

/** What the world outside does; tests put their own in. */
export interface World {
  readonly stallMs: number; // the longest wait for a byte
  fetch(url: string, init: RequestInit): Promise<Response>;
  sleep(ms: number, signal: AbortSignal | undefined): Promise<void>;
  now(): number; // ms
  random(): number; // [0, 1)
  online(): boolean;
  whenOnline(signal: AbortSignal | undefined): Promise<void>;
  /** Whether the page's policy refused an address of this host. */
  blocked(url: string): boolean;
}

/** A controller that aborts when `signal` does, or by itself. */
export function follower(signal: AbortSignal | undefined): AbortController {
  const controller = new AbortController();
  if (signal?.aborted) controller.abort();
  signal?.addEventListener("abort", () => controller.abort(), { once: true, signal: controller.signal });
  return controller;
}

/** Runs `work` for each of `items`, three at a time. The first failure stops the rest and is thrown. */
export async function inParallel<T>(
  items: readonly T[],
  signal: AbortSignal | undefined,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = follower(signal);
  const queue = items.values();
  const worker = async () => {
    for (const item of queue) {
      throwIfAborted(stop.signal);
      await work(item, stop.signal);
    }
  };
  const workers = Array.from({ length: Math.min(PARALLEL, items.length) }, () =>
    worker().catch((error: unknown) => {
      stop.abort();
      throw error;
    }),
  );
  const results = await Promise.allSettled(workers);
  throwIfAborted(signal);
  const failures = results.filter((result) => result.status === "rejected").map((result) => result.reason);
  const [failure] = [...failures.filter((error) => !isAbortError(error)), ...failures];
  if (failure !== undefined) throw failure;
}

/** Fetches `parts` and hands each to `keep` once its hash is right. */
export function fetchParts(
  parts: readonly CatalogPart[],
  keep: (part: CatalogPart, bytes: Uint8Array<ArrayBuffer>) => Promise<void>,
  meter: ProgressMeter,
  world: World,
  signal: AbortSignal | undefined,
): Promise<void> {
  return inParallel(parts, signal, async (part, running) => {
    await keep(part, await fetchPart(part, meter, world, running));
    meter.flush();
  });
}

async function fetchPart(
  part: CatalogPart,
  meter: ProgressMeter,
  world: World,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  let wrong = 0;
  return retrying(world, meter, signal, async () => {
    let counted = 0;
    const count = (bytes: number) => {
      counted += bytes;
      meter.add(bytes);
    };
    try {
      // The browser's own cache would hold every part twice, and wrong ones and refusals for a while.
      const bytes = await fetchBytes(part.url, part.bytes, count, world, signal, "no-store");
      if (bytes.length === part.bytes && (await sha256Hex(bytes)) === part.sha256) return bytes;
      wrong += 1;
      const error = new ParleyError("HASH_MISMATCH", describeWrongPart(part, bytes));
      throw wrong < 2 ? new Retry(error) : error;
    } catch (error) {
      meter.add(-counted);
      throw error;
    }
  });
}

/** A failure that is worth another try, after `waitMs` at least, and at most `most` tries in all. */
export class Retry extends Error {
  constructor(
    readonly failure: ParleyError,
    readonly waitMs = 0,
    readonly most = Number.POSITIVE_INFINITY,
  ) {
    super(failure.message);
  }
}

/**
 * Runs `attempt` until it succeeds, throws something other than Retry, or has had its tries. Time offline does not count,
 * unless there is but one try.
 */
export async function retrying<T>(
  world: World,
  meter: Pick<ProgressMeter, "wait"> | null,
  signal: AbortSignal | undefined,
  attempt: () => Promise<T>,
  most = TRIES,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      throwIfAborted(signal);
      if (!(error instanceof Retry)) throw error;
      if (most === 1) throw error.failure;
      if (!world.online()) {
        meter?.wait("offline");
        await world.whenOnline(signal);
        tries = 0;
        continue;
      }
      if (tries >= Math.min(most, error.most)) throw error.failure;
      meter?.wait("retry");
      const backoff = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (tries - 1)) * (0.5 + world.random());
      await world.sleep(Math.max(backoff, error.waitMs), signal);
    }
  }
}

/** One answer, whole. More bytes than `limit` are not read. Throws Retry for what may go better next time. */
export async function fetchBytes(
  url: string,
  limit: number,
  count: (bytes: number) => void,
  world: World,
  signal: AbortSignal | undefined,
  cache: RequestCache,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of fetchChunks(url, world, signal, cache)) {
    length += chunk.length;
    chunks.push(chunk.slice());
    if (length > limit) break; // enough to see what it is; the rest would only cost
    count(chunk.length);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

const CHUNK_BYTES = 256 << 10;

/**
 * Reads a body into the same memory over and over where the browser can do that: chunks of their own wait for the garbage
 * collector by tens of megabytes. A chunk is there until the next read.
 */
function readerOf(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
): Pick<ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>, "read" | "cancel"> {
  let reader: ReadableStreamBYOBReader;
  try {
    reader = body.getReader({ mode: "byob" });
  } catch {
    return body.getReader();
  }
  let room = new Uint8Array(CHUNK_BYTES);
  return {
    cancel: (reason) => reader.cancel(reason),
    async read() {
      const { done, value } = await reader.read(room);
      if (done) return { done, value: undefined };
      room = new Uint8Array(value.buffer);
      return { done, value };
    },
  };
}

/** Carries what `onAnswer` threw past the handling of network failures. */
class Answered extends Error {
  constructor(override readonly cause: unknown) {
    super();
  }
}

/**
 * The body of one answer as it comes, after `onAnswer` has seen its headers; a chunk's bytes stay until the next one. Throws
 * Retry for what may go better again.
 */
export async function* fetchChunks(
  url: string,
  world: World,
  signal: AbortSignal | undefined,
  cache: RequestCache,
  onAnswer?: (response: Response) => void,
  headers: Record<string, string> = {},
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const stalled = follower(signal);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const watch = () => {
    clearTimeout(timer);
    timer = setTimeout(() => stalled.abort(), world.stallMs);
  };
  try {
    watch();
    const response = await world.fetch(url, {
      credentials: "omit",
      referrerPolicy: "no-referrer",
      cache,
      headers,
      signal: stalled.signal,
    });
    if (!response.ok) throw statusError(url, response);
    try {
      onAnswer?.(response);
    } catch (error) {
      void response.body?.cancel().catch(() => {});
      throw new Answered(error);
    }
    if (response.body === null) return;
    const reader = readerOf(response.body);
    try {
      for (;;) {
        watch();
        const { done, value } = await reader.read();
        if (done) return;
        yield value;
      }
    } finally {
      void reader.cancel().catch(() => {});
    }
  } catch (error) {
    if (signal?.aborted) throw abortError();
    if (error instanceof Answered) throw error.cause;
    if (error instanceof Retry || error instanceof ParleyError) throw error;
    if (world.blocked(url)) {
      throw new ParleyError(
        "CSP_BLOCKED",
        `This page's policy does not let it fetch from ${new URL(url).host}.`,
      );
    }
    const why = stalled.signal.aborted ? `no byte came for ${world.stallMs / 1000} s` : messageOf(error);
    throw new Retry(new ParleyError("NETWORK", `${url} could not be fetched: ${why}`, { cause: error }));
  } finally {
    clearTimeout(timer);
  }
}

function statusError(url: string, response: Response): Error {
  void response.body?.cancel().catch(() => {});
  const { status } = response;
  const error = new ParleyError(
    "HTTP_STATUS",
    `${url} answered ${[status, response.statusText].join(" ").trimEnd()}.`,
  );
  // A signed address that has expired: the original one leads to a new one.
  const expired = response.redirected && (status === 401 || status === 403 || status === 410);
  const passing = status === 408 || status === 425 || status === 429 || status >= 500 || expired;
  return passing ? new Retry(error, retryAfterMs(response.headers.get("Retry-After"))) : error;
}

/** Seconds or a date, as RFC 9110 section 10.2.3 has it. */
export function retryAfterMs(value: string | null, now = Date.now()): number {
  if (value === null) return 0;
  const ms = /^\d+$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - now;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), LONGEST_RETRY_AFTER_MS) : 0;
}

/** What a file is that is no model, where it can be told; null for anything else. */
export function describeImpostor(bytes: Uint8Array): string | null {
  const start = new TextDecoder("utf-8", { fatal: false })
    .decode(bytes.subarray(0, 256))
    .trimStart()
    .toLowerCase();
  if (start.startsWith("<!doctype html") || start.startsWith("<html")) {
    return "an HTML page, not a part of the model: a login or error page, perhaps";
  }
  if (start.startsWith("version https://git-lfs.github.com/spec/")) {
    return "a Git LFS pointer, not the file it points to";
  }
  return null;
}

/** Says what came instead of a part, where it can be told. */
export function describeWrongPart(part: CatalogPart, bytes: Uint8Array): string {
  const what = describeImpostor(bytes);
  if (what !== null) return `${part.url} is ${what}.`;
  if (bytes.length !== part.bytes) {
    const size =
      bytes.length > part.bytes ? `more than the ${part.bytes}` : `${bytes.length} of ${part.bytes}`;
    return `${part.url} has ${size} bytes that the catalog names.`;
  }
  return `${part.url} has another SHA-256 than the catalog names.`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(abortError());
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

const LOOK_MS = 1000;
const TRY_MS = 15_000; // a browser that calls itself offline may be wrong

/** Not every browser tells a worker when the network is back, so this looks, too. */
function whenOnline(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const end = follower(signal);
    const settle = () => {
      end.abort();
      if (signal?.aborted) reject(abortError());
      else resolve();
    };
    const timer = setInterval(() => {
      if (navigator.onLine !== false || performance.now() - began > TRY_MS) settle();
    }, LOOK_MS);
    end.signal.addEventListener("abort", () => clearInterval(timer));
    globalThis.addEventListener("online", settle, { once: true, signal: end.signal });
    signal?.addEventListener("abort", settle, { once: true });
  });
}

/** The world of a browser's worker. */
export function browserWorld(): World {
  const blockedHosts = new Set<string>();
  globalThis.addEventListener("securitypolicyviolation", (event) => {
    const { blockedURI } = event as SecurityPolicyViolationEvent;
    if (URL.canParse(blockedURI)) blockedHosts.add(new URL(blockedURI).host);
  });
  return {
    stallMs: 30_000,
    fetch: (url, init) => fetch(url, init),
    sleep,
    now: () => performance.now(),
    random: () => Math.random(),
    online: () => navigator.onLine !== false,
    whenOnline,
    blocked: (url) => blockedHosts.has(new URL(url).host),
  };
}
