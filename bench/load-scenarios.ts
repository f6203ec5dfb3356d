/** What a load run can feed: ordinary posts, and what somebody would post who wants Chorus to fall. */
import { Buffer } from 'node:buffer';
import { fileURLToPath } from 'node:url';
import { loadTable } from '../src/cli/table.ts';
import { TEXT_UNITS_MAX } from '../src/consumers/formats/checks.ts';
import { Fingerprinter } from '../src/fingerprints/fingerprint.ts';
import { mix32 } from '../src/fingerprints/hash.ts';
import { stageSettings } from '../src/runtime/engine.ts';
import { DEFAULTS } from '../src/settings.ts';
import { simulate } from '../src/simulate/feed.ts';
import type { SinkPlan } from './load-sink.ts';

/** Value of record `i`; `nowMs` is when it is sent. */
export type Feed = (i: number, nowMs: number) => string | Buffer;

export interface Scenario {
  readonly name: string;
  readonly feed: (posts: number) => Feed;
  /** Multiple of the asked rate, at a part of the run from 0 to 1. */
  readonly pace: (part: number) => number;
  /** Settings beyond those of all, by section. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Of each way between Chorus and its broker. */
  readonly delayMs?: number;
  /** A sink that is slow. */
  readonly sink?: SinkPlan;
  /** Are all posts of one text or of its variants? Then one campaign must have them all in the end. */
  readonly isOneCampaign?: boolean;
}

/** From the folder that the compiled benchmarks are in. */
const TABLE = fileURLToPath(new URL('../../../tables/default-v1.chdf.gz', import.meta.url));
const START_MS = Date.UTC(2026, 0, 15);
const DAY_MS = 86_400_000;
const CONSONANTS = 'bdfgklmnprstvz';
const VOWELS = 'aeiou';
/** A record of so many bytes is near what a broker takes. */
const LARGE_BYTES = 900_000;
/** Accounts of a campaign that are told apart, set low so that a short run passes it. */
const ACCOUNTS_MAX = 5000;

/** A word of eight letters that no language has, by its number. */
export function inventedWord(number: number): string {
  let bits = mix32(number + 1) >>> 0;
  let word = '';
  for (let syllable = 0; syllable < 4; syllable++) {
    word += CONSONANTS[bits % CONSONANTS.length]! + VOWELS[(bits >>> 4) % VOWELS.length]!;
    bits = mix32(bits + syllable) >>> 0;
  }
  return word;
}

export function inventedText(number: number, words: number): string {
  return Array.from({ length: words }, (_, i) => inventedWord(Math.imul(number, 131) + i)).join(' ');
}

function line(i: number, text: string, createdAt: number | string): string {
  return JSON.stringify({ id: `p${i}`, platform: 'bench', account: `account-${i}`, text, createdAt });
}

/** Simulated posts, made as they are asked for: no memory for a long feed. */
function ordinary(posts: number): Feed {
  const simulated = simulate({ seed: 7, posts, startMs: START_MS, durationMs: DAY_MS, campaigns: 0, copying: 0 });
  return (i, nowMs) => {
    const { value, done } = simulated.next();
    if (done === true) throw new Error(`the feed was made for ${posts} posts`);
    const { post } = value as { post: { account: string; text: string } };
    return JSON.stringify({ ...post, id: `p${i}`, createdAt: nowMs });
  };
}

/** The same post twice in a row, as a producer without idempotence delivers it. */
function twice(posts: number): Feed {
  const feed = ordinary(posts);
  let last: string | Buffer = '';
  return (i, nowMs) => (i % 2 === 0 ? (last = feed(i, nowMs)) : last);
}

const VIRAL =
  'The harbour bridge was sold at night to a company that nobody has ever heard of, read this before Friday';

function oneText(): Feed {
  return (i, nowMs) => line(i, VIRAL, nowMs);
}

/** Hundreds of texts that differ in one word, by accounts without end: one campaign, as many links as can be. */
function variants(): Feed {
  return (i, nowMs) => line(i, `${VIRAL} ${inventedWord(i % 400)}`, nowMs);
}

/**
 * A pair of words that takes a place among the keys of nearly every text it stands in. Whoever does not know the secret cannot
 * look for it; this attacker does.
 */
export function aimedPair(): string {
  const { fingerprint } = stageSettings({ settings: DEFAULTS, table: loadTable(TABLE), engine: 'chorus/bench' });
  const fingerprinter = new Fingerprinter(fingerprint);
  const keysOf = (text: string): Set<number> => {
    fingerprinter.compute(text);
    return new Set(fingerprinter.keys.subarray(0, fingerprinter.keyCount));
  };
  let best = { pair: '', hits: 0 };
  for (let candidate = 0; candidate < 2000; candidate++) {
    const pair = inventedText(-1 - candidate, 2);
    const sets = Array.from({ length: 6 }, (_, i) => keysOf(`${pair} ${inventedText(i, 12)}`));
    const hits = Math.max(...Array.from(sets[0]!, (key) => sets.filter((set) => set.has(key)).length));
    if (hits > best.hits) best = { pair, hits };
    if (best.hits === sets.length) return best.pair;
  }
  return best.pair;
}

function oneBucket(): Feed {
  const pair = aimedPair();
  return (i, nowMs) => line(i, `${pair} ${inventedText(i, 12)}`, nowMs);
}

