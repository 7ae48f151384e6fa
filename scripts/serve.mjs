#!/usr/bin/env node
// A small static server for dist/ with the headers of headers.mjs; it builds nothing and is meant for this machine, not
// for the open internet. Browser tests use it too.
import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cacheControl, commonHeaders } from './headers.mjs';

const HELP = `usage: serve.mjs [options]

  --port N         port to listen on (8080; 0 picks a free one)
  --host H         address to listen on (127.0.0.1)
  --dir PATH       directory to serve (dist beside this script's folder)
  --base PATH      serve under this path, such as /parley/ (/)
  --no-isolation   leave out COOP and COEP, as hosts do that cannot set headers
  --probe          only see whether the port is free
  --help           print this
`;

const TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.gguf': 'application/octet-stream',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.md': 'text/markdown; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json; charset=utf-8',
  '.woff2': 'font/woff2',
};

/** The file that a URL path names inside `root`, as {file, info}, or null; a link that leads out of root is null. */
async function findFile(root, urlPath) {
  let path;
  try {
    path = decodeURIComponent(urlPath);
  } catch {
    return null;
  }
  if (path.includes('\0') || path.includes('\\')) return null;
  try {
    let file = await realpath(join(root, path));
    if (file !== root && !file.startsWith(root + sep)) return null;
    let info = await stat(file);
    if (info.isDirectory()) {
      if (path !== '' && !path.endsWith('/')) return { redirect: true };
      file = join(file, 'index.html');
      info = await stat(file);
    }
    return info.isFile() ? { file, info } : null;
  } catch {
    return null;
  }
}

/** The bytes a Range header asks for of a file of `size` bytes: null for all, or {start, end} with end < start if none. */
function parseRange(header, size) {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return null;
  if (match[1] === '') return { start: Math.max(0, size - Number(match[2])), end: size - 1 };
  const end = match[2] === '' ? size - 1 : Math.min(Number(match[2]), size - 1);
  return { start: Number(match[1]), end };
}

/** Makes a server, not yet listening. `dir` is what it serves, under the path `base`. */
export async function createStaticServer({ dir, base = '/', isolation = true }) {
  const root = await realpath(resolve(dir));
  const prefix = `/${base}/`.replace(/\/+/g, '/');

  return createServer(async (request, response) => {
    for (const [name, value] of Object.entries(commonHeaders({ isolation }))) {
      response.setHeader(name, value);
    }
    const fail = (status, text, headers = {}) => {
      response.writeHead(status, {
        'Content-Type': 'text/plain; charset=utf-8',
        'Cache-Control': 'no-cache',
        ...headers,
      });
      response.end(request.method === 'HEAD' ? undefined : `${text}\n`);
    };
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return fail(405, 'only GET and HEAD', { Allow: 'GET, HEAD' });
    }
    const urlPath = request.url.split(/[?#]/, 1)[0];
    if (`${urlPath}/` === prefix) return fail(308, 'moved', { Location: prefix });
    if (!urlPath.startsWith(prefix)) return fail(404, 'not found');
    const relative = urlPath.slice(prefix.length);
    const found = await findFile(root, relative);
    if (!found) return fail(404, 'not found');
    if (found.redirect) return fail(308, 'moved', { Location: `${prefix}${relative}/` });

    const { file, info } = found;
    const etag = `"${info.size.toString(16)}-${Math.round(info.mtimeMs).toString(16)}"`;
    response.setHeader('ETag', etag);
    response.setHeader('Accept-Ranges', 'bytes');
    response.setHeader('Cache-Control', cacheControl(relative));
    if (request.headers['if-none-match'] === etag) {
      response.writeHead(304);
      return response.end();
    }
    response.setHeader('Content-Type', TYPES[extname(file)] ?? 'application/octet-stream');

    const sameFile = [undefined, etag].includes(request.headers['if-range']);
    const range = sameFile ? parseRange(request.headers.range, info.size) : null;
    if (range && (range.start >= info.size || range.end < range.start)) {
      return fail(416, 'no such range', { 'Content-Range': `bytes */${info.size}` });
    }
    const { start, end } = range ?? { start: 0, end: info.size - 1 };
    response.writeHead(range ? 206 : 200, {
      'Content-Length': end - start + 1,
      ...(range ? { 'Content-Range': `bytes ${start}-${end}/${info.size}` } : {}),
    });
    if (request.method === 'HEAD' || info.size === 0) return response.end();
    const stream = createReadStream(file, { start, end });
    stream.on('error', () => response.destroy());
    response.on('close', () => stream.destroy());
    stream.pipe(response);
  });
}

/** Reads the command line; a string is a complaint. */
function readArguments(args) {
  let values;
  try {
    ({ values } = parseArgs({
      args,
      options: {
        port: { type: 'string', default: '8080' },
        host: { type: 'string', default: '127.0.0.1' },
        dir: { type: 'string', default: fileURLToPath(new URL('../dist', import.meta.url)) },
        base: { type: 'string', default: '/' },
        'no-isolation': { type: 'boolean', default: false },
        probe: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    return error.message;
  }
  const port = Number(values.port);
  if (!/^\d+$/.test(values.port) || port > 65535) return `--port ${values.port}: not a port`;
  return { ...values, port };
}

async function main() {
  const options = readArguments(process.argv.slice(2));
  if (typeof options === 'string') {
    process.stderr.write(`serve: ${options}\n${HELP}`);
    return 2;
  }
  if (options.help) {
    process.stdout.write(HELP);
    return 0;
  }
  let server;
  try {
    server = await createStaticServer({
      dir: options.probe ? '.' : options.dir,
      base: options.base,
      isolation: !options['no-isolation'],
    });
  } catch (error) {
    process.stderr.write(`serve: ${options.dir}: ${error.message}\n`);
    return 1;
  }
  return new Promise((done) => {
    server.on('error', (error) => {
      const why =
        error.code === 'EADDRINUSE'
          ? `port ${options.port} is in use; choose another with --port N`
          : error.message;
      process.stderr.write(`serve: ${why}\n`);
      done(1);
    });
    server.listen(options.port, options.host, () => {
      if (options.probe) {
        server.close();
        return done(0);
      }
      const loopback = ['127.0.0.1', '0.0.0.0', '::', '::1'].includes(options.host);
      const host = loopback ? 'localhost' : options.host;
      const base = `/${options.base}/`.replace(/\/+/g, '/');
      process.stdout.write(`Parley is at http://${host}:${server.address().port}${base}\n`);
    });
    for (const signal of ['SIGINT', 'SIGTERM']) {
      process.on(signal, () => {
        server.close();
        server.closeAllConnections();
        done(0);
      });
    }
  });
}

if (process.argv[1] && (await realpath(process.argv[1])) === fileURLToPath(import.meta.url)) {
  process.exitCode = await main();
}
