// Holds scripts/serve.mjs to what pages need of a host: headers on every response, ranges, types, and nothing outside
// its directory.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { commonHeaders } from '../../scripts/headers.mjs';
import { createStaticServer } from '../../scripts/serve.mjs';

const CONTENT = '0123456789';
let directory;
const servers = [];

async function start(options) {
  const server = await createStaticServer({ dir: join(directory, 'site'), ...options });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  servers.push(server);
  return server.address().port;
}

/** One request whose path is sent exactly as written, which fetch() would tidy up. */
function ask(port, path, { method = 'GET', headers = {} } = {}) {
  return new Promise((done, fail) => {
    const call = request({ host: '127.0.0.1', port, path, method, headers }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => {
        done({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks).toString() });
      });
    });
    call.on('error', fail);
    call.end();
  });
}

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'parley-serve-'));
  const site = join(directory, 'site');
  await mkdir(join(site, 'assets'), { recursive: true });
  await mkdir(join(site, 'wasm', '0123456789abcdef'), { recursive: true });
  await writeFile(join(directory, 'secret.txt'), 'secret');
  await writeFile(join(site, 'index.html'), '<!doctype html>');
  await writeFile(join(site, 'digits.txt'), CONTENT);
  await writeFile(join(site, 'empty.txt'), '');
  await writeFile(join(site, 'assets', 'main-1a2b3c4d.js'), 'export {};');
  await writeFile(join(site, 'wasm', '0123456789abcdef', 'parley.wasm'), '\0asm');
  await symlink(join(directory, 'secret.txt'), join(site, 'link.txt'));
});

after(async () => {
  for (const server of servers) server.close();
  await rm(directory, { recursive: true });
});

describe('headers', () => {
  test('every response carries all of them, errors and unchanged files included', async () => {
    const port = await start({});
    const etag = (await ask(port, '/digits.txt')).headers.etag;
    const responses = [
      [200, await ask(port, '/')],
      [200, await ask(port, '/wasm/0123456789abcdef/parley.wasm')],
      [206, await ask(port, '/digits.txt', { headers: { Range: 'bytes=1-2' } })],
      [304, await ask(port, '/digits.txt', { headers: { 'If-None-Match': etag } })],
      [308, await ask(port, '/assets')],
      [404, await ask(port, '/nothing')],
      [405, await ask(port, '/', { method: 'POST' })],
      [416, await ask(port, '/digits.txt', { headers: { Range: 'bytes=10-' } })],
    ];
    for (const [status, response] of responses) {
      assert.equal(response.status, status);
      for (const [name, value] of Object.entries(commonHeaders())) {
        assert.equal(response.headers[name.toLowerCase()], value, `${name} of a ${status}`);
      }
      assert.ok(response.headers['cache-control'], `Cache-Control of a ${status}`);
    }
  });

  test('the policy allows no inline script, no eval, no foreign script', () => {
    const policy = commonHeaders()['Content-Security-Policy'];
    assert.match(policy, /default-src 'none'/);
    assert.match(policy, /script-src 'self' 'wasm-unsafe-eval';/);
    assert.doesNotMatch(policy, /'unsafe-inline'|'unsafe-eval'|blob:|data:|\*;/);
  });

  test('without isolation COOP and COEP are left out, the rest stays', async () => {
    const port = await start({ isolation: false });
    const { headers } = await ask(port, '/');
    assert.equal(headers['cross-origin-opener-policy'], undefined);
    assert.equal(headers['cross-origin-embedder-policy'], undefined);
    assert.equal(headers['x-content-type-options'], 'nosniff');
  });

  test('only files named by their hash are immutable', async () => {
    const port = await start({});
    const cache = async (path) => (await ask(port, path)).headers['cache-control'];
    assert.equal(await cache('/'), 'no-cache');
    assert.equal(await cache('/digits.txt'), 'no-cache');
    assert.equal(await cache('/assets/main-1a2b3c4d.js'), 'max-age=31536000, immutable');
    assert.equal(await cache('/wasm/0123456789abcdef/parley.wasm'), 'max-age=31536000, immutable');
  });

  test('types are those that browsers insist on', async () => {
    const port = await start({});
    const type = async (path) => (await ask(port, path)).headers['content-type'];
    assert.equal(await type('/wasm/0123456789abcdef/parley.wasm'), 'application/wasm');
    assert.match(await type('/assets/main-1a2b3c4d.js'), /^text\/javascript/);
    assert.match(await type('/'), /^text\/html/);
  });
});

describe('bytes', () => {
  const ranges = [
    ['bytes=0-0', 206, '0', 'bytes 0-0/10'],
    ['bytes=3-', 206, '3456789', 'bytes 3-9/10'],
    ['bytes=-2', 206, '89', 'bytes 8-9/10'],
    ['bytes=-99', 206, CONTENT, 'bytes 0-9/10'],
    ['bytes=8-99', 206, '89', 'bytes 8-9/10'],
    ['bytes=5-4', 416, 'no such range\n', 'bytes */10'],
    ['bytes=-0', 416, 'no such range\n', 'bytes */10'],
    ['lines=0-1', 200, CONTENT, undefined],
    ['bytes=0-1,3-4', 200, CONTENT, undefined],
  ];
  for (const [range, status, body, contentRange] of ranges) {
    test(`Range: ${range} gives ${status}`, async () => {
      const response = await ask(await start({}), '/digits.txt', { headers: { Range: range } });
      assert.equal(response.status, status);
      assert.equal(response.body, body);
      assert.equal(response.headers['content-range'], contentRange);
    });
  }

  test('a range of a file that has changed since is the whole file', async () => {
    const headers = { Range: 'bytes=0-1', 'If-Range': '"another"' };
    const response = await ask(await start({}), '/digits.txt', { headers });
    assert.deepEqual([response.status, response.body], [200, CONTENT]);
  });

  test('HEAD has the length and no body; an empty file is served', async () => {
    const port = await start({});
    const head = await ask(port, '/digits.txt', { method: 'HEAD' });
    assert.deepEqual([head.status, head.headers['content-length'], head.body], [200, '10', '']);
    const empty = await ask(port, '/empty.txt');
    assert.deepEqual([empty.status, empty.headers['content-length'], empty.body], [200, '0', '']);
  });
});

describe('paths', () => {
  const outside = [
    '/../secret.txt',
    '/assets/../../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/..%5csecret.txt',
    '/link.txt',
    '/digits.txt%00',
    '/%E0%A4%A',
    '//etc/passwd',
  ];
  for (const path of outside) {
    test(`${path} is not found`, async () => {
      const response = await ask(await start({}), path);
      assert.equal(response.status, 404);
      assert.doesNotMatch(response.body, /secret|root:/);
    });
  }

  test('a base path serves below it alone', async () => {
    const port = await start({ base: '/parley/' });
    assert.equal((await ask(port, '/parley/digits.txt')).body, CONTENT);
    assert.equal((await ask(port, '/digits.txt')).status, 404);
    const moved = await ask(port, '/parley');
    assert.deepEqual([moved.status, moved.headers.location], [308, '/parley/']);
  });

  test('a query is not part of the path', async () => {
    assert.equal((await ask(await start({}), '/digits.txt?build=simd128#x')).body, CONTENT);
  });
});
