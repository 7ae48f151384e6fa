// Holds scripts/check_layers.py to its rules: a tree that keeps them passes, one line that breaks them fails.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const CHECKER = fileURLToPath(new URL('../../scripts/check_layers.py', import.meta.url));
const GOOD = {
  'src/LAYERS':
    'base:\nformats: base kernels/dtype.h\nkernels: base\nreference: base Eigen # oracle\n' +
    'web/engine:\nweb/app/state: web/engine\nweb/app/views: web/app/state\nweb/app/main.tsx: web/engine web/app\n',
  'src/base/result.h': '#include <vector>\n',
  'src/kernels/dtype.h': '#include "base/result.h"\n',
  'src/kernels/kernels.h': '#include "kernels/dtype.h"\n',
  'src/formats/reader.cc': '#include "base/result.h"\n#include "kernels/dtype.h"\n',
  'src/reference/model.cc': '#include <Eigen/Core>\n',
  'web/engine/index.ts': 'export const engine = 1;\n',
  'web/app/state/chat.ts': 'import { engine } from "../../engine/index.ts";\n',
  'web/app/views/chat.tsx': 'import { signal } from "@preact/signals";\nimport { chat } from "../state/chat.ts";\n',
  'web/app/main.tsx': 'import "./views/chat.tsx";\nimport "../engine/index.ts";\n',
};

/** Runs the checker over the good tree with `changes` made to it. */
function check(changes) {
  const root = mkdtempSync(join(tmpdir(), 'parley-layers-'));
  try {
    for (const [path, text] of Object.entries({ ...GOOD, ...changes })) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    const { status, stdout } = spawnSync('python3', [CHECKER, root], { encoding: 'utf8' });
    return { status, stdout };
  } finally {
    rmSync(root, { recursive: true });
  }
}

test('a tree that keeps the rules passes', () => {
  assert.deepEqual(check({}).status, 0);
});

test("Parley's own tree passes", () => {
  execFileSync('python3', [CHECKER]);
});

const broken = [
  ['an include upwards', 'src/base/bad.cc', '#include "formats/reader.h"', /bad\.cc:1/],
  ['a header beside the only one allowed', 'src/formats/bad.cc', '#include "kernels/kernels.h"', /formats may not include/],
  ['an include without its folder', 'src/base/bad.cc', '#include "result.h"', /no file under src/],
  ['a library that the layer may not see', 'src/kernels/bad.cc', '#include <Eigen/Core>', /kernels may not include Eigen/],
  ['a folder without a rule', 'src/utils/strings.h', '', /no layer 'utils'/],
  ['a view that imports the engine', 'web/app/views/bad.tsx', 'import { x } from "../../engine/index.ts";', /bad\.tsx:1/],
  ['an engine that imports the page', 'web/engine/bad.ts', 'export * from "../app/state/chat.ts";', /web\/engine may not/],
  ['a dynamic import', 'web/app/views/bad.tsx', 'await import("../../engine/index.ts");', /web\/app\/views may not/],
];
for (const [what, path, text, complaint] of broken) {
  test(`${what} fails`, () => {
    const header = { 'src/formats/reader.h': '' };
    const { status, stdout } = check({ ...header, [path]: `${text}\n` });
    assert.equal(status, 1);
    assert.match(stdout, complaint);
  });
}
