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

test("the changelog's newest version is it, after what is not released", () => {
  const headings = [...read('CHANGELOG.md').matchAll(/^## (\S+)/gm)].map((match) => match[1]);
  assert.equal(headings[0] === 'Unreleased' ? headings[1] : headings[0], version);
});
