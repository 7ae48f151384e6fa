// Builds the npm library's code from web/engine and the wasm builds in build/wasm into build/bench-library.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './models.mjs';

/** The folder with index.js, worker.js, wasm/ and models/. */
export function buildLibrary() {
  if (!existsSync(join(ROOT, 'build/wasm/relaxed-threads/parley.wasm'))) {
    throw new Error('no wasm builds: run scripts/build.sh first');
  }
  const folder = join(ROOT, 'build/bench-library');
  const build = ['--no', 'vite', 'build', '--config', 'vite.library.config.ts', '--logLevel', 'error', '--outDir', folder];
  for (const more of [
    ['--mode', 'production', '--emptyOutDir'],
    ['--mode', 'worker'],
  ]) {
    execFileSync('npx', [...build, ...more], { cwd: join(ROOT, 'web'), stdio: ['ignore', 'ignore', 'inherit'] });
  }
  return folder;
}
