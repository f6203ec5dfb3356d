/**
 * Owns the unpacked Unicode table: what a code unit, an astral code point and a kana with its mark become. Unpacked once
 * per process (a few ms); read-only afterwards.
 */
import { PACKED_EXPANSIONS, PACKED_KANA, PACKED_VALUES } from './unicode-table.ts';

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const PLANE = 0x10000;

class Reader {
  readonly #packed: string;
  readonly #digits = new Uint8Array(128);
  #at = 0;

  constructor(packed: string) {
    this.#packed = packed;
    for (let i = 0; i < DIGITS.length; i++) this.#digits[DIGITS.charCodeAt(i)] = i;
  }

  natural(): number {
    let value = 0;
    for (let shift = 0; ; shift += 5) {
      const digit = this.#digits[this.#packed.charCodeAt(this.#at++)]!;
      value |= (digit & 31) << shift;
      if (digit < 32) return value;
    }
  }

  integer(): number {
    const value = this.natural();
    return value & 1 ? -((value + 1) >> 1) : value >> 1;
  }
}

function unpackValues(packed: string): Uint32Array {
  const values = new Uint32Array(2 * PLANE);
  const reader = new Reader(packed);
  for (let at = 0; at < values.length;) {
    const head = reader.natural();
    const end = at + (head >> 1);
    if ((head & 1) === 0) {
      values.fill(reader.natural(), at, end);
      at = end;
    } else {
      const distance = reader.integer();
      for (; at < end; at++) values[at] = at + distance;
    }
  }
  return values;
}

function unpackExpansions(packed: string): Map<number, string> {
  const reader = new Reader(packed);
  const expansions = new Map<number, string>();
  let codePoint = 0;
  let unit = 0;
  for (let left = reader.natural(); left > 0; left--) {
    codePoint += reader.natural();
    let folded = '';
    for (let length = reader.natural(); length > 0; length--) {
      unit += reader.integer();
      folded += String.fromCharCode(unit);
    }
    expansions.set(codePoint, folded);
  }
  return expansions;
}

function unpackKana(packed: string): Map<number, number> {
  const reader = new Reader(packed);
  const composed = new Map<number, number>();
  for (let left = reader.natural(); left > 0; left--) {
    const kana = reader.natural();
    const mark = reader.natural();
    composed.set(kana * 2 + mark, reader.natural());
  }
  return composed;
}

const values = unpackValues(PACKED_VALUES);

/** By UTF-16 unit: a class or a letter of the basic plane; see unicode-classes.ts. */
export const UNIT_VALUES = Uint16Array.from(values.subarray(0, PLANE));

/** By code point less 0x10000, for plane 1: the same, with letters as code points. */
export const ASTRAL_VALUES = values.slice(PLANE);

/** Letters, with one space where something separates, of the code points that become more than one unit. */
export const EXPANSIONS: ReadonlyMap<number, string> = unpackExpansions(PACKED_EXPANSIONS);

/** The most letters that one unit of text can become: bounds the buffers of the normaliser. */
export const EXPANSION_MAX = Math.max(...[...EXPANSIONS.values()].map((folded) => folded.length));

/** By 2 x kana + (1 if semivoiced): the kana with its voicing mark. */
export const VOICED_KANA: ReadonlyMap<number, number> = unpackKana(PACKED_KANA);
