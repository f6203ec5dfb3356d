/**
 * Owns how units of text belong together: pairs of surrogates, kana with voicing marks, jamo of a syllable, and neighbours
 * across what is invisible. Questions over a text and an index, without state.
 */
import * as classes from './unicode-classes.ts';
import { ASTRAL_VALUES, EXPANSIONS, UNIT_VALUES, VOICED_KANA } from './unicode-values.ts';

// Bound here: V8 knows a module's own constants at compile time, but not imported ones. 50 ns a post in all.
const { CLASS, LETTER_MIN } = classes;
const VALUES = UNIT_VALUES;

/** Han, Kana and the signs among them, but for compatibility ideographs and other planes. */
const OWN_MIN = 0x2e80;
const OWN_END = 0xa000;
const KANA_MIN = 0x3041;
const KANA_END = 0x3100;

/** The unit at `i`, 0 outside the text: `charCodeAt` is slow out of bounds (its NaN undoes optimised code). */
export function unitAt(text: string, i: number): number {
  return i >= 0 && i < text.length ? text.charCodeAt(i) : 0;
}

/** The value of the unit at `i`, or of a separator outside the text. */
export function unitValue(text: string, i: number): number {
  return i >= 0 && i < text.length ? VALUES[text.charCodeAt(i)]! : CLASS.separator;
}

/** The value of a code point from 0x10000 on. */
export function astralValue(codePoint: number): number {
  if (codePoint < 0x20000) return ASTRAL_VALUES[codePoint - 0x10000]!;
  if (codePoint < 0x40000) return EXPANSIONS.has(codePoint) ? CLASS.expansion : codePoint;
  return codePoint >= 0xe0000 && codePoint < 0xe1000 ? CLASS.invisible : CLASS.separator;
}

/** The value of the character that has the unit at `i`. */
export function valueAt(text: string, i: number): number {
  const unit = unitAt(text, i);
  if ((unit & 0xf800) !== 0xd800) return unitValue(text, i);
  const codePoint = text.codePointAt((unit & 0xfc00) === 0xdc00 ? i - 1 : i) ?? 0;
  return codePoint > 0xffff ? astralValue(codePoint) : CLASS.separator;
}

/** Whether the unit at `i` is dropped without parting a word. */
export function isUnseen(text: string, i: number): boolean {
  const value = unitValue(text, i);
  return value === CLASS.invisible || value === CLASS.mark;
}

/** Index of the next unit that is neither invisible nor a dropped mark; the length of the text if there is none. */
export function nextVisible(text: string, i: number): number {
  let next = i + 1;
  while (isUnseen(text, next)) next++;
  return next;
}

/** The same backwards; -1 if there is none. */
export function previousVisible(text: string, i: number): number {
  let previous = i - 1;
  while (isUnseen(text, previous)) previous--;
  return previous;
}

/** Whether the letter is Han or Kana (or Bopomofo), each a token by itself. */
export function isOwn(letter: number): boolean {
  if (letter < OWN_END) return letter >= OWN_MIN;
  if (letter < 0x10000) return letter >= 0xf900 && letter < 0xfb00;
  return letter >= 0x20000 || (letter >= 0x1aff0 && letter < 0x1b170);
}

/**
 * The letter of its own token that begins at `i`, a voicing mark after it taken in; any other value if none begins there.
 * `value` is the unit's.
 */
export function ownLetterAt(text: string, i: number, value: number): number {
  if (value >= KANA_MIN && value < KANA_END) return voicedKana(text, i, value);
  if (value >= LETTER_MIN) return value;
  if (value === CLASS.voiced) return 0x3099;
  if (value === CLASS.semivoiced) return 0x309a;
  if (value !== CLASS.highSurrogate) return value;
  const astral = valueAt(text, i);
  return astral === CLASS.expansion ? EXPANSIONS.get(text.codePointAt(i)!)!.codePointAt(0)! : astral;
}

function voicedKana(text: string, i: number, kana: number): number {
  const mark = unitValue(text, nextVisible(text, i)) - CLASS.voiced;
  return mark === 0 || mark === 1 ? (VOICED_KANA.get(kana * 2 + mark) ?? kana) : kana;
}

export function isTrailingJamo(value: number): boolean {
  return value >= 0x11a8 && value <= 0x11c2;
}
