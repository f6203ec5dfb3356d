/** What the benchmarks share: their posts, a table, and how a figure is taken. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { decodeCanonical } from '../src/consumers/formats/canonical.ts';
import { trainOn } from '../src/fingerprints/fingerprint.ts';
import { mix32 } from '../src/fingerprints/hash.ts';
import { ENTRY, entryKeyCount } from '../src/frames/entry.ts';
import { FrequencyTrainer } from '../src/fingerprints/frequency-table.ts';
import { Normaliser } from '../src/fingerprints/normalise.ts';
import type { Post } from '../src/model.ts';
import { postLine, simulate } from '../src/simulate/feed.ts';

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2026, 0, 15);

/** Lines of canonical posts: of a file (plain or gzip), or `count` simulated ones without campaigns. */
export function benchLines(file: string | undefined, count: number): string[] {
  if (file === undefined) {
    const feed = simulate({ seed: 7, posts: count, startMs: START_MS, durationMs: DAY_MS, campaigns: 0, copying: 0 });
    return Array.from(feed, ({ post }) => postLine(post));
  }
  const bytes = readFileSync(file);
  const text = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  return text.split('\n').filter((line) => line !== '');
}

export function postsOf(lines: readonly string[]): Post[] {
  return lines.flatMap((line) => {
    const decoded = decodeCanonical(line);
    return decoded.kind === 'post' ? [decoded.post] : [];
  });
}

export function tableOf(posts: readonly Post[]): Uint8Array {
  const trainer = new FrequencyTrainer();
  const normaliser = new Normaliser();
  for (const post of posts) {
    normaliser.normalise(post.text);
    trainOn(trainer, normaliser);
  }
  return trainer.finish();
}

/** Nanoseconds of processor time an element of one run, after one to warm up: another process on the machine counts less. */
export function cpuNanosecondsEach(count: number, run: () => number): number {
  run();
  const start = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(start);
  return ((user + system) * 1000) / count;
}

/** What the hashes of a pass over the same texts are changed by: words 0 to 2, and 3 for keys. */
export function saltOf(pass: number): Int32Array {
  const hash = mix32(pass);
  return Int32Array.of(hash, mix32(hash), mix32(hash + 1), hash >>> 1);
}

/** Changes every hash of the entry (text, keys, SimHash64) and leaves its record: another post with as many words. */
export function addSalt(words: Uint32Array, salt: Int32Array): void {
  words[ENTRY.textHi]! ^= salt[0]!;
  words[ENTRY.textLo]! ^= salt[1]!;
  words[ENTRY.simHi]! ^= salt[0]!;
  words[ENTRY.simLo]! ^= salt[2]!;
  for (let k = 0; k < entryKeyCount(words, 0); k++) words[ENTRY.keys + k]! ^= salt[3]!;
}
