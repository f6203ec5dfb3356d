/**
 * Makes src/fingerprints/unicode-table.ts: what each Unicode code point becomes in a normalised text.
 *
 *   npx tsx scripts/unicode-tables.ts confusables.txt src/fingerprints/unicode-table.ts
 *
 * The argument is the data file of UTS #39, published by the Unicode Consortium at
 * https://www.unicode.org/Public/security/latest/confusables.txt. Everything else (categories, NFKC, lower case) comes
 * from the ICU of the Node that runs this script. The result is committed, so that every Node version normalises alike:
 * run it again only to move to a newer Unicode, and expect another topology id.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { CLASS, DIGIT, LOOKALIKE, STYLED } from '../src/fingerprints/unicode-classes.ts';

const SPACE = ' ';

/** Dropped without parting a word: accents, Hebrew points, Arabic tashkeel and tatweel. Never vowel signs that are letters. */
const DROPPED_MARK = new RegExp(
  '[' +
    '\\u0300-\\u036f\\u1ab0-\\u1aff\\u1dc0-\\u1dff\\u20d0-\\u20ff\\ufe20-\\ufe2f' + // Latin, Greek, any
    '\\u0483-\\u0489\\u2de0-\\u2dff\\ua66f-\\ua672\\ua674-\\ua67d\\ua69e\\ua69f\\u2cef-\\u2cf1' + // Cyrillic, Coptic
    '\\u0591-\\u05bd\\u05bf\\u05c1\\u05c2\\u05c4\\u05c5\\u05c7\\ufb1e' + // Hebrew
    '\\u0610-\\u061a\\u0640\\u064b-\\u065f\\u0670\\u06d6-\\u06ed\\u0897-\\u089f\\u08ca-\\u08ff\\u{10efc}-\\u{10eff}' + // Arabic
    ']',
  'u',
);
const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\p{Cf}]|(?!\s)\p{Cc}/u;
const FEED_SPACE = /[\u001c-\u001f\u0085]/;
const EMOJI = /[\p{Extended_Pictographic}\p{Regional_Indicator}\p{Emoji_Modifier}]/u;
const LETTER = /[\p{L}\p{N}\p{Mc}\p{Mn}]/u;

/** Scripts whose letters may be read as Latin. Arabic, Hebrew, Indic, Southeast Asian and East Asian ones never are. */
const FOLDED_SCRIPT = new RegExp(
  '[' +
    'Latn Grek Cyrl Copt Armn Cher Lisu Cans Dsrt Osge Ital Lyci Cari Lydi Runr Tfng Elba Wara Plrd Aghb Vith Zyyy'
      .split(' ')
      .map((script) => `\\p{Script=${script}}`)
      .join('') +
    ']',
  'u',
);
const APOSTROPHE_SCRIPT = /[\p{Script=Zyyy}\p{Script=Zinh}\p{Script=Latn}\p{Script=Grek}\p{Script=Armn}]/u;

const SPECIAL: Readonly<Record<string, number>> = {
  '@': CLASS.at,
  '[': CLASS.bracket,
  ':': CLASS.colon,
  '.': CLASS.dot,
  '&': CLASS.ampersand,
  $: CLASS.dollar,
  '…': CLASS.ellipsis,
  '!': CLASS.leetSymbol,
  '|': CLASS.leetSymbol,
  '+': CLASS.leetSymbol,
  '€': CLASS.leetSymbol,
  '\u3099': CLASS.voiced,
  '\u309b': CLASS.voiced,
  '\uff9e': CLASS.voiced,
  '\u309a': CLASS.semivoiced,
  '\u309c': CLASS.semivoiced,
  '\uff9f': CLASS.semivoiced,
};

const LEET: Readonly<Record<string, string>> = {
  0: 'o',
  1: 'i',
  3: 'e',
  4: 'a',
  5: 's',
  7: 't',
  8: 'b',
  9: 'g',
  l: 'i',
};

