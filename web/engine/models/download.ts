// Fetches files part by part: retries with jittered backoff, waits while offline, counts bytes, and gives out only parts
// whose SHA-256 is right. Storing them is left to library.ts.
import { abortError, isAbortError, ParleyError, throwIfAborted } from "../errors";
import type { CatalogPart, LoadProgress } from "../types";
import { sha256Hex } from "./sha256";

const PARALLEL = 3;
const TRIES = 6;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 20_000;
const LONGEST_RETRY_AFTER_MS = 60_000;
const STALL_MS = 30_000; // without a byte

/** What the world outside does; tests put their own in. */
export interface World {
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
function follower(signal: AbortSignal | undefined): AbortController {
  const controller = new AbortController();
  if (signal?.aborted) controller.abort();
  signal?.addEventListener("abort", () => controller.abort(), { once: true, signal: controller.signal });
  return controller;
}

/** Counts bytes, their rate over the last seconds, and the time left. */
export class ProgressMeter {
  #total: number; // 0 while it is not known
  readonly #now: () => number;
  readonly #report: (progress: LoadProgress) => void;
  #loaded = 0;
  #window: { at: number; loaded: number }[] = [];
  #reported = Number.NEGATIVE_INFINITY;
  #waiting: LoadProgress["waiting"];

  constructor(total: number, stored: number, now: () => number, report: (progress: LoadProgress) => void) {
    this.#total = total;
    this.#loaded = stored;
    this.#now = now;
    this.#report = report;
    this.#send();
  }

  /** `bytes` is negative when a part that failed must be fetched again. */
  add(bytes: number): void {
    this.#loaded += bytes;
    this.#waiting = undefined;
    if (this.#now() - this.#reported >= 100 || this.#loaded >= this.#total) this.#send();
  }

  /** Tells what add() held back, so that no one waits for the next byte to see the last. */
  flush(): void {
    this.#send();
  }

  expect(total: number): void {
    this.#total = total;
  }

  wait(why: LoadProgress["waiting"]): void {
    this.#waiting = why;
    this.#send();
  }

  #send(): void {
    const now = this.#now();
    this.#reported = now;
    this.#window = this.#window.filter(({ at }) => now - at < 3000);
    this.#window.push({ at: now, loaded: this.#loaded });
    const first = this.#window[0] ?? { at: now, loaded: this.#loaded };
    const seconds = (now - first.at) / 1000;
    const rate = seconds > 0.2 ? Math.max(0, this.#loaded - first.loaded) / seconds : 0;
    const loaded = this.#total > 0 ? Math.min(this.#loaded, this.#total) : this.#loaded;
    const progress: LoadProgress = { phase: "download", loaded, total: this.#total };
    if (this.#waiting !== undefined) {
      progress.waiting = this.#waiting;
    } else if (rate > 0) {
      progress.bytes_per_second = rate;
      if (this.#total > 0) progress.seconds_left = (this.#total - loaded) / rate;
    }
    this.#report(progress);
  }
}

/** Fetches `parts`, three at a time, and hands each to `keep` once its hash is right. The first failure stops the rest. */
export async function fetchParts(
  parts: readonly CatalogPart[],
  keep: (part: CatalogPart, bytes: Uint8Array<ArrayBuffer>) => Promise<void>,
  meter: ProgressMeter,
  world: World,
  signal: AbortSignal | undefined,
): Promise<void> {
  const stop = follower(signal);
  const queue = parts.values();
  const work = async () => {
    for (const part of queue) {
      throwIfAborted(stop.signal);
      const bytes = await fetchPart(part, meter, world, stop.signal);
      await keep(part, bytes);
      meter.flush();
    }
  };
  const workers = Array.from({ length: PARALLEL }, () =>
    work().catch((error: unknown) => {
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
      // A wrong part may sit in the browser's cache, so it is not asked again.
      const bytes = await fetchBytes(
        part.url,
        part.bytes,
        count,
        world,
        signal,
        wrong > 0 ? "reload" : "default",
      );
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

/** A failure that is worth another try, after `waitMs` at least. */
class Retry extends Error {
  readonly failure: ParleyError;
  readonly waitMs: number;

  constructor(failure: ParleyError, waitMs = 0) {
    super(failure.message);
    this.failure = failure;
    this.waitMs = waitMs;
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
      if (tries >= most) throw error.failure;
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
    if (length > limit) {
      // Enough to see what it is; the rest would only cost.
      chunks.push(chunk);
      break;
    }
    chunks.push(chunk);
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

export async function* fetchChunks(
  url: string,
  world: World,
  signal: AbortSignal | undefined,
  cache: RequestCache,
  onAnswer?: (response: Response) => void,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const stalled = follower(signal);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const watch = () => {
    clearTimeout(timer);
    timer = setTimeout(() => stalled.abort(), STALL_MS);
  };
  try {
    watch();
    const response = await world.fetch(url, {
      credentials: "omit",
      referrerPolicy: "no-referrer",
      cache,
      signal: stalled.signal,
    });
    if (!response.ok) throw statusError(url, response);
    onAnswer?.(response);
    if (response.body === null) return;
    const reader = response.body.getReader();
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
    if (error instanceof Retry || error instanceof ParleyError) throw error;
    if (world.blocked(url)) {
      throw new ParleyError(
        "CSP_BLOCKED",
        `This page's policy does not let it fetch from ${new URL(url).host}.`,
      );
    }
    const why = stalled.signal.aborted ? `no byte came for ${STALL_MS / 1000} s` : messageOf(error);
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
  const passing = status === 408 || status === 425 || status === 429 || status >= 500;
  return passing ? new Retry(error, retryAfterMs(response.headers.get("Retry-After"))) : error;
}

/** Seconds or a date, as RFC 9110 section 10.2.3 has it. */
export function retryAfterMs(value: string | null, now = Date.now()): number {
  if (value === null) return 0;
  const ms = /^\d+$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - now;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), LONGEST_RETRY_AFTER_MS) : 0;
}

/** Says what came instead of a part, where it can be told. */
export function describeWrongPart(part: CatalogPart, bytes: Uint8Array): string {
  const start = new TextDecoder("utf-8", { fatal: false })
    .decode(bytes.subarray(0, 256))
    .trimStart()
    .toLowerCase();
  if (start.startsWith("<!doctype html") || start.startsWith("<html")) {
    return `${part.url} is an HTML page, not a part of the model: a login or error page, perhaps.`;
  }
  if (start.startsWith("version https://git-lfs.github.com/spec/")) {
    return `${part.url} is a Git LFS pointer, not the file it points to.`;
  }
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

/** The world of a browser's worker. */
export function browserWorld(): World {
  const blockedHosts = new Set<string>();
  globalThis.addEventListener("securitypolicyviolation", (event) => {
    const { blockedURI } = event as SecurityPolicyViolationEvent;
    if (URL.canParse(blockedURI)) blockedHosts.add(new URL(blockedURI).host);
  });
  return {
    fetch: (url, init) => fetch(url, init),
    sleep,
    now: () => performance.now(),
    random: () => Math.random(),
    online: () => navigator.onLine !== false,
    whenOnline: (signal) =>
      new Promise((resolve, reject) => {
        globalThis.addEventListener("online", () => resolve(), { once: true });
        signal?.addEventListener("abort", () => reject(abortError()), { once: true });
      }),
    blocked: (url) => blockedHosts.has(new URL(url).host),
  };
}