/** As long as a text may be, of one kind. */
export function longestText(kind: number, number: number): string {
  const fill = (part: (k: number) => string): string => {
    let text = '';
    for (let k = 0; text.length < TEXT_UNITS_MAX; k++) text += part(k);
    return text.slice(0, TEXT_UNITS_MAX);
  };
  if (kind === 0) return fill((k) => `${inventedWord(Math.imul(number, 9973) + k)} `);
  if (kind === 1) return fill((k) => inventedWord(Math.imul(number, 9973) + k));
  if (kind === 2) return fill((k) => String.fromCharCode(0x4e00 + ((mix32(number * 65_536 + k) >>> 0) % 20_000)));
  // A letter under a thousand marks.
  if (kind === 3) return fill((k) => (k % 1000 === 0 ? 'a' : String.fromCharCode(0x300 + ((k + number) % 0x70))));
  return fill(() => '@a1 #b ');
}

const LONGEST_KINDS = 5;

function longest(): Feed {
  return (i, nowMs) => line(i, longestText(i % LONGEST_KINDS, i), nowMs);
}

/** Its samples would make an alert larger than a record may be. */
function longestCopied(): Feed {
  const texts = Array.from({ length: 20 }, (_, i) => `${String.fromCharCode(0x5000 + i)}${longestText(2, 1).slice(1)}`);
  return (i, nowMs) => line(i, texts[i % texts.length]!, nowMs);
}

const LARGE_URL = `https://a.example/${'x'.repeat(8000)}`;

/** Valid posts as large as a record may be, by their links, since texts are bounded lower; and between them some half as large. */
function largest(): Feed {
  const all = Array.from({ length: Math.floor(LARGE_BYTES / LARGE_URL.length) }, () => LARGE_URL);
  const half = all.slice(0, all.length / 2);
  return (i, createdAt) => {
    // Neighbours in a partition, however many partitions there are.
    const urls = mix32(i) % 2 === 0 ? half : all;
    const post = { id: `p${i}`, platform: 'bench', account: `account-${i}`, text: inventedText(i, 12), createdAt };
    return JSON.stringify({ ...post, urls });
  };
}

/** Of each kind of rubbish one in turn. */
export function invalidValues(i: number, nowMs: number): (string | Buffer)[] {
  const post = { id: `p${i}`, platform: 'bench', account: `account-${i}`, text: VIRAL, createdAt: nowMs };
  return [
    '{"id":',
    '[]',
    'null',
    '"',
    '',
    `${'['.repeat(100_000)}${']'.repeat(100_000)}`,
    Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]),
    Buffer.alloc(2000, 0),
    JSON.stringify({ ...post, id: undefined }),
    JSON.stringify({ ...post, text: 5 }),
    JSON.stringify({ ...post, account: '' }),
    JSON.stringify({ ...post, id: 'x'.repeat(100_000) }),
    JSON.stringify({ ...post, text: 'x'.repeat(TEXT_UNITS_MAX + 1) }),
    JSON.stringify({ ...post, createdAt: 'yesterday' }),
    JSON.stringify({ ...post, createdAt: -1 }),
    JSON.stringify({ ...post, text: 'a\u0000b' }),
    JSON.stringify({ ...post, text: 'a\ud800b' }),
    JSON.stringify({ ...post, urls: Array.from({ length: 10_000 }, () => 'https://a.example') }),
    JSON.stringify({ ...post, deleted: 'yes' }),
  ];
}

function invalid(): Feed {
  const kinds = invalidValues(0, 0).length;
  const large = Buffer.alloc(LARGE_BYTES, 'x');
  return (i, nowMs) => (i % 5000 === 0 ? large : invalidValues(i, nowMs)[i % kinds]!);
}

/** One in three in the future, one in three in the past, by what the posts say. */
function clocks(posts: number): Feed {
  const feed = ordinary(posts);
  const times = ['2099-12-31T23:59:59.999Z', '1970-01-01T00:00:00.000Z'];
  return (i, nowMs) => (i % 3 === 2 ? feed(i, nowMs) : line(i, inventedText(i, 12), times[i % 3]!));
}

const even = (): number => 1;
const slower = (share: number) => (): number => share;

export const SCENARIOS: readonly Scenario[] = [
  { name: 'steady', feed: ordinary, pace: even },
  { name: 'burst', feed: ordinary, pace: (part) => (part > 0.4 && part < 0.6 ? 10 : 1) },
  { name: 'twice', feed: twice, pace: even },
  { name: 'viral', feed: oneText, pace: even, isOneCampaign: true },
  {
    name: 'accounts',
    feed: variants,
    pace: even,
    isOneCampaign: true,
    settings: { limits: { accountsPerCampaign: ACCOUNTS_MAX, postsPerCampaign: ACCOUNTS_MAX } },
  },
  { name: 'bucket', feed: oneBucket, pace: even },
  { name: 'longest', feed: longest, pace: slower(0.02) },
  { name: 'longest-copied', feed: longestCopied, pace: slower(0.02), isOneCampaign: true },
  { name: 'largest', feed: largest, pace: (part) => (Math.floor(part * 200) % 50 === 10 ? 0.4 : 0) },
  { name: 'invalid', feed: invalid, pace: slower(0.5) },
  { name: 'clocks-payload', feed: clocks, pace: even, settings: { kafka: { eventTime: 'payload' } } },
  { name: 'clocks-record', feed: clocks, pace: even },
  { name: 'slow-broker', feed: ordinary, pace: even, delayMs: 50 },
  { name: 'slow-sink', feed: ordinary, pace: even, sink: { delayMs: 500, refusedEach: 10 } },
];
