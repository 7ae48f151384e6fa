// A result file as Markdown: a table a group, then how Parley stands against its targets.
import { figure, markdownTable, median } from '../support/numbers.mjs';
import { bestParley, compare, memoryUse, rooflineShare } from './targets.mjs';

const megabytes = (bytes) => figure(bytes / 1e6);
const percent = (share) => (Number.isFinite(share) ? `${Math.round(share * 100)}%` : '–');
const title = ({ model, type, threads }) => `${model} ${type.toUpperCase()}, ${threads} thread${threads > 1 ? 's' : ''}`;

const HEADS = [
  'engine',
  'prefill tok/s',
  'decode tok/s',
  'of read bound',
  'load s',
  'code MB gzip',
  'live MB',
  'peak MB',
  'Parley prefill x',
  'Parley decode x',
];

function groupTable(group) {
  const best = bestParley(group);
  const of = (id, key) => median(group.engines[id]?.[key] ?? []);
  const rows = Object.keys(group.engines).map((id) => [
    id,
    figure(of(id, 'prefill_per_second')),
    figure(of(id, 'decode_per_second')),
    percent(rooflineShare(group, id)),
    figure(of(id, 'load_s')),
    megabytes(of(id, 'code_bytes')),
    megabytes(of(id, 'live_bytes')),
    megabytes(of(id, 'peak_bytes')),
    figure(of(best, 'prefill_per_second') / of(id, 'prefill_per_second')),
    figure(of(best, 'decode_per_second') / of(id, 'decode_per_second')),
  ]);
  const bound = (median(group.read_gb_s) * 1e9) / group.decoded_bytes;
  const rounds = Math.max(...Object.values(group.engines).map((engine) => engine.decode_per_second.length));
  return [
    `## ${title(group)}`,
    '',
    `Prefill of ${group.prefill_tokens} tokens, decode of 128 after 16, medians of ${rounds} rounds, commit ${group.commit}. A token reads ` +
      `${megabytes(group.decoded_bytes)} MB of weights; memory read at ${figure(median(group.read_gb_s))} GB/s allows ` +
      `${figure(bound)} tok/s.`,
    '',
    markdownTable(HEADS, rows),
  ].join('\n');
}

const verdict = (met) => (met ? 'met' : 'short');

function targetRows(group) {
  const speeds = compare(group).map(({ what, peer, ratio, least, share, met }) => [
    ...[title(group), what, peer, figure(ratio), `>= ${figure(least)}`, percent(share), verdict(met)],
  ]);
  if (bestParley(group) === undefined) return speeds;
  const { ratio, most, met } = memoryUse(group);
  return [...speeds, [title(group), 'memory', 'its plan', figure(ratio), `<= ${figure(most)}`, '–', verdict(met)]];
}

function targetsTable(groups) {
  const rows = groups.flatMap(targetRows);
  const heads = ['group', 'what', 'against', 'ratio', 'target', 'of read bound', ''];
  return ['## Against the targets', '', markdownTable(heads, rows)].join('\n');
}

export function report({ taken, commit, machine, browser, versions, groups }) {
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const heading = [
    `# Engines side by side, ${taken.slice(0, 10)}, commit ${commit}`,
    '',
    `${machine.processor}, ${machine.processors} processors, ${machine.memory_gb} GB; ${browser}; Node ${machine.node}; ` +
      `${named.join(', ')}.`,
  ].join('\n');
  return `${[heading, ...groups.map(groupTable), targetsTable(groups)].join('\n\n')}\n`;
}
