// Holds docs/FAULTS.md and the tests to each other: every row has a test with its id in the name, and every id in a test's
// name has a row. What a test then checks is its own affair.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const root = new URL('../../', import.meta.url);
const read = (path) => readFileSync(new URL(path, root), 'utf8');
const rows = [...read('docs/FAULTS.md').matchAll(/^\| ([A-Z]\d+) \|/gm)].map(([, id]) => id);

// `TEST_CASE("G1: ...`, `test("D2, D9: ...`, `["D3, D7", ...` of a table of cases, `... (C7)"` at a name's end.
const NAME = /(?:\b(?:TEST_CASE|test|describe)\(|^ *\[)\s*["`]((?:[GSTIRDWC]\d+(?:, |(?=[:"])))+)|\((C\d+)\)"/gm;
const files = readdirSync(new URL('tests/', root), { recursive: true }).filter(
  (path) => /(_test\.cc|\.test\.tsx?|\.spec\.ts)$/.test(path) && !path.includes('node_modules'),
);
const named = new Set(
  files
    .flatMap((path) => [...read(`tests/${path}`).matchAll(NAME)])
    .flatMap(([, front, end]) => (front ?? end).split(', ').filter(Boolean)),
);

test('rows have one id each, counted from one', () => {
  const counts = {};
  for (const id of rows) {
    counts[id[0]] = (counts[id[0]] ?? 0) + 1;
    assert.equal(id, `${id[0]}${counts[id[0]]}`);
  }
});

test('every row has a test', () => assert.deepEqual(rows.filter((id) => !named.has(id)), []));

test("every id in a test's name has a row", () => assert.deepEqual([...named].filter((id) => !rows.includes(id)), []));
