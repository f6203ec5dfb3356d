/**
 * From a text to its fingerprint: what is left of a post for comparing.
 *
 * One `Fingerprinter` holds preallocated arrays and is used for one text after the other; its fields are valid until the
 * next call. Nothing is allocated per post.
 */
import { isOwn } from './clusters.ts';
import { IDF_LEVELS, type FrequencyTable, type FrequencyTrainer } from './frequency-table.ts';
import { hashLetters, mix32, mixInt, powerOf, ROLL } from './hash.ts';
import { LETTERS_MAX, Normaliser } from './normalise.ts';
import { BITMAP_WORDS, RECORD_WORDS_MAX, TOKENS_MAX } from './record.ts';
import { KEYS_PER_KIND, KeyedOrder, RANK_END, rankOf, SHINGLE_KEYS_MAX, SmallestRanks } from './shingles.ts';
import { SimHash64 } from './simhash.ts';

const POWERS = Int32Array.from({ length: 64 }, (_, exponent) => powerOf(exponent));
const ROLL_3 = powerOf(3);
const ROLL_8 = powerOf(8);
const GRAM_LENGTH = 8;
/** N-grams of a kind whose table entries are looked up at first: enough for three rare ones in nearly every text. */
const GATHERED = 14;
/** Insertion sort is quickest for an ordinary post and quadratic for a text made to be long. */
const INSERTION_MAX = 128;

/**
 * A text of fewer rare n-grams is filed under frequent ones too: a short text and its copies with a word added would
 * otherwise share no bucket at all. More than two costs precision and finds nothing more.
 */
const KEYS_MIN = 2;
/**
 * A Han or Kana character is half a word, so its idf says too much when the characters of one word are summed up: "求真相"
 * is no rarer than "thank you". At 0.6 of the level, precision goes from .990 to .9975 on posts of which a quarter are
 * Chinese, and no recall is lost. The bound of 4 is for a table that has seen none: there every character looks rare.
 */
const OWN_LETTER_LEVELS = Uint8Array.from({ length: IDF_LEVELS }, (_, level) => Math.min(4, Math.round(level * 0.6)));

/** Kinds of shingle keys; they are part of a key's hash. */
const BIGRAM = 0;
const CHARACTERS = 1;
const WHOLE_TEXT = 2;

// Buffers for one text at a time, shared by all fingerprinters: V8 compiles the addresses of a module's constants in, and
// the loops below are a third faster than over arrays that belong to an object.
/** Polynomial hashes of the first 0, 1, 2 ... letters. */
const PREFIXES = new Int32Array(LETTERS_MAX + 1);
const HASHES = new Int32Array(LETTERS_MAX + 1);
const LEVELS = new Uint8Array(LETTERS_MAX + 1);
/** Distinct tokens as `hash16 << 4 | level`, ascending. */
const TOKENS = new Int32Array(LETTERS_MAX + 2);
const GRAMS = new Int32Array(LETTERS_MAX + 1);
const RANKS = new Int32Array(LETTERS_MAX + 1);

export interface FingerprintSettings {
  readonly table: FrequencyTable;
  readonly secretHi: number;
  readonly secretLo: number;
  /** Whether SimHash64 is computed (the simhash key family). */
  readonly simhash: boolean;
}

export class Fingerprinter {
  readonly normaliser = new Normaliser();
  /** Shingle keys of 31 bits, `keyCount` of them (1 to SHINGLE_KEYS_MAX for a text with a letter). */
  readonly keys = new Uint32Array(SHINGLE_KEYS_MAX);
  keyCount = 0;
  /** 64-bit hash of the normalised text: the identity of its text node. */
  textHi = 0;
  textLo = 0;
  simHi = 0;
  simLo = 0;
  /** The record (record.ts) of `tokenCount` distinct tokens. */
  readonly record = new Uint32Array(RECORD_WORDS_MAX);
  recordWords = 0;
  tokenCount = 0;
  /** The record as signed words: setting bit 31 of an unsigned one goes through floating point. */
  readonly #signed = new Int32Array(this.record.buffer);

  readonly #table: FrequencyTable;
  readonly #order: KeyedOrder;
  readonly #simhash: SimHash64 | undefined;
  readonly #bigrams = new SmallestRanks();
  readonly #characters = new SmallestRanks();
  readonly #frequent = new SmallestRanks();