/** Letters that people write in two ways and that no decomposition joins. */
const RESPELT: Readonly<Record<string, string>> = { ß: 's', ς: 'σ', ӕ: 'ae' };

interface Confusables {
  readonly version: string;
  /** Lower-case character to what it looks like, in ASCII letters and digits. */
  readonly ascii: ReadonlyMap<string, string>;
  readonly apostrophes: ReadonlySet<string>;
}

function readConfusables(path: string): Confusables {
  const lines = readFileSync(path, 'utf8').split('\n');
  const version = lines.map((line) => /^# Version: (\S+)/.exec(line)?.[1]).find((found) => found !== undefined);
  if (version === undefined) throw new Error(`${path} names no version: is it confusables.txt of UTS #39?`);
  const pairs = lines
    .map((line) => /^([0-9A-F]+)\s*;\s*([0-9A-F ]+);/.exec(line.replace('\ufeff', '')))
    .filter((match) => match !== null)
    .map(([, source, target]): [string, string] => [fromHex(source!), fromHex(target!)]);
  return {
    version,
    ascii: asciiLookalikes(pairs),
    apostrophes: new Set(
      pairs.filter(([source, target]) => target === "'" && APOSTROPHE_SCRIPT.test(source)).map(([source]) => source),
    ).add("'"),
  };
}

function fromHex(codePoints: string): string {
  return String.fromCodePoint(
    ...codePoints
      .trim()
      .split(/\s+/)
      .map((hex) => Number.parseInt(hex, 16)),
  );
}

function asciiLookalikes(pairs: readonly (readonly [string, string])[]): Map<string, string> {
  const found = new Map<string, string>();
  const capitals = new Map<string, string>();
  for (const [source, target] of pairs) {
    if (/^[\0-\x7f]/.test(source) || !FOLDED_SCRIPT.test(source) || /\p{Sc}/u.test(source)) continue;
    const plain = withoutMarks(target).toLowerCase().replaceAll('rn', 'm');
    const single = /^[a-z0-9]$/.test(plain);
    // Of several letters only Latin ligatures, such as oe: others (the Cyrillic yu as "lo") are letters in their own right.
    if (!single && !(/^[a-z]{2}$/.test(plain) && /\p{Script=Latn}/u.test(source))) continue;
    const lower = source.toLowerCase();
    if (lower === source) found.set(source, plain);
    else if (!/\d/.test(plain)) capitals.set(lower, plain);
  }
  // Case is folded first, so a small letter stands for its capital too, unless it has a look of its own.
  for (const [lower, plain] of capitals) if (!found.has(lower)) found.set(lower, plain);
  return found;
}

function withoutMarks(text: string): string {
  return Array.from(text.normalize('NFD'))
    .filter((character) => !DROPPED_MARK.test(character))
    .join('');
}

/**
 * Fully decomposed, so that an Indic letter is the same in one code point and in two, but for Hangul syllables and voiced
 * kana, which the normaliser composes.
 */
function decomposed(text: string): string {
  return withoutMarks(text).replace(/[\u1100-\u11ff]+|[\u3040-\u30ff][\u3099\u309a]/g, (cluster) =>
    cluster.normalize('NFC'),
  );
}

function foldCharacter(character: string, ascii: ReadonlyMap<string, string>): string {
  const plain = RESPELT[character] ?? character;
  return Array.from(ascii.get(plain) ?? plain, (letter) => LEET[letter] ?? letter).join('');
}

/** What a code point becomes: letters and single spaces, where a space separates. */
function fold(character: string, { ascii, apostrophes }: Confusables): string {
  const plain = decomposed(character.normalize('NFKC').toLowerCase());
  return Array.from(plain)
    .filter((c) => !apostrophes.has(c))
    .map((c) => foldCharacter(c, ascii))
    .map((c) => (LETTER.test(c) ? c : SPACE))
    .join('')
    .replace(/ +/g, SPACE);
}

interface Tables {
  readonly values: Uint32Array;
  readonly expansions: Map<number, string>;
}

function buildTables(confusables: Confusables): Tables {
  const values = new Uint32Array(0x20000);
  const expansions = new Map<number, string>();
  for (let codePoint = 0; codePoint < 0x20000; codePoint++) {
    values[codePoint] = valueOf(codePoint, confusables, expansions);
  }
  for (let codePoint = 0x20000; codePoint < 0x40000; codePoint++) {
    const character = String.fromCodePoint(codePoint);
    const folded = fold(character, confusables);
    if (folded !== character && folded !== SPACE) expansions.set(codePoint, folded);
  }
  return { values, expansions };
}

function valueOf(codePoint: number, confusables: Confusables, expansions: Map<number, string>): number {
  if (codePoint >= 0xd800 && codePoint < 0xe000) return codePoint < 0xdc00 ? CLASS.highSurrogate : CLASS.separator;
  const character = String.fromCodePoint(codePoint);
  const compatible = character.normalize('NFKC');
  if (/[0-9]/.test(character)) return DIGIT + (LEET[character] ?? character).charCodeAt(0);
  if (DROPPED_MARK.test(character)) return CLASS.mark;
  if (INVISIBLE.test(character) && !FEED_SPACE.test(character)) return CLASS.invisible;
  if (confusables.apostrophes.has(character) || confusables.apostrophes.has(compatible)) return CLASS.apostrophe;
  const special = SPECIAL[character] ?? SPECIAL[compatible];
  if (special !== undefined) return special;
  const folded = fold(character, confusables);
  if (folded === '') return CLASS.mark;
  if (folded === SPACE) return EMOJI.test(character) ? CLASS.emoji : CLASS.separator;
  const letter = folded.codePointAt(0)!;
  if (folded.length > (letter > 0xffff ? 2 : 1) || (codePoint < 0x10000 && letter > 0xffff)) {
    expansions.set(codePoint, folded);
    return CLASS.expansion;
  }
  return letter + evidence(codePoint, character, compatible, letter);
}

/** Letters from beyond ordinary Latin that end up in ASCII carry a mark of how: see unicode-classes.ts. */
function evidence(codePoint: number, character: string, compatible: string, letter: number): number {
  if (codePoint < 0x250 || letter > 0x7f) return 0;
  if (/^[0-9]$/.test(compatible)) return DIGIT;
  if (compatible !== character && /^[a-z]$/i.test(compatible)) return STYLED;
  return /^[a-z0-9]$/i.test(withoutMarks(compatible)) ? 0 : LOOKALIKE;
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

class Writer {
  text = '';

  /** Base64 VLQ as in source maps, without the sign: five bits a digit, the sixth says that more follow. */
  natural(value: number): void {
    let rest = value;
    do {
      const more = rest > 31 ? 32 : 0;
      this.text += DIGITS[(rest & 31) | more]!;
      rest >>>= 5;
    } while (rest > 0);
  }

  integer(value: number): void {
    this.natural(value < 0 ? -value * 2 - 1 : value * 2);
  }
}

/** Runs of one value, or of values that keep their distance to the code point. */
function encodeValues(values: Uint32Array): string {
  const writer = new Writer();
  for (let at = 0; at < values.length;) {
    const value = values[at]!;
    const distance = value - at;
    let same = 1;
    while (at + same < values.length && values[at + same] === value) same++;
    let parallel = 1;
    while (at + parallel < values.length && values[at + parallel]! - (at + parallel) === distance) parallel++;
    if (same >= parallel) {
      writer.natural(same * 2);
      writer.natural(value);
      at += same;
    } else {
      writer.natural(parallel * 2 + 1);
      writer.integer(distance);
      at += parallel;
    }
  }
  return writer.text;
}

function encodeExpansions(expansions: ReadonlyMap<number, string>): string {
  const writer = new Writer();
  let before = 0;
  let unitBefore = 0;
  writer.natural(expansions.size);
  for (const [codePoint, folded] of [...expansions].sort(([a], [b]) => a - b)) {
    writer.natural(codePoint - before);
    writer.natural(folded.length);
    for (let i = 0; i < folded.length; i++) {
      writer.integer(folded.charCodeAt(i) - unitBefore);
      unitBefore = folded.charCodeAt(i);
    }
    before = codePoint;
  }
  return writer.text;
}

/** Triples: kana, mark (0 voiced, 1 semivoiced), the kana with the mark. */
function encodeKana(): string {
  const writer = new Writer();
  const marks = ['\u3099', '\u309a'];
  const triples: number[] = [];
  for (let kana = 0x3041; kana < 0x3100; kana++) {
    marks.forEach((mark, index) => {
      const composed = (String.fromCharCode(kana) + mark).normalize('NFC');
      if (composed.length === 1) triples.push(kana, index, composed.charCodeAt(0));
    });
  }
  writer.natural(triples.length / 3);
  triples.forEach((value) => writer.natural(value));
  return writer.text;
}

function literal(text: string): string {
  const lines = text.match(/.{1,110}/g) ?? [];
  return `[\n${lines.map((line) => `  '${line}',`).join('\n')}\n].join('')`;
}

function main(source: string, target: string): void {
  const confusables = readConfusables(source);
  const { values, expansions } = buildTables(confusables);
  writeFileSync(
    target,
    `/**
 * Made by scripts/unicode-tables.ts; do not edit. What each code point becomes in a normalised text, packed: see
 * unicode-classes.ts for the meaning of the values.
 *
 * Derived from the Unicode Character Database ${process.versions.unicode} and from confusables.txt ${confusables.version} of UTS #39.
 * UNICODE LICENSE V3. COPYRIGHT AND PERMISSION NOTICE. Copyright (c) 1991-2025 Unicode, Inc.
 * Permission is hereby granted, free of charge, to any person obtaining a copy of data files and any associated
 * documentation (the "Data Files") or software and any associated documentation (the "Software") to deal in the Data
 * Files or Software without restriction, including without limitation the rights to use, copy, modify, merge, publish,
 * distribute, and/or sell copies of the Data Files or Software, and to permit persons to whom the Data Files or Software
 * are furnished to do so, provided that either (a) this copyright and permission notice appear with all copies of the
 * Data Files or Software, or (b) this copyright and permission notice appear in associated Documentation.
 * THE DATA FILES AND SOFTWARE ARE PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT
 * LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT OF THIRD PARTY
 * RIGHTS. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR HOLDERS INCLUDED IN THIS NOTICE BE LIABLE FOR ANY CLAIM, OR ANY
 * SPECIAL INDIRECT OR CONSEQUENTIAL DAMAGES, OR ANY DAMAGES WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS,
 * WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR
 * PERFORMANCE OF THE DATA FILES OR SOFTWARE.
 * Except as contained in this notice, the name of a copyright holder shall not be used in advertising or otherwise to
 * promote the sale, use or other dealings in these Data Files or Software without prior written authorization of the
 * copyright holder.
 */

/** Runs over U+0000 to U+1FFFF. */
export const PACKED_VALUES = ${literal(encodeValues(values))};

/** Code points that become several letters, or a letter of another plane. */
export const PACKED_EXPANSIONS = ${literal(encodeExpansions(expansions))};

/** Kana with their voicing marks. */
export const PACKED_KANA = ${literal(encodeKana())};
`,
  );
}

const [source, target] = process.argv.slice(2);
if (source === undefined || target === undefined) {
  throw new Error('Usage: npx tsx scripts/unicode-tables.ts CONFUSABLES_TXT TARGET_TS');
}
main(source, target);
