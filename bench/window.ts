/**
 * The cost of a post with a full window behind it: fingerprint, look-up, verification and insertion, and the bytes it takes.
 *
 *   node bench/window.js [--posts FILE] [--window-posts 1000000,10000000] [--simhash on|off]
 *
 * A window of millions of posts is made from a few hundred thousand texts, fed again and again under another salt: every
 * hash of a post (text, keys, SimHash64) is changed with the pass, its record is not. So memory behaves as with as many
 * distinct posts, and a post meets candidates of its own pass only. The index is made for the window, as a replay makes it;
 * one that grows with its feed is up to 15 % larger. Reading posts that
 * lie cold in memory, and the salt, are part of the figure.
 */
import { parseArgs } from 'node:util';
import { ENTRY_WORDS_MAX } from '../src/frames/entry.ts';
import { stageSettings } from '../src/runtime/engine.ts';
import { DEFAULTS } from '../src/settings.ts';
import { FingerprintStage } from '../src/stages/fingerprint.ts';
import { MatchStage, type MatchEvent } from '../src/stages/match.ts';
import { AHEAD_ENTRIES } from '../src/windows/bucket-index.ts';
import { addSalt, benchLines, postsOf, saltOf, tableOf } from './support.ts';

const { values } = parseArgs({
  options: {
    posts: { type: 'string' },
    'window-posts': { type: 'string', default: '1000000,10000000' },
    simhash: { type: 'string', default: 'on' },
  },
});

const BLOCK_POSTS = 250;

const posts = postsOf(benchLines(values.posts, 250_000)).map((post) => ({ ...post }));
const table = tableOf(posts);

for (const size of values['window-posts'].split(',').map(Number)) measure(size, values.simhash === 'on');

function measure(windowPosts: number, simhash: boolean): void {
  const settings = { ...DEFAULTS, windowMs: windowPosts, families: { simhash } };
  const stages = stageSettings({ settings, table, engine: 'bench' });
  const fingerprints = new FingerprintStage(stages.fingerprint);
  const match = new MatchStage(stages.match);
  match.index.reserve(windowPosts);
  const out: MatchEvent[] = [];
  let timeMs = 0;
  let measuredFrom = process.cpuUsage();
  let links = 0;
  let pass = saltOf(0);
  // One post a millisecond: the window is full after `windowPosts`, and the measured stretch slides it on.
  const slide = Math.min(1_000_000, windowPosts);
  const counters = match.index.counters;
  let candidatesBefore = 0;
  const block = new Uint32Array(BLOCK_POSTS * ENTRY_WORDS_MAX);
  const starts = new Uint32Array(BLOCK_POSTS);
  while (timeMs < windowPosts + slide) {
    if (timeMs === windowPosts) {
      measuredFrom = process.cpuUsage();
      candidatesBefore = counters.candidates[0] + counters.candidates[1];
      links = 0;
    }
    // In blocks, as they come from a sorter or a frame.
    let count = 0;
    let used = 0;
    for (
      const end = Math.min(timeMs + BLOCK_POSTS, timeMs < windowPosts ? windowPosts : Infinity);
      timeMs < end;
      timeMs++
    ) {
      const at = timeMs % posts.length;
      if (at === 0) pass = saltOf(timeMs / posts.length);
      const post = posts[at]!;
      post.createdAt = timeMs;
      const length = fingerprints.process(post);
      if (length === 0) continue;
      addSalt(fingerprints.words, pass);
      for (let i = 0; i < length; i++) block[used + i] = fingerprints.words[i]!;
      starts[count++] = used;
      used += length;
    }
    for (let i = 0; i < count; i++) {
      if (i + AHEAD_ENTRIES < count) match.index.touchAhead(block, starts[i + AHEAD_ENTRIES]!);
      out.length = 0;
      match.process(block, starts[i]!, 0, out);
      for (const event of out) if (event.kind === 'link') links++;
    }
  }
  const { user, system } = process.cpuUsage(measuredFrom);
  const each = ((user + system) * 1000) / slide;
  const candidates = (counters.candidates[0] + counters.candidates[1] - candidatesBefore) / slide;
  console.log(
    JSON.stringify({
      windowPosts,
      simhash,
      nsPerPost: Math.round(each),
      candidatesPerPost: round(candidates),
      linksPerPost: round(links / slide),
      nodes: match.index.nodes,
      indexBytes: match.index.bytes,
      bytesPerPost: round(match.index.bytes / windowPosts),
      longestBucket: match.index.longestBucket,
    }),
  );
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
