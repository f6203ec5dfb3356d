/**
 * What one would write first: token sets in a Map of arrays by word bigram, all candidates compared by Jaccard. Over the same
 * posts as the engine's own index, in one run, so that the two stand side by side.
 *
 *   node bench/naive.js [--posts FILE]
 */
import { parseArgs } from 'node:util';
import { Normaliser } from '../src/fingerprints/normalise.ts';
import { stageSettings } from '../src/runtime/engine.ts';
import { DEFAULTS } from '../src/settings.ts';
import { FingerprintStage } from '../src/stages/fingerprint.ts';
import { MatchStage, type MatchEvent } from '../src/stages/match.ts';
import { benchLines, cpuNanosecondsEach, postsOf, tableOf } from './support.ts';

const JACCARD_MIN = 0.5;
const { values } = parseArgs({ options: { posts: { type: 'string' } } });
const posts = postsOf(benchLines(values.posts, 100_000)).slice(0, 100_000);
const table = tableOf(posts);

const naive = cpuNanosecondsEach(posts.length, () => {
  const normaliser = new Normaliser();
  const buckets = new Map<string, Set<string>[]>();
  let links = 0;
  for (const { text } of posts) {
    normaliser.normalise(text);
    const tokens = normaliser.toString().split(' ');
    const set = new Set(tokens);
    const seen = new Set<Set<string>>();
    for (let i = 1; i < tokens.length; i++) {
      const key = `${tokens[i - 1]} ${tokens[i]}`;
      const bucket = buckets.get(key);
      if (bucket === undefined) {
        buckets.set(key, [set]);
        continue;
      }
      for (const other of bucket) {
        if (seen.has(other)) continue;
        seen.add(other);
        if (jaccard(set, other) >= JACCARD_MIN) links++;
      }
      bucket.push(set);
    }
  }
  return links;
});

const chorus = cpuNanosecondsEach(posts.length, () => {
  const stages = stageSettings({ settings: { ...DEFAULTS, windowMs: 86_400_000 * 7 }, table, engine: 'bench' });
  const fingerprints = new FingerprintStage(stages.fingerprint);
  const match = new MatchStage(stages.match);
  const out: MatchEvent[] = [];
  let links = 0;
  for (let i = 0; i < posts.length; i++) {
    if (fingerprints.process({ ...posts[i]!, createdAt: i }) === 0) continue;
    out.length = 0;
    match.process(fingerprints.words, 0, i, out);
    for (const event of out) if (event.kind === 'link') links++;
  }
  return links;
});

console.log(`naive Map and Set         ${naive.toFixed(0).padStart(8)} ns a post`);
console.log(`Chorus, the same posts    ${chorus.toFixed(0).padStart(8)} ns a post`);
console.log(`naive / Chorus            ${(naive / chorus).toFixed(1).padStart(8)}`);

function jaccard(a: Set<string>, b: Set<string>): number {
  let shared = 0;
  for (const token of a) if (b.has(token)) shared++;
  return shared / (a.size + b.size - shared);
}
