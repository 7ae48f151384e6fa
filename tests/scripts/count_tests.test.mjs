// Holds scripts/count_tests.py to the numbers that each runner states: a count that lost a failure would hide it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const COUNTER = fileURLToPath(new URL('../../scripts/count_tests.py', import.meta.url));

function count(kind, text) {
  const directory = mkdtempSync(join(tmpdir(), 'parley-count-'));
  try {
    const file = join(directory, 'output');
    writeFileSync(file, text);
    return execFileSync('python3', [COUNTER, kind, file], { encoding: 'utf8' }).trim();
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const playwright = (stats, errors = []) =>
  JSON.stringify({ stats: { expected: 0, unexpected: 0, flaky: 0, skipped: 0, ...stats }, errors });
const vitest = (numbers) =>
  JSON.stringify({ numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numFailedTestSuites: 0, ...numbers });

const cases = [
  ['ctest', 'passes', '100% tests passed, 0 tests failed out of 12\n', '12 0 0'],
  ['ctest', 'failures', '50% tests passed, 1 tests failed out of 2\n', '1 1 0'],
  ['ctest', 'skips', '1/2 Test #1: x ...***Skipped   0.1 sec\n100% tests passed, 0 tests failed out of 2\n', '1 0 1'],
  [
    'catch2',
    'programs with and without numbers of their own',
    '1: All tests passed (3 assertions in 1 test case)\n1/3 Test #1: tests_base ....   Passed    0.29 sec\n' +
      '3: 6 files replayed\n2: All tests passed (9 assertions in 8 test cases)\n' +
      '2/3 Test  #2: tests_chat ....   Passed    0.29 sec\n3/3 Test #3: fuzz_gguf .......   Passed    0.1 sec\n',
    '10 0 0',
  ],
  [
    'catch2',
    'a failing program',
    '1: test cases:  7 |  5 passed |  2 failed\n1: assertions: 9 | 7 passed | 2 failed\n' +
      '1/1 Test #1: tests_base ....***Failed    0.29 sec\n',
    '5 2 0',
  ],
  ['catch2', 'a crashed program', '1: RuntimeError: unreachable\n1/1 Test #1: tests_base ....***Failed  0.2 sec\n', '0 1 0'],
  [
    'catch2',
    'a program that passed and then crashed',
    '1: All tests passed (3 assertions in 1 test case)\n1/1 Test #1: tests_base ....***Exception: SegFault  0.2 sec\n',
    '1 1 0',
  ],
  [
    'catch2',
    'skipped cases',
    '1: test cases: 3 | 2 passed | 1 skipped\n1/1 Test #1: tests_base ....   Passed  0.2 sec\n',
    '2 0 1',
  ],
  ['pytest', 'passes', 'tests/test_a.py ....\n============ 4 passed in 0.52s ============\n', '4 0 0'],
  ['pytest', 'failures, errors and skips', '==== 1 failed, 3 passed, 2 skipped, 1 error in 9.10s ====\n', '3 2 2'],
  ['pytest', 'a file that breaks', '!!!! Interrupted: 1 error during collection !!!!\n==== 1 error in 0.30s ====\n', '0 1 0'],
  ['node', 'its summary', 'ℹ tests 5\nℹ pass 2\nℹ fail 1\nℹ cancelled 1\nℹ skipped 1\nℹ todo 0\n', '2 2 1'],
  ['vitest', 'passes', vitest({ numPassedTests: 4 }), '4 0 0'],
  ['vitest', 'a file that does not load', vitest({ numPassedTests: 4, numFailedTestSuites: 1 }), '4 1 0'],
  ['playwright', 'all outcomes', playwright({ expected: 3, unexpected: 1, flaky: 1, skipped: 2 }), '3 2 2'],
  ['playwright', 'an error outside tests', playwright({}, [{ message: 'no server' }]), '0 1 0'],
  ['own', 'the last line', '1 passed, 1 failed\nmore\n5 passed, 0 failed\n', '5 0 0'],
];
for (const [kind, what, text, expected] of cases) {
  test(`${kind}: ${what}`, () => assert.equal(count(kind, text), expected));
}