  constructor(settings: FingerprintSettings) {
    this.#table = settings.table;
    this.#order = new KeyedOrder(settings.secretHi, settings.secretLo);
    this.#simhash = settings.simhash ? new SimHash64() : undefined;
  }

  /**
   * Fingerprints a text of at most 65,536 UTF-16 units. Returns false if nothing is left to compare, in which
   * case the post makes no text node and only the normaliser's notes are valid.
   */
  compute(text: string): boolean {
    this.normaliser.normalise(text);
    if (this.normaliser.letterCount === 0) return false;
    this.#hashPrefixes();
    this.#hashTokens();
    this.#fillBitmap();
    this.#packTokens(this.#collectTokens());
    this.#chooseKeys();
    if (this.#simhash !== undefined) {
      this.#simhash.compute(PREFIXES, this.normaliser.letterCount);
      this.simHi = this.#simhash.hi;
      this.simLo = this.#simhash.lo;
    }
    return true;
  }

  /**
   * Rolling hashes: `prefixes[i]` is the polynomial hash of the first i letters, so that any n-gram's hash is one
   * multiplication away, without a chain of them and without branches at the ends of words.
   */
  #hashPrefixes(): void {
    const { letters, letterCount } = this.normaliser;
    const prefixes = PREFIXES;
    let hash = 0;
    for (let i = 0; i < letterCount; i++) {
      hash = (Math.imul(hash, ROLL) + letters[i]!) | 0;
      prefixes[i + 1] = hash;
    }
  }

  /** Hashes the tokens, looks up their levels and sets the text hash. */
  #hashTokens(): void {
    const { tokenStart, tokenCount } = this.normaliser;
    const prefixes = PREFIXES;
    const hashes = HASHES;
    const levels = LEVELS;
    const table = this.#table;
    for (let t = 0; t < tokenCount; t++) {
      const start = tokenStart[t]!;
      const end = tokenStart[t + 1]!;
      const length = end - start;
      const power = length < POWERS.length ? POWERS[length]! : powerOf(length);
      const hash = mixInt((prefixes[end]! - Math.imul(prefixes[start]!, power)) ^ length);
      hashes[t] = hash;
      levels[t] = table.idfLevel(hash);
    }
    let hi = 0x3c6ef372;
    let lo = 0x1f83d9ab;
    for (let t = 0; t < tokenCount; t++) {
      const hash = hashes[t]!;
      hi = Math.imul(hi ^ hash, 0xcc9e2d51);
      hi ^= hi >>> 15;
      lo = Math.imul(lo + hash, 0x1b873593);
      lo ^= lo >>> 13;
    }
    this.textHi = mix32(hi ^ tokenCount);
    this.textLo = mix32(lo ^ Math.imul(hi, 0x27d4eb2f));
  }

  /** Collects the distinct tokens with their levels; returns how many there are. */
  #collectTokens(): number {
    const { letters, tokenStart, tokenCount } = this.normaliser;
    const hashes = HASHES;
    const levels = LEVELS;
    const tokens = TOKENS;
    let distinct = 0;
    for (let t = 0; t < tokenCount; t++) {
      const level = isOwn(letters[tokenStart[t]!]!) ? OWN_LETTER_LEVELS[levels[t]!]! : levels[t]!;
      const token = ((hashes[t]! >>> 16) << 4) | level;
      if (tokenCount > INSERTION_MAX) {
        tokens[t] = token;
        continue;
      }
      let at = distinct;
      while (at > 0 && tokens[at - 1]! > token) at--;
      // Of two tokens with one 16-bit hash the commoner one stays.
      if (at > 0 && tokens[at - 1]! >>> 4 === token >>> 4) continue;
      if (at < distinct && tokens[at]! >>> 4 === token >>> 4) {
        tokens[at] = token;
        continue;
      }
      for (let i = distinct++; i > at; i--) tokens[i] = tokens[i - 1]!;
      tokens[at] = token;
    }
    return tokenCount > INSERTION_MAX ? sortDistinct(tokens, tokenCount) : distinct;
  }

  #fillBitmap(): void {
    const { letterCount } = this.normaliser;
    const prefixes = PREFIXES;
    const bitmap = this.#signed;
    // A loop: a call of `fill` costs more than these eight words.
    for (let w = 0; w < BITMAP_WORDS; w++) bitmap[w] = 0;
    for (let i = 3; i <= letterCount; i++) {
      const gram = (prefixes[i]! - Math.imul(prefixes[i - 3]!, ROLL_3)) | 0;
      const bit = Math.imul(gram ^ (gram >>> 15), 0x2c1b3c6d) >>> 24;
      bitmap[bit >>> 5]! |= 1 << (bit & 31);
    }
  }

  /** Gathers the bigrams whose rank is below `rankEnd`; returns how many. */
  #gatherBigrams(rankEnd: number): number {
    const hashes = HASHES;
    const grams = GRAMS;
    const ranks = RANKS;
    const { a, b } = this.#order;
    const tokenCount = this.normaliser.tokenCount;
    let count = 0;
    for (let t = 1; t < tokenCount; t++) {
      const gram = bigramOf(hashes[t - 1]!, hashes[t]!);
      const rank = rankOf(gram, a, b);
      grams[count] = gram;
      ranks[count] = rank;
      // Kept if below the end: without a branch, which could not be predicted.
      count += (rank - rankEnd) >>> 31;
    }
    return count;
  }

  /** The same of the character 8-grams. */
  #gatherCharacters(rankEnd: number): number {
    const { letterCount } = this.normaliser;
    const prefixes = PREFIXES;
    const grams = GRAMS;
    const ranks = RANKS;
    const { a, b } = this.#order;
    let count = 0;
    for (let i = GRAM_LENGTH; i <= letterCount; i++) {
      const gram = (prefixes[i]! - Math.imul(prefixes[i - GRAM_LENGTH]!, ROLL_8)) | 0;
      const rank = rankOf(gram, a, b);
      grams[count] = gram;
      ranks[count] = rank;
      count += (rank - rankEnd) >>> 31;
    }
    return count;
  }

  /** Puts the `wanted` smallest rare n-grams of a kind into `smallest`. */
  #choose(smallest: SmallestRanks, wanted: number, kind: number): void {
    const { letterCount, tokenCount } = this.normaliser;
    const grams = kind === BIGRAM ? tokenCount - 1 : letterCount - GRAM_LENGTH + 1;
    smallest.clear(wanted);
    if (grams <= 0) return;
    // Of many n-grams only the lower ranks are looked up; if too few of them are rare, all are.
    const rankEnd = grams > GATHERED ? Math.floor((RANK_END / grams) * GATHERED) : RANK_END;
    this.#insertRare(smallest, kind === BIGRAM ? this.#gatherBigrams(rankEnd) : this.#gatherCharacters(rankEnd));
    if (smallest.count === wanted || rankEnd === RANK_END) return;
    smallest.clear(wanted);
    this.#insertRare(smallest, kind === BIGRAM ? this.#gatherBigrams(RANK_END) : this.#gatherCharacters(RANK_END));
  }

  #insertRare(smallest: SmallestRanks, count: number): void {
    const grams = GRAMS;
    const ranks = RANKS;
    const table = this.#table;
    // The table is larger than the cache; in a loop without branches the look-ups do not wait for one another.
    for (let i = 0; i < count; i++) ranks[i]! |= -table.frequentBit(mixInt(grams[i]!)) & RANK_END;
    if (smallest.wanted === 3) smallest.setSmallestThree(ranks, count);
    else for (let i = 0; i < count; i++) if (ranks[i]! < smallest.bound) smallest.insert(ranks[i]!);
  }

  /** Puts the smallest frequent bigrams into `smallest`. */
  #chooseFrequent(smallest: SmallestRanks, wanted: number): void {
    const grams = GRAMS;
    const ranks = RANKS;
    smallest.clear(wanted);
    const count = this.#gatherBigrams(RANK_END);
    for (let i = 0; i < count; i++) {
      if (ranks[i]! < smallest.bound && this.#table.isFrequent(mixInt(grams[i]!))) smallest.insert(ranks[i]!);
    }
  }

  #packTokens(distinct: number): void {
    const tokens = TOKENS;
    const count = distinct > TOKENS_MAX ? keepTelling(tokens, distinct) : distinct;
    const record = this.#signed;
    const hashesAt = BITMAP_WORDS;
    const levelsAt = hashesAt + ((count + 1) >>> 1);
    tokens[count] = 0;
    for (let i = 0; i < count; i += 2) {
      record[hashesAt + (i >>> 1)] = (tokens[i]! >>> 4) | ((tokens[i + 1]! >>> 4) << 16);
    }
    let levels = 0;
    for (let i = 0; i < count; i++) {
      levels |= (tokens[i]! & 15) << ((i & 7) << 2);
      record[levelsAt + (i >>> 3)] = levels;
      if ((i & 7) === 7) levels = 0;
    }
    this.tokenCount = count;
    this.recordWords = levelsAt + ((count + 7) >>> 3);
  }

  #chooseKeys(): void {
    const bigrams = this.#bigrams;
    const characters = this.#characters;
    this.#choose(bigrams, KEYS_PER_KIND, BIGRAM);
    this.#choose(characters, SHINGLE_KEYS_MAX - bigrams.count, CHARACTERS);
    const missing = SHINGLE_KEYS_MAX - characters.count - bigrams.count;
    if (missing > 0 && bigrams.count === KEYS_PER_KIND) this.#choose(bigrams, KEYS_PER_KIND + missing, BIGRAM);
    let count = 0;
    for (let i = 0; i < bigrams.count; i++) this.keys[count++] = this.#order.key(bigrams.ranks[i]!, BIGRAM);
    for (let i = 0; i < characters.count; i++) this.keys[count++] = this.#order.key(characters.ranks[i]!, CHARACTERS);
    if (count < KEYS_MIN) {
      const frequent = this.#frequent;
      this.#chooseFrequent(frequent, KEYS_MIN - count);
      for (let i = 0; i < frequent.count; i++) this.keys[count++] = this.#order.key(frequent.ranks[i]!, BIGRAM);
    }
    // One short word has no n-gram: it is filed under itself, so that its repeats still have one place.
    if (count === 0) this.keys[count++] = this.#order.key(this.textLo >>> 1, WHOLE_TEXT);
    this.keyCount = count;
  }
}

