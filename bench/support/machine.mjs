// What a result needs beside it to mean something: processor, memory, versions, commit, and how fast memory is read.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './models.mjs';

const git = (...args) => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim();

export function describeMachine() {
  const processors = cpus();
  return {
    processor: processors[0].model.trim(),
    processors: processors.length,
    memory_gb: Math.round(totalmem() / 1e9),
    kernel: release(),
    node: process.version,
  };
}

export function describeCommit() {
  const changed = git('status', '--porcelain', '--untracked-files=no', '--', 'src', 'web') !== '';
  return git('rev-parse', '--short=12', 'HEAD') + (changed ? ' with changes' : '');
}

/** How fast `threads` threads together read memory, in GB/s; NaN when bench/machine is not built. */
export function readBandwidth(threads) {
  const program = join(ROOT, 'build/native/bench/machine/read_bandwidth');
  if (!existsSync(program)) return Number.NaN;
  return Number(execFileSync(program, [String(threads)], { encoding: 'utf8' }));
}
