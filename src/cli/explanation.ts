/**
 * Why two posts are a link or none: asks the same fingerprints, buckets and similarity that a replay does.
 */
import { ENTRY, entryKeyCount, entryRecordAt, entryTokenCount } from '../frames/entry.ts';
import { Fingerprinter, hashToken } from '../fingerprints/fingerprint.ts';
import { hex32, hex64 } from '../fingerprints/hash.ts';
import { DROPPED, type Normaliser } from '../fingerprints/normalise.ts';
import { levelAt, tokenAt } from '../fingerprints/record.ts';
import { hammingDistance } from '../fingerprints/simhash.ts';
import { Similarity } from '../fingerprints/similarity.ts';
import type { Finder, Post } from '../model.ts';
import type { StageSettings } from '../runtime/engine.ts';
import type { Settings } from '../settings.ts';
import { FingerprintStage } from '../stages/fingerprint.ts';
import { MatchStage, type MatchEvent } from '../stages/match.ts';
import { entryBandKey, SIMHASH_BANDS } from '../frames/entry.ts';
import { FAMILY } from '../windows/bucket-index.ts';
import { formatDuration } from './duration.ts';
import { tokenTexts } from './tokens.ts';

export interface ExplainedToken {
  readonly token: string;
  /** Its idf; undefined for a token that a very long text has no room for. */
  readonly nats?: number;
  readonly isShared: boolean;
}

export interface ExplainedPost {
  readonly platform: string;
  readonly id: string;
  readonly account: string;
  readonly createdAt: string;
  readonly text: string;
  readonly isNativeRepost: boolean;
  /** What the normaliser leaves, its tokens parted by spaces. */
  readonly left: string;
  readonly dropped: readonly (keyof typeof DROPPED)[];
  readonly tokens: readonly ExplainedToken[];
  readonly massNats: number;
  /** True if the text is so short that it counts as one account, however many posted it. */
  readonly isBrief: boolean;
  readonly shingleKeys: readonly string[];
  readonly simhash: string;
}

/** Any time: both posts are given to the index as of one moment, so that it compares them whatever the window is. */
const SOME_MS = 2 ** 40;

export const VERDICTS = ['link', 'same_text', 'no_link'] as const;

export interface Explanation {
  readonly posts: readonly [ExplainedPost, ExplainedPost];
  readonly sharedShingleKeys: readonly string[];
  readonly hammingDistance: number;
  readonly hammingMax: number;
  /** The bands of SimHash64, 0 to 2, that both have: buckets of the simhash family. */
  readonly sharedBands: readonly number[];
  /** Key families in whose buckets the posts meet. */
  readonly foundBy: readonly Finder[];
  readonly r1: number;
  readonly r3: number;
  readonly r: number;
  /** Smallest R of a link. */
  readonly linkSimilarity: number;
  readonly apartMs: number;
  readonly windowMs: number;
  readonly verdict: (typeof VERDICTS)[number];
  readonly because: readonly string[];
}

/** Everything of one post that does not depend on the other. */
interface Side {
  readonly post: Post;
  readonly words: Uint32Array;
  readonly wordCount: number;
  readonly left: readonly string[];
  readonly hashes: readonly number[];
  readonly dropped: number;
}

export function explain(first: Post, second: Post, settings: Settings, stages: StageSettings): Explanation {
  const a = sideOf(first, stages);
  const b = sideOf(second, stages);
  const similarity = new Similarity(stages.match.idfNats);
  const r = similarity.compare(
    a.words,
    entryRecordAt(a.words, 0),
    entryTokenCount(a.words, 0),
    b.words,
    entryRecordAt(b.words, 0),
    entryTokenCount(b.words, 0),
  );
  const keysOfA = keysOf(a);
  const sharedShingleKeys = keysOf(b).filter((key) => keysOfA.includes(key));
  const facts = {
    posts: [explainedPost(a, b, stages), explainedPost(b, a, stages)] as const,
    sharedShingleKeys,
    hammingDistance: hammingDistance(
      a.words[ENTRY.simHi]!,
      a.words[ENTRY.simLo]!,
      b.words[ENTRY.simHi]!,
      b.words[ENTRY.simLo]!,
    ),
    hammingMax: stages.match.hammingMax,
    sharedBands: sharedBands(a, b),
    foundBy: foundBy(a, b, stages),
    r1: similarity.r1,
    r3: similarity.r3,
    r,
    linkSimilarity: settings.link.similarity,
    apartMs: Math.abs(first.createdAt - second.createdAt),
    windowMs: settings.windowMs,
  };
  return { ...facts, ...judge(facts) };
}

type Facts = Omit<Explanation, 'verdict' | 'because'>;

