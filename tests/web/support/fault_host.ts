// The other origin of the download tests: serves made-up model files with CORS, ranges and hashes, and injects the faults
// of real hosts and networks, scripted by address: each request takes the next fault of its file, then all goes well.
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";

export type FaultKind =
  | "cut" // the connection ends inside the body
  | "close" // it ends before an answer
  | "flip" // one byte is another
  | "stall" // the body stops and the connection stays
  | "slow" // it comes in drops
  | "long" // Content-Length names more than comes
  | "short" // the body lacks its end, and Content-Length agrees
  | "extra" // the body goes on after its end
  | "no-length" // chunked
  | "gzip"
  | "ignore-range" // 200 with everything
  | "shifted-range" // 206 of other bytes, and says so
  | "lying-range" // 206 of other bytes, with the Content-Range asked for
  | "hidden-range" // 206 whose Content-Range this origin may not read
  | "416"
  | "403"
  | "404"
  | "429"
  | "500"
  | "503"
  | "empty" // 200 without a byte
  | "html"
  | "redirect" // to a signed address that works once
  | "expired" // to one that does not
  | "away" // a redirect to another host, `awayUrl`
  | "no-cors"
  | "new-etag";

export interface Fault {
  kind: FaultKind;
  at?: number; // share of the body, 0 to 1
}

interface Served {
  bytes: Buffer;
  faults: Fault[];
  etag: string;
}

const HTML = "<!DOCTYPE html><html><title>Sign in to the network</title></html>";

export class FaultHost {
  readonly requests: { path: string; range: string | undefined }[] = [];
  readonly files = new Map<string, Served>();
  readonly texts = new Map<string, string>(); // paths that answer JSON
  injected = 0;
  paused = false; // answers nothing, as a network without a route
  awayUrl = "";
  delayMs = 0; // between pieces of every body
  onRequest: (path: string) => void = () => {};
  #server: Server | null = null;
  #port = 0;
  readonly #signed = new Set<string>();

  static async open(): Promise<FaultHost> {
    const host = new FaultHost();
    await host.start();
    return host;
  }

  /** 127.0.0.1, where the pages are on localhost. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}/`;
  }

  async start(): Promise<void> {
    const server = createServer((request, response) => void this.#answer(request, response));
    await new Promise<void>((resolve) => server.listen(this.#port, "127.0.0.1", resolve));
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    server?.closeAllConnections();
    if (server !== null) await new Promise((resolve) => server.close(resolve));
  }

  serve(path: string, bytes: Buffer, faults: Fault[] = []): string {
    this.files.set(path, { bytes, faults: [...faults], etag: `"${sha256(bytes).slice(0, 16)}"` });
    return this.url + path;
  }

  /** A repository of one GGUF file, as the hub lists it. */
  serveRepository(repository: string, bytes: Buffer, faults: Fault[] = []): string {
    const commit = createHash("sha1").update(repository).digest("hex");
    const lfs = { sha256: sha256(bytes), size: bytes.length, pointerSize: 130 };
    const siblings = [{ rfilename: "model.Q8_0.gguf", size: bytes.length, lfs }];
    this.texts.set(`api/models/${repository}/revision/main`, JSON.stringify({ sha: commit, siblings }));
    this.serve(`${repository}/resolve/${commit}/model.Q8_0.gguf`, bytes, faults);
    return `hf:${repository}`;
  }

