/**
 * Texts as phrases are looked for in them: lower case, compatibility forms and accents folded, invisible characters gone, any
 * white space one space. Punctuation stays, since `#ad` is something else than `ad`.
 *
 * Other than the normaliser's letters this is for reading, not for comparing: nothing that is found by it decides what a
 * campaign is.
 */

const ASCII = /^[\x20-\x7e]*$/;
const DROPPED = /[\u0300-\u036f]|[\ufe00-\ufe0f]|[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]/g;
const QUOTES = /[\u2018\u2019\u02bc\u00b4`]/g;
const SPACES = /\s+/g;

export function fold(text: string): string {
  const plain = ASCII.test(text)
    ? text
    : text.normalize('NFKD').replace(DROPPED, '').normalize('NFC').replace(QUOTES, "'");
  return plain.toLowerCase().replace(SPACES, ' ').trim();
}

/** Bits of the class of a UTF-16 unit. */
const WORD = 1;
/** Of a script that writes words without spaces between them. */
const UNSPACED = 2;
/** Of a script that hangs particles on words. */
const SUFFIXED = 4;
const KNOWN = 128;

const WORD_CHARACTER = /[\p{L}\p{N}\p{M}_]/u;
const UNSPACED_SCRIPT =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]/u;
const HANGUL = /\p{Script=Hangul}/u;

/** Filled as units are met: three regular expressions a character cost more than all the rest of a post's marks. */
const CLASSES = new Uint8Array(0x1_0000);

function classOf(unit: number): number {
  const known = CLASSES[unit]!;
  return known === 0 ? learn(unit) : known;
}

function learn(unit: number): number {
  const character = String.fromCharCode(unit);
  const isUnspaced = UNSPACED_SCRIPT.test(character);
  const found =
    KNOWN |
    (WORD_CHARACTER.test(character) ? WORD : 0) |
    (isUnspaced ? UNSPACED : 0) |
    (HANGUL.test(character) ? SUFFIXED : 0);
  CLASSES[unit] = found;
  return found;
}

/** Whether a word may begin at `at` of a text. */
export function isWordStart(text: string, at: number): boolean {
  const here = classOf(text.charCodeAt(at));
  if ((here & WORD) === 0 || (here & UNSPACED) !== 0 || at === 0) return true;
  const before = classOf(text.charCodeAt(at - 1));
  return (before & WORD) === 0 || (before & UNSPACED) !== 0;
}

/** Whether a word may end right before `end`. */
export function isWordEnd(text: string, end: number): boolean {
  const last = classOf(text.charCodeAt(end - 1));
  if ((last & WORD) === 0 || (last & (UNSPACED | SUFFIXED)) !== 0 || end >= text.length) return true;
  const after = classOf(text.charCodeAt(end));
  return (after & WORD) === 0 || (after & UNSPACED) !== 0;
}

/** Whether a letter, digit or mark of a script with spaces between words is there, or an apostrophe. */
export function isSpacedWordAt(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  if (unit === 0x27 || unit === 0x2019) return true;
  return (classOf(unit) & (WORD | UNSPACED)) === WORD;
}

export interface Size {
  /** Letters and digits, and the spaces and apostrophes between them. */
  readonly length: number;
  /** Letters and digits, those of Han, Kana and Hangul twice: they say about twice as much. */
  readonly weight: number;
}

export function sizeOf(text: string): Size {
  let length = 0;
  let weight = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    const found = classOf(unit);
    if ((found & WORD) !== 0) {
      length++;
      weight += (found & (UNSPACED | SUFFIXED)) === 0 ? 1 : 2;
    } else if (unit === 0x20 || unit === 0x27) length++;
  }
  return { length, weight };
}
