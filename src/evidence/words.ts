/**
 * Texts as words, for showing where two of them differ.
 */
import type { DiffPart } from '../model.ts';
import { isSpacedWordAt } from './fold.ts';

/** A longer text is compared word by word up to here; the rest is one word. */
const WORDS_MAX = 400;

/**
 * Words, links, runs of white space, and single characters of the rest; Han, Kana and Thai by character. Joined they are the
 * text.
 */
export function wordsOf(text: string): string[] {
  const words: string[] = [];
  for (let at = 0; at < text.length;) {
    const end = words.length < WORDS_MAX ? endOfWord(text, at) : text.length;
    words.push(text.slice(at, end));
    at = end;
  }
  return words;
}

function endOfWord(text: string, at: number): number {
  if (text.startsWith('http', at) && /^s?:\/\//.test(text.slice(at + 4, at + 8))) return endOfRun(text, at, isNoSpace);
  if (isSpaceAt(text, at)) return endOfRun(text, at, isSpaceAt);
  // A mark before a name or tag belongs to it.
  const first = text[at] === '#' || text[at] === '@' ? at + 1 : at;
  if (isSpacedWordAt(text, first)) return endOfRun(text, first, isSpacedWordAt);
  return text.codePointAt(at)! > 0xffff ? at + 2 : at + 1;
}

function endOfRun(text: string, at: number, isIn: (text: string, at: number) => boolean): number {
  let end = at + 1;
  while (end < text.length && isIn(text, end)) end++;
  return end;
}

function isSpaceAt(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  return unit === 0x20 || (unit >= 9 && unit <= 13) || unit === 0xa0 || unit === 0x3000;
}

function isNoSpace(text: string, at: number): boolean {
  return !isSpaceAt(text, at);
}

/** How one list of words becomes another, by a longest common subsequence; of several the one that keeps early words. */
export function diffOf(from: readonly string[], to: readonly string[]): DiffPart[] {
  const parts: DiffPart[] = [];
  const add = (op: DiffPart['op'], text: string): void => {
    const last = parts.at(-1);
    if (last?.op === op) parts[parts.length - 1] = { op, text: last.text + text };
    else parts.push({ op, text });
  };
  let i = 0;
  let j = 0;
  for (const [a, b] of commonPlaces(from, to)) {
    while (i < a) add('removed', from[i++]!);
    while (j < b) add('added', to[j++]!);
    add('same', from[i++]!);
    j++;
  }
  while (i < from.length) add('removed', from[i++]!);
  while (j < to.length) add('added', to[j++]!);
  return parts;
}

/** Places of a longest common subsequence in both lists, rising. */
export function commonPlaces(from: readonly string[], to: readonly string[]): (readonly [number, number])[] {
  const places: (readonly [number, number])[] = [];
  let start = 0;
  const shorter = Math.min(from.length, to.length);
  while (start < shorter && from[start] === to[start]) places.push([start, start++]);
  let endA = from.length;
  let endB = to.length;
  while (endA > start && endB > start && from[endA - 1] === to[endB - 1]) {
    endA--;
    endB--;
  }
  places.push(...between(from, to, start, endA, endB));
  for (let k = 0; endA + k < from.length; k++) places.push([endA + k, endB + k]);
  return places;
}

function between(
  from: readonly string[],
  to: readonly string[],
  start: number,
  endA: number,
  endB: number,
): (readonly [number, number])[] {
  const width = endB - start + 1;
  // lengths[a * width + b]: of a longest common subsequence of what lies behind a and b.
  const lengths = new Uint16Array((endA - start + 1) * width);
  for (let a = endA - start - 1; a >= 0; a--) {
    for (let b = width - 2; b >= 0; b--) {
      const at = a * width + b;
      lengths[at] =
        from[start + a] === to[start + b]
          ? lengths[at + width + 1]! + 1
          : Math.max(lengths[at + width]!, lengths[at + 1]!);
    }
  }
  const places: (readonly [number, number])[] = [];
  for (let a = 0, b = 0; a < endA - start && b < width - 1;) {
    const at = a * width + b;
    if (from[start + a] === to[start + b]) places.push([start + a++, start + b++]);
    else if (lengths[at + width]! >= lengths[at + 1]!) a++;
    else b++;
  }
  return places;
}
