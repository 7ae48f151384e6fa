// Proves that the release module exports the names of src/wasm/exports.txt, and nothing made for tests.
//
//   node exports_test.mjs DIRECTORY_OF_PARLEY_MJS [DIRECTORY_OF_PARLEY_TEST_MJS]
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const source = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const [release, test] = process.argv.slice(2);
const lines = (path) => readFileSync(join(source, path), "utf8").split("\n").filter((line) => line !== "");

// Emscripten's optimizer shortens the names that wasm exports, so that the script's text is where they stand.
function names(file) {
  return new Set(readFileSync(file, "utf8").match(/_parley_\w+/g));
}

const wanted = new Set(lines("src/wasm/exports.txt"));
assert.deepEqual([...names(join(release, "parley.mjs"))].sort(), [...wanted].sort());
const header = readFileSync(join(source, "src/wasm/c_api.h"), "utf8");
assert.deepEqual(new Set(header.match(/\bparley_\w+(?=\()/g).map((name) => `_${name}`)), wanted, "c_api.h and exports.txt");

for (const name of ["parley.mjs", "parley.wasm"]) {
  assert.ok(!readFileSync(join(release, name), "latin1").includes("parley_test"), `${name} has a test export`);
}
const functions = (file) =>
  WebAssembly.Module.exports(new WebAssembly.Module(readFileSync(file))).filter(({ kind }) => kind === "function").length;
if (test !== undefined) {
  const extra = lines("tests/wasm/test_exports.txt");
  const found = names(join(test, "parley_test.mjs"));
  for (const name of extra) assert.ok(found.has(name), name);
  // As many functions more as there are test exports: nothing nameless is in the release either.
  assert.equal(functions(join(test, "parley_test.wasm")) - functions(join(release, "parley.wasm")), extra.length);
}
console.log(`${wanted.size} exports, no test exports`);