  /** A catalog entry whose file has parts of their own. */
  serveEntry(
    id: string,
    bytes: Buffer,
    partBytes: number,
    faults: (part: number) => Fault[] = () => [],
  ): string {
    const parts: { url: string; bytes: number; sha256: string }[] = [];
    for (let at = 0; at < bytes.length; at += partBytes) {
      const part = bytes.subarray(at, at + partBytes);
      const path = `${id}.${parts.length}.part`;
      this.serve(path, part, faults(parts.length));
      parts.push({ url: path, bytes: part.length, sha256: sha256(part) });
    }
    const entry = {
      ...{
        id,
        name: id,
        description: "",
        revision: "1",
        license: "MIT",
        license_url: "LICENSE",
        languages: [],
      },
      ...{ architecture: "gpt2", quantization: "Q8_0", parameters: 1, context: 8, chat_format: "completion" },
      files: [{ url: `${id}.gguf`, bytes: bytes.length, parts }],
    };
    this.texts.set(`${id}.json`, JSON.stringify(entry));
    return `${this.url}${id}.json`;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? "/").slice(1).split("?")[0] as string;
    this.requests.push({ path, range: request.headers.range });
    this.onRequest(path);
    response.on("error", () => {});
    if (this.paused) return void request.socket.destroy();
    const cors = {
      "Access-Control-Allow-Origin": "*",
      "Access-Control-Expose-Headers": "ETag, Content-Range",
      "Cross-Origin-Resource-Policy": "cross-origin",
      "Cache-Control": "max-age=60",
    };
    const text = this.texts.get(path);
    if (text !== undefined) {
      response.writeHead(200, { ...cors, "Content-Type": "application/json" });
      return void response.end(text);
    }
    const signed = path.startsWith("signed/");
    const name = signed ? path.slice("signed/".length).replace(/^[^/]*\//, "") : path;
    const file = this.files.get(name);
    if (file === undefined || (signed && !this.#signed.delete(path))) {
      response.writeHead(file === undefined ? 404 : 403, cors);
      return void response.end("no");
    }
    const fault = signed ? undefined : file.faults.shift();
    if (fault !== undefined) this.injected += 1;
    await this.#send(request, response, name, file, fault, cors);
  }

  async #send(
    request: IncomingMessage,
    response: ServerResponse,
    name: string,
    file: Served,
    fault: Fault | undefined,
    cors: Record<string, string>,
  ): Promise<void> {
    const kind = fault?.kind;
    const status = Number(kind);
    if (status >= 400) {
      const total = { "Content-Range": `bytes */${file.bytes.length}` };
      const again = status === 429 || status === 503 ? { "Retry-After": "1" } : {};
      response.writeHead(status, { ...cors, ...again, ...(status === 416 && total) });
      return void response.end("no");
    }
    if (kind === "close") return void request.socket.destroy();
    if (kind === "redirect" || kind === "expired") {
      const key = `signed/${this.requests.length}/${name}`;
      if (kind === "redirect") this.#signed.add(key);
      response.writeHead(302, { ...cors, Location: this.url + key });
      return void response.end();
    }
    if (kind === "away") {
      response.writeHead(302, { ...cors, Location: this.awayUrl });
      return void response.end();
    }
    if (kind === "html" || kind === "empty") {
      response.writeHead(200, { ...cors, "Content-Type": "text/html" });
      return void response.end(kind === "html" ? HTML : "");
    }
    if (kind === "new-etag") file.etag = `"${Math.random()}"`;
    const range = kind === "ignore-range" ? null : rangeOf(request.headers.range, file.bytes.length);
    const headers: Record<string, string | number> = { ...cors, ETag: file.etag };
    if (kind === "no-cors") {
      delete headers["Access-Control-Allow-Origin"];
      delete headers["Cross-Origin-Resource-Policy"];
    }
    let body = file.bytes;
    if (range !== null) {
      if (range.start >= file.bytes.length) {
        response.writeHead(416, { ...cors, "Content-Range": `bytes */${file.bytes.length}` });
        return void response.end();
      }
      const shift = (kind === "shifted-range" || kind === "lying-range") && range.start > 0 ? -1 : 0;
      const start = range.start + shift;
      body = file.bytes.subarray(start, range.end + 1 + shift);
      const said = kind === "lying-range" ? range.start : start;
      headers["Content-Range"] = `bytes ${said}-${said + body.length - 1}/${file.bytes.length}`;
      if (kind === "hidden-range") headers["Access-Control-Expose-Headers"] = "ETag";
    }
    await this.#sendBody(request, response, range === null ? 200 : 206, headers, body, fault);
  }

  async #sendBody(
    request: IncomingMessage,
    response: ServerResponse,
    status: number,
    headers: Record<string, string | number>,
    whole: Buffer,
    fault: Fault | undefined,
  ): Promise<void> {
    const at = Math.floor((fault?.at ?? 0.5) * whole.length);
    let body = whole;
    let length: number | null = whole.length;
    switch (fault?.kind) {
      case "flip":
        body = Buffer.from(whole);
        body[Math.min(at, body.length - 1)] = (body[Math.min(at, body.length - 1)] as number) ^ 1;
        break;
      case "long":
        length = whole.length + 100;
        break;
      case "short":
        body = whole.subarray(0, at);
        length = body.length;
        break;
      case "extra":
        body = Buffer.concat([whole, Buffer.alloc(500, 7)]);
        length = body.length;
        break;
      case "no-length":
        length = null;
        break;
      case "gzip":
        body = gzipSync(whole);
        headers["Content-Encoding"] = "gzip";
        length = body.length;
        break;
    }
    response.writeHead(status, { ...headers, ...(length !== null && { "Content-Length": length }) });
    if (fault?.kind === "cut" || fault?.kind === "stall" || fault?.kind === "long") {
      const part = fault.kind === "long" ? body : body.subarray(0, at);
      await new Promise((resolve) => response.write(part, resolve));
      if (fault.kind !== "stall") request.socket.destroy();
      return; // a stalled connection ends when the browser gives up
    }
    if (fault?.kind === "slow" || this.delayMs > 0) {
      const step = Math.max(1, Math.ceil(body.length / 4));
      for (let from = 0; from < body.length; from += step) {
        response.write(body.subarray(from, from + step));
        await new Promise((resolve) => setTimeout(resolve, this.delayMs || 20));
      }
      return void response.end();
    }
    response.end(body);
  }
}

function rangeOf(header: string | undefined, size: number): { start: number; end: number } | null {
  const match = /^bytes=(\d+)-(\d+)$/.exec(header ?? "");
  return match === null ? null : { start: Number(match[1]), end: Math.min(Number(match[2]), size - 1) };
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** A generator with a seed, in [0, 1): mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Bytes that are no two alike for two seeds. */
export function randomBytes(size: number, random: () => number): Buffer {
  return Buffer.from(Uint8Array.from({ length: size }, () => Math.floor(random() * 256)));
}
