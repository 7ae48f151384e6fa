// The engines that are compared, and what each needs to run here.
import { existsSync, readFileSync } from 'node:fs';
import { ggufFile, onnxFolder } from '../support/models.mjs';
import { runInBrowser } from './browser_job.mjs';
import { runLlamaCpp, runParley } from './native_job.mjs';

const packages = new URL('node_modules/', import.meta.url);

/** The installed version of a package of peers/package.json. */
export function versionOf(name) {
  const manifest = new URL(`${name}/package.json`, packages);
  return existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')).version : undefined;
}

const always = () => true;
const single = ({ threads }) => threads === 1;
const several = ({ threads }) => threads > 1;

const gguf = ({ model, type }) => void ggufFile(model, type);
const onnx = ({ model }) => {
  if (onnxFolder(model) === null) throw new Error(`no ONNX model of ${model}: see bench/README.md, make_onnx.py`);
};

/** id; fits(group): whether it is one of the group's engines; needs(group): makes or misses its model; run(site, group, round). */
const inBrowser = (id, page, needs, fits) => ({
  id,
  fits,
  needs,
  browser: true,
  run: (site, group, round) => runInBrowser(site, page, group, round === 0),
});
const native = (id, run) => ({ id, fits: always, needs: gguf, browser: false, run: (_, group) => run(group) });

export const ENGINES = [
  inBrowser('parley relaxed', 'parley.html?build=relaxed', gguf, single),
  inBrowser('parley relaxed-threads', 'parley.html?build=relaxed-threads', gguf, several),
  inBrowser('parley simd128', 'parley.html?build=simd128', gguf, single),
  inBrowser('parley simd128-threads', 'parley.html?build=simd128-threads', gguf, several),
  inBrowser('wllama', 'wllama.html', gguf, always),
  inBrowser('transformers.js, plain', 'transformers.html?plain', onnx, always),
  inBrowser('transformers.js, default', 'transformers.html', onnx, always),
  native('llama.cpp native', runLlamaCpp),
  native('parley native', runParley),
];
