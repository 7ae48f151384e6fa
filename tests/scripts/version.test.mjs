// Holds everything that states Parley's version to the file VERSION.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const version = read('VERSION').trim();

test('VERSION is a semantic version', () => assert.match(version, /^\d+\.\d+\.\d+$/));

for (const path of ['web/package.json', 'web/package-lock.json']) {
  test(`${path} says the same`, () => assert.equal(JSON.parse(read(path)).version, version));
}

test('the changelog begins with it', () => {
  assert.equal(read('CHANGELOG.md').match(/^## (\S+)/m)[1], version);
});
