// Native llama.cpp on one model, in a process of its own so that its memory can be seen: prints one line of JSON.
//
//   llama_cpp.mjs MODEL FILE.gguf THREADS      MODEL says how long the prompt is (work.mjs)
import { getLlama } from 'node-llama-cpp';
import { peakProcessBytes } from '../support/processes.mjs';
import { contextOf, measure } from './work.mjs';

const [model, file, threads] = process.argv.slice(2);
const llama = await getLlama({ gpu: false, build: 'never', maxThreads: Number(threads), logLevel: 'error' });

const begun = performance.now();
const loaded = await llama.loadModel({ modelPath: file });
const context = await loaded.createContext({ contextSize: contextOf(model), threads: Number(threads), batchSize: 512 });
const sequence = context.getSequence();
const load_s = (performance.now() - begun) / 1000;

async function generate(prompt, tokens) {
  await sequence.clearHistory();
  const ids = loaded.tokenize(prompt);
  const times = [];
  const started = performance.now();
  for await (const _ of sequence.evaluate(ids, { temperature: 0, yieldEogToken: true })) {
    times.push(performance.now());
    if (times.length === tokens) break;
  }
  const last = times.length - 1;
  return {
    prompt_tokens: ids.length,
    cached_tokens: 0,
    tokens: times.length,
    first_ms: times[0] - started,
    per_second: (last * 1000) / (times[last] - times[0]),
  };
}

const speed = await measure(generate, model);
const detail = llama.systemInfo.replace(/\s+/g, ' ').trim();
const result = { threads: context.currentThreads, detail, load_s, ...speed, peak_bytes: peakProcessBytes(process.pid) };
console.log(JSON.stringify(result));
process.exit(0);
