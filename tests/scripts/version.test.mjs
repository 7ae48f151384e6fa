// Holds everything that states Parley's version to the file VERSION, and what says which Node it takes to the one installed.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const version = read('VERSION').trim();

test('VERSION is a semantic version', () => assert.match(version, /^\d+\.\d+\.\d+$/));

for (const path of ['web/package.json', 'web/package-lock.json']) {
  test(`${path} says the same`, () => assert.equal(JSON.parse(read(path)).version, version));
}

test("the changelog's newest version is it, after what is not released", () => {
  const headings = [...read('CHANGELOG.md').matchAll(/^## (\S+)/gm)].map((match) => match[1]);
  assert.equal(headings[0] === 'Unreleased' ? headings[1] : headings[0], version);
});

const node = Object.values(JSON.parse(read('scripts/toolchain/package.json')).optionalDependencies)[0].split('.')[0];
const SAYING_NODE = {
  'README.md': `Node ${node} or later`,
  'CONTRIBUTING.md': `Node ${node} or later`,
  'scripts/setup.sh': `-lt ${node} ]; then\n    missing+=("node ${node} or newer`,
  'scripts/install_node.sh': `-ge ${node} ]`,
  'web/package.json': `"node": ">=${node}"`,
  'web/package-lock.json': `"node": ">=${node}"`,
};
for (const [path, words] of Object.entries(SAYING_NODE)) {
  test(`${path} asks for the Node that install_node.sh installs`, () => assert.ok(read(path).includes(words), words));
}
