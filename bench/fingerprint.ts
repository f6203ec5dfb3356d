/**
 * The cost of a fingerprint and of its parts, over posts in memory: nanoseconds a post, medians of several runs.
 *
 *   node bench/fingerprint.js [--posts FILE]
 */
import { parseArgs } from 'node:util';
import { Fingerprinter } from '../src/fingerprints/fingerprint.ts';
import { Normaliser } from '../src/fingerprints/normalise.ts';
import { stageSettings } from '../src/runtime/engine.ts';
import { DEFAULTS } from '../src/settings.ts';
import { FingerprintStage } from '../src/stages/fingerprint.ts';
import { benchLines, nanosecondsEach, postsOf, tableOf } from './support.ts';

const RUNS = 7;
const { values } = parseArgs({ options: { posts: { type: 'string' } } });
const lines = benchLines(values.posts, 100_000).slice(0, 100_000);
const posts = postsOf(lines);
const table = tableOf(posts);
const stages = stageSettings({ settings: DEFAULTS, table, engine: 'bench' });
const without = { ...stages.fingerprint, simhash: false };
const normaliser = new Normaliser();
const fingerprinter = new Fingerprinter(without);
const withSimhash = new Fingerprinter(stages.fingerprint);
const stage = new FingerprintStage(stages.fingerprint);
let sum = 0;

const parse = nanosecondsEach(RUNS, lines.length, () => {
  for (const line of lines) sum += (JSON.parse(line) as { text: string }).text.length;
});
const each = {
  units: posts.reduce((total, post) => total + post.text.length, 0) / posts.length,
  'charCodeAt of every unit': nanosecondsEach(RUNS, posts.length, () => {
    for (const { text } of posts) for (let i = 0; i < text.length; i++) sum += text.charCodeAt(i);
  }),
  'JSON.parse of the line': parse,
  normalise: nanosecondsEach(RUNS, posts.length, () => {
    for (const { text } of posts) normaliser.normalise(text);
  }),
  'fingerprint without SimHash64': nanosecondsEach(RUNS, posts.length, () => {
    for (const { text } of posts) fingerprinter.compute(text);
  }),
  fingerprint: nanosecondsEach(RUNS, posts.length, () => {
    for (const { text } of posts) withSimhash.compute(text);
  }),
  'fingerprint stage (post to entry)': nanosecondsEach(RUNS, posts.length, () => {
    for (const post of posts) sum += stage.process(post);
  }),
};
for (const [name, value] of Object.entries(each)) console.log(`${name.padEnd(36)} ${value.toFixed(0).padStart(6)}`);
console.log(
  `fingerprint / JSON.parse             ${(each.fingerprint / parse).toFixed(2).padStart(6)}   (checksum ${sum})`,
);
