// What Parley aims at against the other engines, and how a group of results compares: ratios of medians within one run.
import { median } from '../support/numbers.mjs';

const TRANSFORMERS = ['transformers.js, plain', 'transformers.js, default'];

/** Decode counts as met, too, at this share of what reading the weights once a token costs. */
export const ROOFLINE_SHARE = 0.85;

/** what: a speed of a result; peers: the faster of these; least: the ratio aimed at, by number of threads and type. */
const TARGETS = [
  { what: 'decode', peers: ['wllama'], least: ({ threads }) => (threads === 1 ? 10 : 8) },
  { what: 'decode', peers: TRANSFORMERS, least: ({ type }) => (type === 'q8_0' ? 5 : undefined) },
  { what: 'decode', peers: ['llama.cpp native'], least: () => 1 },
  { what: 'prefill', peers: ['wllama'], least: () => 20 },
  { what: 'prefill', peers: TRANSFORMERS, least: ({ type }) => (type === 'q8_0' ? 2.5 : undefined) },
  {
    what: 'prefill',
    peers: ['llama.cpp native'],
    least: ({ threads, type }) => (threads > 1 ? undefined : type === 'q8_0' ? 1 : 0.7),
  },
];

const speed = (result, what) => median(result?.[`${what}_per_second`] ?? []);

/** Parley's browser build that decodes fastest in a group. */
export function bestParley(group) {
  const ids = Object.keys(group.engines).filter((id) => id.startsWith('parley ') && id !== 'parley native');
  return ids.sort((a, b) => speed(group.engines[b], 'decode') - speed(group.engines[a], 'decode'))[0];
}

/** The share of the memory's read bandwidth that decoding uses for weights alone. */
export function rooflineShare(group, id) {
  return (speed(group.engines[id], 'decode') * group.decoded_bytes) / (median(group.read_gb_s) * 1e9);
}

/** What Parley's page may hold at most, as a multiple of weights, KV cache and scratch as planned. */
const MOST_MEMORY = 1.15;

/** Live memory of Parley in this group over what was planned: {ratio, most, met}. */
export function memoryUse(group) {
  const result = group.engines[bestParley(group)];
  const { weights_bytes, kv_bytes, scratch_bytes } = result.memory;
  const ratio = median(result.live_bytes) / (weights_bytes + kv_bytes + scratch_bytes);
  return { ratio, most: MOST_MEMORY, met: ratio <= MOST_MEMORY };
}

/** One row a target that says something about this group: {what, peer, ratio, least, share, met}. */
export function compare(group) {
  const parley = bestParley(group);
  return TARGETS.flatMap(({ what, peers, least }) => {
    const aim = least(group);
    const [peer] = peers
      .filter((id) => group.engines[id] !== undefined)
      .sort((a, b) => speed(group.engines[b], what) - speed(group.engines[a], what));
    if (parley === undefined || peer === undefined || aim === undefined) return [];
    const ratio = speed(group.engines[parley], what) / speed(group.engines[peer], what);
    const share = what === 'decode' ? rooflineShare(group, parley) : Number.NaN;
    return [{ what, peer, ratio, least: aim, share, met: ratio >= aim || share >= ROOFLINE_SHARE }];
  });
}
