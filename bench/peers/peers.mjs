#!/usr/bin/env node
// Parley beside other engines on the same work and the same machine: every round runs each engine once, in an order that
// turns, so that a slow minute of the machine hits all of them; what is reported are medians. bench/README.md says how to
// read the result.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { launchChromium } from '../support/chromium.mjs';
import { buildLibrary } from '../support/library.mjs';
import { describeCommit, describeMachine, readBandwidth } from '../support/machine.mjs';
import { CACHE, decodedBytes, ggufFile, MODELS, ROOT, TYPES } from '../support/models.mjs';
import { openSite } from '../support/site.mjs';
import { ENGINES, versionOf } from './engines.mjs';
import { report } from './report.mjs';
import { prefillOf } from './work.mjs';

const HELP = `usage: peers.mjs [options]

  --models A,B     of ${MODELS.join(', ')} (124M,parley-17m)
  --types A,B      of ${TYPES.join(', ')} (q8_0,q4_0)
  --threads A,B    numbers of threads (1,2)
  --engines A,B    only engines whose names have one of these texts
  --rounds N       rounds, of which medians are taken (3)
  --out FILE       JSON; groups that FILE has and this run has not stay in it (bench/results/peers.json)
  --table FILE     only print the tables of FILE
  --help           print this
`;

function readOptions() {
  const { values } = parseArgs({
    options: {
      models: { type: 'string', default: '124M,parley-17m' },
      types: { type: 'string', default: 'q8_0,q4_0' },
      threads: { type: 'string', default: '1,2' },
      engines: { type: 'string', default: '' },
      rounds: { type: 'string', default: '3' },
      out: { type: 'string', default: join(ROOT, 'bench/results/peers.json') },
      table: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const list = (text, known) => {
    const names = text.split(',');
    const unknown = names.find((name) => !known.includes(name));
    if (unknown !== undefined) throw new Error(`'${unknown}' is none of ${known.join(', ')}`);
    return names;
  };
  const threads = values.threads.split(',').map(Number);
  const rounds = Number(values.rounds);
  if (![...threads, rounds].every((number) => Number.isInteger(number) && number > 0)) {
    throw new Error('--threads and --rounds are positive numbers');
  }
  return { ...values, models: list(values.models, MODELS), types: list(values.types, TYPES), threads, rounds };
}

/** The engines of a group that can run here; says why the others cannot. */
function enginesOf(group, wanted) {
  return ENGINES.filter((engine) => {
    if (!engine.fits(group) || !wanted.split(',').some((text) => engine.id.includes(text))) return false;
    try {
      engine.needs(group);
      return true;
    } catch (error) {
      process.stderr.write(`without ${engine.id}: ${error.message}\n`);
      return false;
    }
  });
}

/** Adds a round's figures to an engine's lists; words that describe it replace the earlier ones. */
function addRound(known, round) {
  for (const [key, value] of Object.entries(round)) {
    if (typeof value === 'number' && key !== 'threads') {
      known[key] ??= [];
      known[key].push(value);
    } else {
      known[key] = value;
    }
  }
}

/** Runs a group's rounds; `keep` gets what is known after each of them. An engine that fails has no figure of that round. */
async function runGroup(site, group, engines, rounds, keep) {
  const result = { ...group, prefill_tokens: prefillOf(group.model), read_gb_s: [], engines: {} };
  ggufFile(group.model, group.type);
  result.decoded_bytes = decodedBytes(group.model, group.type);
  for (let round = 0; round < rounds; round++) {
    const bandwidth = readBandwidth(group.threads);
    if (Number.isFinite(bandwidth)) result.read_gb_s.push(bandwidth);
    for (let turn = 0; turn < engines.length; turn++) {
      const engine = engines[(turn + round) % engines.length];
      const where = `${group.model} ${group.type} ${group.threads}, round ${round + 1}: ${engine.id}`;
      let taken;
      try {
        taken = await engine.run(site, group, round);
      } catch (error) {
        process.stderr.write(`${where} failed: ${error.message}\n`);
        continue;
      }
      result.engines[engine.id] ??= {};
      addRound(result.engines[engine.id], taken);
      const { prefill_per_second: prefill, decode_per_second: decode } = taken;
      process.stderr.write(`${where}: prefill ${prefill.toFixed(1)}, decode ${decode.toFixed(1)} tokens/s\n`);
    }
    const inOrder = engines.flatMap(({ id }) => (result.engines[id] ? [[id, result.engines[id]]] : []));
    keep({ ...result, engines: Object.fromEntries(inOrder) });
  }
}

async function describeRun() {
  const browser = await launchChromium();
  const version = browser.version();
  await browser.close();
  const names = ['@wllama/wllama', '@huggingface/transformers', 'onnxruntime-web', 'node-llama-cpp'];
  return {
    taken: new Date().toISOString(),
    commit: describeCommit(),
    machine: describeMachine(),
    browser: `Chromium ${version}`,
    versions: Object.fromEntries(names.map((name) => [name, versionOf(name)])),
  };
}

/** Writes the file with `group` in place of what it had of that group: a run that is stopped leaves what it measured. A
 * group says which commit it was measured with. */
function writeGroup(file, run, group) {
  const key = ({ model, type, threads }) => `${model} ${type} ${threads}`;
  const before = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).groups : [];
  const merged = new Map([...before, { ...group, commit: run.commit }].map((each) => [key(each), each]));
  mkdirSync(dirname(file), { recursive: true });
  const result = { ...run, groups: [...merged.values()] };
  writeFileSync(file, `${JSON.stringify(result, null, 1)}\n`);
  return result;
}

async function main() {
  const options = readOptions();
  if (options.help) return void process.stdout.write(HELP);
  if (options.table !== undefined) {
    return void process.stdout.write(report(JSON.parse(readFileSync(options.table, 'utf8'))));
  }
  if (versionOf('node-llama-cpp') === undefined) {
    // Not `npm ci`: the lock file leaves out what node-llama-cpp offers for other systems, which that refuses.
    execFileSync('npm', ['install', '--ignore-scripts', '--no-save', '--no-audit', '--no-fund'], {
      cwd: fileURLToPath(new URL('.', import.meta.url)),
      stdio: 'inherit',
    });
  }
  const site = await openSite({
    '/library/': buildLibrary(),
    '/models/': CACHE,
    '/packages/': fileURLToPath(new URL('node_modules/', import.meta.url)),
    '/pages/': fileURLToPath(new URL('pages/', import.meta.url)),
  });
  let result;
  try {
    const run = await describeRun();
    for (const model of options.models) {
      for (const type of options.types) {
        for (const threads of options.threads) {
          const group = { model, type, threads };
          const engines = enginesOf(group, options.engines);
          await runGroup(site, group, engines, options.rounds, (known) => {
            result = writeGroup(options.out, run, known);
          });
        }
      }
    }
  } finally {
    site.close();
  }
  process.stdout.write(report(result));
  process.stderr.write(`kept in ${relative(process.cwd(), options.out)}\n`);
}

await main().catch((error) => {
  process.stderr.write(`peers: ${error.stack}\n`);
  process.exitCode = 1;
});
