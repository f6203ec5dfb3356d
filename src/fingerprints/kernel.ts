/**
 * The kernel: from the letters and token starts of a text to its keys, its record, its text hash and its SimHash64.
 *
 * WebAssembly, since it computes on four words at once and JavaScript on one: 0.55 µs a post where plain JavaScript takes
 * 1.65. The module is put together here when the process starts (10 to 20 ms); nothing is built or stored.
 */
import { InvariantError } from '../errors.ts';
import { constant, fourOf, instantiate, when, WasmModule, type WasmFunction } from './assembler.ts';
import { IDF_LEVELS, type FrequencyTable } from './frequency-table.ts';
import { powerOf } from './hash.ts';
import { defineKeys } from './kernel-keys.ts';
import { defineSimhash } from './kernel-simhash.ts';
import { defineBitmap, definePack, definePrefixes, defineSort, defineTokens } from './kernel-tokens.ts';
import * as layout from './layout.ts';
import { RECORD_WORDS_MAX, TOKENS_MAX } from './record.ts';
import { SHINGLE_KEYS_MAX, type KeyedOrder } from './shingles.ts';

interface Kernel {
  readonly memory: { readonly buffer: ArrayBuffer };
  /**
   * Makes all of a text of `letterCount` >= 1 letters and `tokenCount` tokens. Returns keys + 8 x distinct tokens; of more
   * than SORTED_MAX tokens none is sorted (0 distinct), and of more than TOKENS_MAX distinct ones no record is packed.
   */
  readonly fingerprint: (letterCount: number, tokenCount: number, withSimhash: number) => number;
  /** Makes the SimHash64 alone, of the prefix hashes. */
  readonly simhash: (letterCount: number) => void;
  /** Packs the record of the first of TOKENS, distinct and ascending, at most TOKENS_MAX. */
  readonly pack: (tokenCount: number) => void;
}

/**
 * A Han or Kana character is half a word, so its idf says too much when the characters of one word are summed up: "求真相"
 * is no rarer than "thank you". At 0.6 of the level, precision goes from .990 to .9975 on posts of which a quarter are
 * Chinese, and no recall is lost. The bound of 4 is for a table that has seen none: there every character looks rare.
 */
function ownLetterLevel(level: number): number {
  return Math.min(4, Math.round(level * 0.6));
}

function defineFingerprint(module: WasmModule): WasmFunction {
  const prefixes = definePrefixes(module);
  const tokens = defineTokens(module);
  const bitmap = defineBitmap(module);
  const sort = defineSort(module);
  const pack = definePack(module);
  const simhash = defineSimhash(module);
  const keys = defineKeys(module);

  const f = module.define('fingerprint', 3, true);
  const [letterCount, tokenCount, withSimhash] = [f.param(0), f.param(1), f.param(2)] as const;
  const distinct = f.i32();
  return f.body(
    [
      prefixes.run(letterCount),
      Array.from({ length: 1 << (layout.BUCKET_BITS - 4) }, (_, k) =>
        constant(16 * k).storeVector(layout.COUNTS_AT, fourOf(0)),
      ),
      tokens.run(tokenCount),
      bitmap.run(letterCount),
      when(
        tokenCount.ltS(layout.SORTED_MAX + 1),
        distinct.set(sort.call(tokenCount)),
        when(distinct.ltS(TOKENS_MAX + 1), pack.run(distinct)),
      ),
      when(withSimhash, simhash.run(letterCount)),
    ],
    keys.call(letterCount, tokenCount).or(distinct.shl(3)),
  );
}

function makeKernel(): Kernel {
  const module = new WasmModule();
  defineFingerprint(module);
  return instantiate(module.encode(layout.MEMORY_BYTES)) as Kernel;
}

const KERNEL = makeKernel();
const BUFFER = KERNEL.memory.buffer;

if (new Uint8Array(Uint16Array.of(1).buffer)[0] !== 1) {
  throw new InvariantError('little-endian', 'this machine has its words the other way round than WebAssembly has them');
}

/** Letters of the text, UTF-16, and where its tokens start. */
export const LETTERS = new Uint16Array(BUFFER, layout.LETTERS_AT, layout.LETTERS_MAX + 1);
export const TOKEN_STARTS = new Uint32Array(BUFFER, layout.TOKEN_STARTS_AT, layout.LETTERS_MAX + 2);
/** Prefix hashes, `hashLetters` of the first 0, 1, 2 ... letters. */
export const PREFIXES = new Int32Array(BUFFER, layout.PREFIXES_AT, layout.LETTERS_MAX + 1);
/** Tokens of a text of more than SORTED_MAX, as they come; distinct and ascending if there are fewer. */
export const TOKENS = new Int32Array(BUFFER, layout.TOKENS_AT, layout.LETTERS_MAX + 1);
export const KEYS = new Int32Array(BUFFER, layout.KEYS_AT, SHINGLE_KEYS_MAX);
export const RECORD = new Int32Array(BUFFER, layout.RECORD_AT, RECORD_WORDS_MAX);
/** Text hash (hi, lo) and SimHash64 (hi, lo). */
export const PRINT = new Uint32Array(BUFFER, layout.PRINT_AT, 4);

const ORDER = new Int32Array(BUFFER, layout.ORDER_AT, 2);

fillTables();

function fillTables(): void {
  const powers = new Int32Array(BUFFER, layout.POWERS_AT, layout.POWERS_END);
  for (let exponent = 0; exponent < powers.length; exponent++) powers[exponent] = powerOf(exponent);
  const levels = new Uint8Array(BUFFER, layout.TOKEN_LEVELS_AT, 2 * IDF_LEVELS);
  for (let level = 0; level < IDF_LEVELS; level++) {
    levels[level] = level;
    levels[IDF_LEVELS + level] = ownLetterLevel(level);
  }
  const packers = new Uint8Array(BUFFER, layout.PACKERS_AT, 256).fill(0xff);
  for (let mask = 0; mask < 16; mask++) {
    let at = 16 * mask;
    for (let byte = 0; byte < 16; byte++) if (((mask >>> (byte >>> 2)) & 1) !== 0) packers[at++] = byte;
  }
}

let tableLoaded: FrequencyTable | undefined;
let orderLoaded: KeyedOrder | undefined;

/** Makes the kernel use a table and an order. A table is copied, a megabyte: one in a process is what it is made for. */
export function useTable(table: FrequencyTable, order: KeyedOrder): void {
  if (table !== tableLoaded) loadTable(table);
  if (order === orderLoaded) return;
  ORDER[0] = order.a;
  ORDER[1] = order.b;
  orderLoaded = order;
}

function loadTable(table: FrequencyTable): void {
  new Uint32Array(BUFFER, layout.FREQUENT_AT, table.frequentGrams.length).set(table.frequentGrams);
  new Uint32Array(BUFFER, layout.LEVELS_AT, table.tokenLevels.length).set(table.tokenLevels);
  tableLoaded = table;
}

export const { fingerprint, simhash, pack } = KERNEL;
