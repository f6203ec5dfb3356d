/**
 * From a text to its fingerprint: what is left of a post for comparing.
 *
 * One `Fingerprinter` holds preallocated arrays and is used for one text after the other; its fields are valid until the
 * next call. Nothing is allocated per post.
 */
import { isOwn } from './clusters.ts';
import { IDF_LEVELS, type FrequencyTable, type FrequencyTrainer } from './frequency-table.ts';
import { mix32 } from './hash.ts';
import { Normaliser } from './normalise.ts';
import { BITMAP_WORDS, RECORD_WORDS_MAX, TOKENS_MAX } from './record.ts';
import { KEYS_PER_KIND, KeyedOrder, SHINGLE_KEYS_MAX, SmallestRanks } from './shingles.ts';
import { SimHash64 } from './simhash.ts';

const ROLL = 0x01000193;
const ROLL_3 = Math.imul(Math.imul(ROLL, ROLL), ROLL);
const ROLL_8 = Math.imul(Math.imul(ROLL_3, ROLL_3), Math.imul(ROLL, ROLL));
const GRAM_LENGTH = 8;
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
 * Chinese, and no recall is lost.
 */
const OWN_LETTER_LEVELS = Uint8Array.from({ length: IDF_LEVELS }, (_, level) => Math.round(level * 0.6));

/** Kinds of shingle keys; they are part of a key's hash. */
const BIGRAM = 0;
const CHARACTERS = 1;
const WHOLE_TEXT = 2;

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

  readonly #table: FrequencyTable;
  readonly #order: KeyedOrder;
  readonly #simhash: SimHash64 | undefined;
  readonly #bigrams = new SmallestRanks();
  readonly #characters = new SmallestRanks();
  readonly #frequent = new SmallestRanks();
  /** Distinct tokens as `hash16 << 4 | level`, ascending. */
  readonly #tokens = new Int32Array(this.normaliser.tokenStart.length);

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
    this.record.fill(0, 0, BITMAP_WORDS);
    this.#bigrams.clear();
    this.#characters.clear();
    const distinct = this.#scanTokens();
    this.#scanLetters();
    this.#packTokens(distinct);
    this.#chooseKeys();
    if (this.#simhash !== undefined) {
      this.#simhash.compute(this.normaliser.letters, this.normaliser.letterCount);
      this.simHi = this.#simhash.hi;
      this.simLo = this.#simhash.lo;
    }
    return true;
  }

  /** Sets the text hash, offers the bigrams and collects the distinct tokens; returns how many there are. */
  #scanTokens(): number {
    const { letters, tokenStart, tokenCount } = this.normaliser;
    const tokens = this.#tokens;
    const table = this.#table;
    const order = this.#order;
    const bigrams = this.#bigrams;
    const frequent = this.#frequent;
    frequent.clear();
    let hi = 0x3c6ef372;
    let lo = 0x1f83d9ab;
    let previous = 0;
    let distinct = 0;
    for (let t = 0; t < tokenCount; t++) {
      const hash = hashToken(letters, tokenStart[t]!, tokenStart[t + 1]!);
      hi = Math.imul(hi ^ hash, 0xcc9e2d51);
      hi ^= hi >>> 15;
      lo = Math.imul(lo + hash, 0x1b873593);
      lo ^= lo >>> 13;
      if (t > 0) {
        const gram = hashBigram(previous, hash);
        const rank = order.rank(gram);
        if (!table.isFrequent(gram)) {
          if (rank < bigrams.bound) bigrams.insert(rank);
        } else if (rank < frequent.bound) frequent.insert(rank);
      }
      previous = hash;
      const level = table.idfLevel(hash);
      const token = ((hash >>> 16) << 4) | (isOwn(letters[tokenStart[t]!]!) ? OWN_LETTER_LEVELS[level]! : level);
      if (tokenCount <= INSERTION_MAX) distinct = insertToken(tokens, distinct, token);
      else tokens[t] = token;
    }
    if (tokenCount > INSERTION_MAX) distinct = sortDistinct(tokens, tokenCount);
    this.textHi = mix32(hi ^ tokenCount);
    this.textLo = mix32(lo ^ Math.imul(hi, 0x27d4eb2f));
    return distinct;
  }

  /** Fills the trigram bitmap and offers the character 8-grams. */
  #scanLetters(): void {
    const { letters, letterCount } = this.normaliser;
    const record = this.record;
    const table = this.#table;
    const order = this.#order;
    const characters = this.#characters;
    let three = 0;
    let eight = 0;
    for (let i = 0; i < letterCount; i++) {
      const letter = letters[i]!;
      three = (Math.imul(three, ROLL) + letter) | 0;
      eight = (Math.imul(eight, ROLL) + letter) | 0;
      if (i >= 3) three = (three - Math.imul(letters[i - 3]!, ROLL_3)) | 0;
      if (i >= 2) {
        const bit = Math.imul(three ^ (three >>> 15), 0x2c1b3c6d) >>> 24;
        record[bit >>> 5]! |= 1 << (bit & 31);
      }
      if (i >= GRAM_LENGTH) eight = (eight - Math.imul(letters[i - GRAM_LENGTH]!, ROLL_8)) | 0;
      if (i >= GRAM_LENGTH - 1) {
        const gram = mix32(eight);
        const rank = order.rank(gram);
        if (rank < characters.bound && !table.isFrequent(gram)) characters.insert(rank);
      }
    }
  }

  #packTokens(distinct: number): void {
    const tokens = this.#tokens;
    const count = distinct > TOKENS_MAX ? keepTelling(tokens, distinct) : distinct;
    const record = this.record;
    const hashesAt = BITMAP_WORDS;
    const levelsAt = hashesAt + ((count + 1) >>> 1);
    const end = levelsAt + ((count + 7) >>> 3);
    record.fill(0, hashesAt, end);
    for (let i = 0; i < count; i++) {
      const token = tokens[i]!;
      record[hashesAt + (i >>> 1)]! |= (token >>> 4) << ((i & 1) << 4);
      record[levelsAt + (i >>> 3)]! |= (token & 15) << ((i & 7) << 2);
    }
    this.tokenCount = count;
    this.recordWords = end;
  }

  #chooseKeys(): void {
    const bigrams = this.#bigrams;
    const characters = this.#characters;
    const fromBigrams = Math.min(bigrams.count, SHINGLE_KEYS_MAX - Math.min(characters.count, KEYS_PER_KIND));
    const fromCharacters = Math.min(characters.count, SHINGLE_KEYS_MAX - fromBigrams);
    let count = 0;
    for (let i = 0; i < fromBigrams; i++) this.keys[count++] = this.#order.key(bigrams.ranks[i]!, BIGRAM);
    for (let i = 0; i < fromCharacters; i++) this.keys[count++] = this.#order.key(characters.ranks[i]!, CHARACTERS);
    const frequent = this.#frequent;
    for (let i = 0; i < frequent.count && count < KEYS_MIN; i++) {
      this.keys[count++] = this.#order.key(frequent.ranks[i]!, BIGRAM);
    }
    // One short word has no n-gram: it is filed under itself, so that its repeats still have one place.
    if (count === 0) this.keys[count++] = this.#order.key(this.textLo >>> 1, WHOLE_TEXT);
    this.keyCount = count;
  }
}

