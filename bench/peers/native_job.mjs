// One native engine, one model, one round, in a process of its own.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { peakProcessBytes } from '../support/processes.mjs';
import { ggufFile, PARLEY } from '../support/models.mjs';
import { DECODE, prefillOf } from './work.mjs';

const LLAMA_CPP = fileURLToPath(new URL('llama_cpp.mjs', import.meta.url));
const WATCH_MS = 20;

/** Runs a program to its end: what it printed, and the most memory it was seen to have. */
function run(program, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let complaints = '';
    let peak_bytes = 0;
    const watch = setInterval(() => {
      peak_bytes = Math.max(peak_bytes, peakProcessBytes(child.pid));
    }, WATCH_MS);
    child.stdout.on('data', (text) => {
      output += text;
    });
    child.stderr.on('data', (text) => {
      complaints += text;
    });
    child.on('error', reject);
    child.on('close', (status) => {
      clearInterval(watch);
      if (status === 0) resolve({ output, peak_bytes });
      else reject(new Error(`${program} ${args.join(' ')}: status ${status}: ${complaints.slice(-500)}`));
    });
  });
}

export async function runLlamaCpp({ model, type, threads }) {
  const { output } = await run(process.execPath, [LLAMA_CPP, model, ggufFile(model, type), String(threads)]);
  return JSON.parse(output.trim().split('\n').at(-1));
}

export async function runParley({ model, type, threads }) {
  const common = ['bench', '--json', '--runs', '1', '--model', ggufFile(model, type), '--threads', String(threads)];
  // Prefill and decode apart: `parley bench` decodes behind the prompt that it has just read.
  const prefill = await run(PARLEY, [...common, '--prompt-tokens', String(prefillOf(model)), '--tokens', '1']);
  const decode = await run(PARLEY, [
    ...common,
    ...['--prompt-tokens', String(DECODE.prompt), '--tokens', String(DECODE.tokens)],
  ]);
  const first = JSON.parse(prefill.output);
  return {
    threads: first.threads,
    detail: first.kernels,
    prefill_per_second: first.prefill.tokens_per_second,
    decode_per_second: JSON.parse(decode.output).decode.tokens_per_second,
    peak_bytes: Math.max(prefill.peak_bytes, decode.peak_bytes),
  };
}
