#!/usr/bin/env node
// Holds dist/ to the budgets of size_budgets.json, counted after gzip -9; it does not say what made a file grow.
//
//   check_size.mjs [DIST]      one line for each budget; exit code 1 when one is exceeded or matches no file
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const dist = process.argv[2] ?? fileURLToPath(new URL('../dist', import.meta.url));
const { groups } = JSON.parse(readFileSync(new URL('size_budgets.json', import.meta.url), 'utf8'));

const compressed = (file) => gzipSync(readFileSync(join(dist, file)), { level: 9 }).length;

/** The bytes that a group counts: all files of its `all` patterns, the largest one of each other pattern. */
function groupBytes({ files = [], all = [] }) {
  const sizes = (pattern) => {
    const found = globSync(pattern, { cwd: dist });
    if (found.length === 0) throw new Error(`no file matches ${pattern}`);
    return found.map(compressed);
  };
  const total = (numbers) => numbers.reduce((sum, number) => sum + number, 0);
  return total(all.map((pattern) => total(sizes(pattern)))) + total(files.map((pattern) => Math.max(...sizes(pattern))));
}

let exceeded = 0;
for (const group of groups) {
  const bytes = groupBytes(group);
  if (bytes > group.budget) exceeded += 1;
  const verdict = bytes > group.budget ? `OVER by ${bytes - group.budget}` : 'ok';
  console.log(`${group.name.padEnd(24)} ${String(bytes).padStart(8)} of ${String(group.budget).padStart(8)}  ${verdict}`);
}
console.log(`${groups.length - exceeded} passed, ${exceeded} failed`);
process.exitCode = exceeded > 0 ? 1 : 0;
