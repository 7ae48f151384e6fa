// Holds scripts/check_docs.py to its rules: documents that name what there is pass, one wrong name in them fails.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const CHECKER = fileURLToPath(new URL('../../scripts/check_docs.py', import.meta.url));
const GOOD = {
  'docs/ARCHITECTURE.md': '`Session::Begin` (`src/chat/session.cc`) calls `Encode`; see `src/chat/` and `CONTRIBUTING.md`.\n',
  'CONTRIBUTING.md': 'Read `docs/ARCHITECTURE.md`.\n\n    `nothing` (`src/chat/session.cc`)\n',
  'src/chat/session.cc': 'void Session::Begin() { Encode(); }\n',
  'web/engine/session.ts': 'export class WasmSession {\n  next(): void {}\n  load(): void {}\n}\n',
};

/** Runs the checker over the good tree with `changes` made to it. */
function check(changes) {
  const root = mkdtempSync(join(tmpdir(), 'parley-docs-'));
  try {
    for (const [path, text] of Object.entries({ ...GOOD, ...changes })) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    const { status, stdout, stderr } = spawnSync('python3', [CHECKER, root], { encoding: 'utf8' });
    assert.equal(stderr, '');
    return { status, stdout };
  } finally {
    rmSync(root, { recursive: true });
  }
}

const architecture = (text) => ({ 'docs/ARCHITECTURE.md': text });

test('a tree whose documents name what there is passes', () => {
  const { status, stdout } = check({});
  assert.match(stdout, /^7 names checked/);
  assert.equal(status, 0);
});

test('an object may go by another name in the file', () => {
  assert.equal(check(architecture('`engine.load(source)` (`web/engine/session.ts`)\n')).status, 0);
});

test('code between fences names nothing', () => {
  assert.equal(check(architecture('```sh\n`Gone` in `src/chat/session.cc` `src/gone.cc`\n```\n')).status, 0);
});

const bad = [
  ['a file that is not there', 'See `src/chat/gone.cc`.\n', /ARCHITECTURE\.md:1: no file src\/chat\/gone\.cc/],
  ['an identifier that is nowhere', 'One.\n`Finish` ends.\n', /ARCHITECTURE\.md:2: no Finish in the sources/],
  ['a name that stands in another file', '`Encode` (`web/engine/session.ts`)\n', /:1: no Encode in web\/engine\/session\.ts/],
  ['one with "in"', '`WasmSession` in `src/chat/session.cc`\n', /no WasmSession in src\/chat\/session\.cc/],
  ['one in the same brackets', 'It ends (`WasmSession`, `src/chat/session.cc`).\n', /no WasmSession in src/],
  ['one at the end of a line', 'One.\n`Encode`\n(`web/engine/session.ts`; more)\n', /:2: no Encode in web/],
  ['a member whose class is elsewhere', '`Session::next` (`web/engine/session.ts`)\n', /no Session::next in web/],
];
for (const [what, text, complaint] of bad) {
  test(`fails on ${what}`, () => {
    const { status, stdout } = check(architecture(text));
    assert.match(stdout, complaint);
    assert.equal(status, 1);
  });
}

test('a name is looked for in its file in any document', () => {
  const { status, stdout } = check({ 'models/README.md': '`Gone` is any word, `Encode` (`web/engine/session.ts`) is not.\n' });
  assert.match(stdout, /^models\/README\.md:1: no Encode in web\/engine\/session\.ts$/m);
  assert.equal(status, 1);
});
