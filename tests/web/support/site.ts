// A host for browser tests: scripts/serve.mjs with the faults of real hosts and networks put in front of it, by address.
// It can stop, come back, serve another build, and tells every request that it got.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { commonHeaders } from "../../../scripts/headers.mjs";
import { createStaticServer } from "../../../scripts/serve.mjs";

export interface SiteOptions {
  dir: string;
  base?: string;
  isolation?: boolean; // COOP and COEP
  bare?: boolean; // none of Parley's headers, as hosts send that know nothing of it
  port?: number;
}

/** Answers a request itself and returns true, or leaves it to the static server. */
export type Fault = (request: IncomingMessage, response: ServerResponse, path: string) => boolean | undefined;

export class Site {
  readonly requests: string[] = []; // paths, with what follows "?"
  fault: Fault = () => false;
  #options: SiteOptions;
  #inner: Server | null = null;
  #server: Server | null = null;

  constructor(options: SiteOptions) {
    this.#options = options;
  }

  static async open(options: SiteOptions): Promise<Site> {
    const site = new Site(options);
    await site.start();
    return site;
  }

  get url(): string {
    return `http://localhost:${this.#options.port}${this.#options.base ?? "/"}`;
  }

  /** Serves what the options say, at the port it had before. */
  async start(change: Partial<SiteOptions> = {}): Promise<void> {
    this.#options = { ...this.#options, ...change };
    const { dir, base = "/", isolation = true } = this.#options;
    const inner: Server = await createStaticServer({ dir, base, isolation });
    const server = createServer((request, response) => {
      const path = request.url ?? "/";
      if (this.#options.bare === true) strip(response);
      this.requests.push(path);
      if (this.fault(request, response, path) !== true) inner.emit("request", request, response);
    });
    await new Promise<void>((resolve) => server.listen(this.#options.port ?? 0, "127.0.0.1", resolve));
    this.#options.port = (server.address() as AddressInfo).port;
    this.#inner = inner;
    this.#server = server;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    this.#inner?.close();
    if (server === null) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

function strip(response: ServerResponse): void {
  const set = response.setHeader.bind(response);
  response.setHeader = (name, value) => (name in commonHeaders() ? response : set(name, value));
}

/** A plain answer, with none of Parley's headers. */
export function answer(
  response: ServerResponse,
  status: number,
  type: string,
  body: string | Uint8Array,
): true {
  response.writeHead(status, { "Content-Type": type, "Cache-Control": "no-store" });
  response.end(body);
  return true;
}