function judge(facts: Facts): Pick<Explanation, 'verdict' | 'because'> {
  const { posts, foundBy: finders, r, linkSimilarity, apartMs, windowMs } = facts;
  const against: string[] = [];
  for (const post of posts) {
    if (post.isNativeRepost) against.push(`${post.id} is a native repost, and those make no text links`);
    else if (post.left === '') against.push(`nothing of ${post.id} is left to compare`);
  }
  if (apartMs >= windowMs)
    against.push(`they are ${formatDuration(apartMs)} apart, the window is ${formatDuration(windowMs)}`);
  if (against.length > 0) return { verdict: 'no_link', because: against };
  if (finders.includes('text')) {
    return {
      verdict: 'same_text',
      because: ['the normaliser leaves the same of both, so they are two posts of one text'],
    };
  }
  if (finders.length === 0) against.push('they share no bucket, so they are never compared');
  if (r < linkSimilarity) against.push(`R ${r.toFixed(3)} is below ${linkSimilarity}`);
  if (against.length > 0) return { verdict: 'no_link', because: against };
  const because = `they meet in buckets of the ${finders.join(' and ')} family, and R ${r.toFixed(3)} is at least ${linkSimilarity}`;
  return { verdict: 'link', because: [because] };
}

function sideOf(post: Post, stages: StageSettings): Side {
  const print = new Fingerprinter({ ...stages.fingerprint, simhash: true });
  print.compute(post.text);
  const stage = new FingerprintStage({ ...stages.fingerprint, simhash: true });
  const { repostOf: _, ...plain } = post;
  const wordCount = stage.process({ ...plain, createdAt: SOME_MS });
  const { normaliser } = print;
  const left = tokenTexts(normaliser);
  const hashes = tokenHashes(normaliser);
  const words = wordCount === 0 ? new Uint32Array(stage.words.length) : stage.words;
  return { post, words, wordCount, left, hashes, dropped: normaliser.dropped };
}

/** As a record keeps them: the upper half of each token's hash. */
function tokenHashes({ letters, tokenStart, tokenCount }: Normaliser): number[] {
  return Array.from({ length: tokenCount }, (_, t) => hashToken(letters, tokenStart[t]!, tokenStart[t + 1]!) >>> 16);
}

function explainedPost(side: Side, other: Side, stages: StageSettings): ExplainedPost {
  const { idfNats } = stages.match;
  const { post, words, left, hashes, dropped } = side;
  const nats = natsOf(side, idfNats);
  const otherNats = natsOf(other, idfNats);
  const massNats = new Similarity(idfNats).mass(words, entryRecordAt(words, 0), entryTokenCount(words, 0));
  return {
    platform: post.platform,
    id: post.id,
    account: post.account,
    createdAt: new Date(post.createdAt).toISOString(),
    text: post.text,
    isNativeRepost: post.repostOf !== undefined,
    left: left.join(' '),
    dropped: (Object.keys(DROPPED) as (keyof typeof DROPPED)[]).filter((name) => (dropped & DROPPED[name]) !== 0),
    tokens: left.map((token, i) => {
      const hash = hashes[i]!;
      const known = nats.get(hash);
      return {
        token,
        ...(known === undefined ? {} : { nats: known }),
        isShared: known !== undefined && otherNats.has(hash),
      };
    }),
    massNats,
    isBrief: massNats < stages.campaign.core.massMinNats,
    shingleKeys: keysOf(side),
    simhash: hex64(words[ENTRY.simHi]!, words[ENTRY.simLo]!),
  };
}

/** Nats of each token of the record, by hash. */
function natsOf({ words }: Side, idfNats: Float32Array): Map<number, number> {
  const at = entryRecordAt(words, 0);
  const count = entryTokenCount(words, 0);
  const nats = new Map<number, number>();
  for (let i = 0; i < count; i++) nats.set(tokenAt(words, at, i), idfNats[levelAt(words, at, count, i)]!);
  return nats;
}

function sharedBands(a: Side, b: Side): number[] {
  if (a.wordCount === 0 || b.wordCount === 0) return [];
  const bands = Array.from({ length: SIMHASH_BANDS }, (_, band) => band);
  return bands.filter((band) => entryBandKey(a.words, 0, band) === entryBandKey(b.words, 0, band));
}

function keysOf({ words }: Side): string[] {
  return Array.from(words.subarray(ENTRY.keys, ENTRY.keys + entryKeyCount(words, 0)), hex32);
}

/** Lets the stage of a replay find one post by the other, whatever their R. */
function foundBy(a: Side, b: Side, stages: StageSettings): Finder[] {
  if (a.wordCount === 0 || b.wordCount === 0) return [];
  const stage = new MatchStage({ ...stages.match, linkSimilarity: 0 });
  const events: MatchEvent[] = [];
  stage.process(a.words, 0, 0, events);
  stage.process(b.words, 0, 1, events);
  const event = events[0];
  if (event?.kind === 'post') return ['text'];
  if (event?.kind !== 'link') return [];
  const { families } = event;
  return [
    ...((families & FAMILY.shingle) === 0 ? [] : (['shingle'] as const)),
    ...((families & FAMILY.simhash) === 0 ? [] : (['simhash'] as const)),
  ];
}