export function hashToken(letters: Uint16Array, start: number, end: number): number {
  let h = 0x811c9dc5 | 0;
  for (let i = start; i < end; i++) h = Math.imul(h ^ letters[i]!, ROLL);
  return mix32(h);
}

function hashBigram(first: number, second: number): number {
  return mix32(Math.imul(first, 0x9e3779b1) + second);
}

/** Inserts into the ascending `tokens[0 .. count)`; of two tokens with one 16-bit hash the commoner one stays. */
function insertToken(tokens: Int32Array, count: number, token: number): number {
  let at = count;
  while (at > 0 && tokens[at - 1]! > token) at--;
  if (at > 0 && tokens[at - 1]! >>> 4 === token >>> 4) return count;
  if (at < count && tokens[at]! >>> 4 === token >>> 4) {
    tokens[at] = token;
    return count;
  }
  for (let i = count; i > at; i--) tokens[i] = tokens[i - 1]!;
  tokens[at] = token;
  return count + 1;
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
    if (t > 0) trainer.addGram(hashBigram(previous, hash));
    previous = hash;
  }
  let eight = 0;
  for (let i = 0; i < letterCount; i++) {
    eight = (Math.imul(eight, ROLL) + letters[i]!) | 0;
    if (i >= GRAM_LENGTH) eight = (eight - Math.imul(letters[i - GRAM_LENGTH]!, ROLL_8)) | 0;
    if (i >= GRAM_LENGTH - 1) trainer.addGram(mix32(eight));
  }
  return true;
}
