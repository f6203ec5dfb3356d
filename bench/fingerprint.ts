/**
 * The cost of a fingerprint and of its parts, over posts in memory: nanoseconds a post.
 *
 *   node bench/fingerprint.js [--posts FILE]
 *
 * Each figure is the sum over slices of 1,000 posts of the least time that a slice took in any round, and the rounds of all
 * figures take turns: another process on the machine spoils a slice in a round, not a figure.
 */
import { parseArgs } from 'node:util';
import { Fingerprinter } from '../src/fingerprints/fingerprint.ts';
import { Normaliser } from '../src/fingerprints/normalise.ts';
import type { Post } from '../src/model.ts';
import { stageSettings } from '../src/runtime/engine.ts';
import { DEFAULTS } from '../src/settings.ts';
import { FingerprintStage } from '../src/stages/fingerprint.ts';
import { benchLines, postsOf, tableOf } from './support.ts';

const ROUNDS = 15;
const SAMPLE = 20_000;
const SLICE = 1000;

interface Sample {
  readonly line: string;
  readonly post: Post;
}

const { values } = parseArgs({ options: { posts: { type: 'string' } } });
const lines = benchLines(values.posts, 100_000);
const posts = postsOf(lines);
const table = tableOf(posts);
const stages = stageSettings({ settings: DEFAULTS, table, engine: 'bench' });
const normaliser = new Normaliser();
const fingerprinter = new Fingerprinter({ ...stages.fingerprint, simhash: false });
const withSimhash = new Fingerprinter(stages.fingerprint);
const stage = new FingerprintStage(stages.fingerprint);

/** From all over the file: feeds differ from one event to the next. */
function sampled(): Sample[] {
  const step = Math.max(1, Math.floor(lines.length / SAMPLE));
  return lines.flatMap((line, i) => (i % step === 0 ? postsOf([line]).map((post) => ({ line, post })) : []));
}

/** What is measured; each returns a number made of its results, lest the compiler leave them out. */
const MEASURED: Record<string, (slice: readonly Sample[]) => number> = {
  'charCodeAt of every unit': (slice) => {
    let sum = 0;
    for (const { post } of slice) for (let i = 0; i < post.text.length; i++) sum = (sum + post.text.charCodeAt(i)) | 0;
    return sum;
  },
  'JSON.parse of the line': (slice) => {
    let sum = 0;
    for (const { line } of slice) sum += (JSON.parse(line) as { text: string }).text.length;
    return sum;
  },
  normalise: (slice) => {
    let sum = 0;
    for (const { post } of slice) {
      normaliser.normalise(post.text);
      sum += normaliser.letterCount;
    }
    return sum;
  },
  'fingerprint without SimHash64': (slice) => {
    let sum = 0;
    for (const { post } of slice) sum += fingerprinter.compute(post.text) ? fingerprinter.keyCount : 0;
    return sum;
  },
  fingerprint: (slice) => {
    let sum = 0;
    for (const { post } of slice) sum += withSimhash.compute(post.text) ? withSimhash.keyCount : 0;
    return sum;
  },
  'fingerprint stage (post to entry)': (slice) => {
    let sum = 0;
    for (const { post } of slice) sum += stage.process(post);
    return sum;
  },
};

const samples = sampled();
const slices = Array.from({ length: Math.ceil(samples.length / SLICE) }, (_, i) =>
  samples.slice(i * SLICE, (i + 1) * SLICE),
);
const least = new Map(Object.keys(MEASURED).map((name) => [name, new Float64Array(slices.length).fill(Infinity)]));
let checksum = 0;
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, run] of Object.entries(MEASURED)) {
    const times = least.get(name)!;
    for (const [i, slice] of slices.entries()) {
      const start = process.hrtime.bigint();
      checksum += run(slice);
      times[i] = Math.min(times[i]!, Number(process.hrtime.bigint() - start));
    }
  }
}

function nanoseconds(name: string): number {
  return least.get(name)!.reduce((total, time) => total + time, 0) / samples.length;
}

const units = samples.reduce((total, { post }) => total + post.text.length, 0) / samples.length;
for (const name of Object.keys(MEASURED)) console.log(`${name.padEnd(36)} ${nanoseconds(name).toFixed(0).padStart(6)}`);
const ratio = nanoseconds('fingerprint') / nanoseconds('JSON.parse of the line');
console.log(`fingerprint / JSON.parse             ${ratio.toFixed(2).padStart(6)}`);
console.log(`${samples.length} posts of ${units.toFixed(1)} units in the mean (checksum ${checksum})`);
