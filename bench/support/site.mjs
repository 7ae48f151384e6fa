// A site on this machine made of several folders, isolated so that threads work, without a content policy, since other
// engines make workers from blobs. It remembers which files were asked for.
import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';

const TYPES = {
  '.css': 'text/css',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
};
const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

/**
 * Serves `mounts`, {"/prefix/": folder}, longest prefix first. Answers {url, requested, close}; `requested` is the set of
 * the files that were sent since it was last cleared.
 */
export async function openSite(mounts) {
  const requested = new Set();
  const prefixes = Object.keys(mounts).sort((a, b) => b.length - a.length);
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, 'http://site').pathname));
    const prefix = prefixes.find((name) => path.startsWith(name));
    const relative = prefix === undefined ? '' : path.slice(prefix.length);
    const file = join(mounts[prefix] ?? '', relative.endsWith('/') || relative === '' ? `${relative}index.html` : relative);
    const info = prefix === undefined ? undefined : statSync(file, { throwIfNoEntry: false });
    if (!info?.isFile()) {
      response.writeHead(404, ISOLATION);
      return response.end();
    }
    requested.add(file);
    // As static hosts do: without it a browser keeps neither the file nor the machine code that it made of it.
    const modified = { 'Last-Modified': info.mtime.toUTCString(), 'Cache-Control': 'no-cache' };
    if (request.headers['if-modified-since'] === modified['Last-Modified']) {
      response.writeHead(304, { ...ISOLATION, ...modified });
      return response.end();
    }
    const type = TYPES[extname(file)] ?? 'application/octet-stream';
    const [range, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [null, 0, info.size - 1];
    const [start, end] = [Number(first), Math.min(Number(last), info.size - 1)];
    if (range !== null && start > end) {
      response.writeHead(416, ISOLATION);
      return response.end();
    }
    response.writeHead(range === null ? 200 : 206, {
      ...ISOLATION,
      ...modified,
      'Content-Type': type,
      'Content-Length': end - start + 1,
      ...(range !== null && { 'Content-Range': `bytes ${start}-${end}/${info.size}` }),
    });
    if (request.method === 'HEAD' || info.size === 0) return response.end();
    createReadStream(file, { start, end }).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    requested,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
