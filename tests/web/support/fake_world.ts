// A network, a clock and a die for tests of downloads: answers are scripted by address, time passes at once.
import type { World } from "../../../web/engine/models/download";

export type Answer = (request: {
  url: string;
  init: RequestInit;
  attempt: number;
}) => Response | Promise<Response>;

export class FakeWorld implements World {
  readonly stallMs = 30_000;
  readonly requests: string[] = [];
  readonly sleeps: number[] = [];
  readonly caches: (RequestCache | undefined)[] = [];
  readonly answers = new Map<string, Answer>();
  isOnline = true;
  cameOnline = 0;
  blockedHosts = new Set<string>();
  clock = 0;

  serve(url: string, bytes: Uint8Array<ArrayBuffer>): void {
    this.answers.set(url, () => new Response(bytes));
  }

  async fetch(url: string, init: RequestInit): Promise<Response> {
    this.requests.push(url);
    this.caches.push(init.cache);
    this.clock += 10;
    if (!this.isOnline) throw new TypeError("Failed to fetch");
    const answer = this.answers.get(url);
    if (answer === undefined) return new Response("not found", { status: 404, statusText: "Not Found" });
    return answer({ url, init, attempt: this.requests.filter((one) => one === url).length });
  }

  async sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) throw new DOMException("aborted", "AbortError");
    this.sleeps.push(ms);
    this.clock += ms;
  }

  now(): number {
    this.clock += 1;
    return this.clock;
  }

  random(): number {
    return 0.5;
  }

  online(): boolean {
    return this.isOnline;
  }

  async whenOnline(): Promise<void> {
    this.cameOnline += 1;
    this.isOnline = true;
  }

  blocked(url: string): boolean {
    return this.blockedHosts.has(new URL(url).host);
  }
}

/** A body that breaks off with a network error after `bytes`. */
export function brokenBody(bytes: Uint8Array<ArrayBuffer>): Response {
  let sent = false;
  return new Response(
    new ReadableStream({
      pull(controller) {
        if (sent) controller.error(new TypeError("network error"));
        else controller.enqueue(bytes);
        sent = true;
      },
    }),
  );
}