function bigramOf(first: number, second: number): number {
  return (Math.imul(first, 0x9e3779b1) + second) | 0;
}

function sortDistinct(tokens: Int32Array, count: number): number {
  tokens.subarray(0, count).sort();
  let distinct = 0;
  for (let i = 0; i < count; i++) {
    if (distinct > 0 && tokens[distinct - 1]! >>> 4 === tokens[i]! >>> 4) continue;
    tokens[distinct++] = tokens[i]!;
  }
  return distinct;
}

/** Keeps the TOKENS_MAX tokens of highest level (ties: smaller hash), ascending by hash again. */
function keepTelling(tokens: Int32Array, count: number): number {
  const telling = tokens.slice(0, count).sort((a, b) => (b & 15) - (a & 15) || a - b);
  tokens.set(telling.subarray(0, TOKENS_MAX).sort());
  return TOKENS_MAX;
}

/** Adds one text's n-grams and tokens to a table in training. Returns false if the text has nothing to count. */
export function trainOn(trainer: FrequencyTrainer, normaliser: Normaliser): boolean {
  const { letters, letterCount, tokenStart, tokenCount } = normaliser;
  if (letterCount === 0) return false;
  trainer.beginPost();
  let previous = 0;
  for (let t = 0; t < tokenCount; t++) {
    const hash = hashToken(letters, tokenStart[t]!, tokenStart[t + 1]!);
    trainer.addToken(hash);
    if (t > 0) trainer.addGram(mixInt(bigramOf(previous, hash)));
    previous = hash;
  }
  for (let i = GRAM_LENGTH; i <= letterCount; i++) trainer.addGram(mixInt(hashLetters(letters, i - GRAM_LENGTH, i)));
  return true;
}

/** 32-bit hash of the token `letters[start .. end)`, the one that tables know it by. */
export function hashToken(letters: Uint16Array, start: number, end: number): number {
  return mixInt(hashLetters(letters, start, end) ^ (end - start));
}
