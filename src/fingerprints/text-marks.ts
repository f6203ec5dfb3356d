/**
 * Owns what posts look like on networks: where a link, a mention, a forward mark, a sticker code and an entity begin and
 * end. Questions over a text and an index, without state; the normaliser asks them only at the units that can begin one.
 */
import { isUnseen, nextVisible, previousVisible, unitAt, unitValue, valueAt } from './clusters.ts';
import * as classes from './unicode-classes.ts';

// Bound here: V8 knows a module's own constants at compile time, but not imported ones. 50 ns a post in all.
const { CLASS, DIGIT, EVIDENCE_END, LETTER_MIN, LOOKALIKE } = classes;

/** Longest name of a mention, in units: networks allow 15 to 30. */
const NAME_UNITS_MAX = 40;
/** Longest sticker code, in units. Weibo's have one to six, TikTok's go on to 18 but are taken as words beyond this. */
const STICKER_UNITS_MAX = 8;
const HOST_UNITS_MAX = 253;

/** The first letter after those of Latin, Greek and Cyrillic. */
const OTHER_ALPHABETS = 0x530;
const HYPHEN = 0x2d;
const DOT = 0x2e;
const SLASH = 0x2f;
const AT = 0x40;
const OPEN_PAREN = 0x28;
const CLOSE_PAREN = 0x29;
const SMALL_A = 0x61;
const SMALL_H = 0x68;
const SMALL_I = 0x69;
const SMALL_M = 0x6d;
const SMALL_Q = 0x71;
const SMALL_R = 0x72;
const SMALL_T = 0x74;
const SMALL_V = 0x76;
const HASH = 0x23;
const SEMICOLON = 0x3b;

/** RFC 3986 without the square brackets: they stand only around an IPv6 address, and sticker codes follow links directly. */
const LINK_UNIT = new Uint8Array(128);
for (const unit of "-._~:/?#@!$&'()*+,;=%") LINK_UNIT[unit.charCodeAt(0)] = 1;
const NAME_UNIT = new Uint8Array(128);
for (const unit of '_-') NAME_UNIT[unit.charCodeAt(0)] = 1;
for (let unit = 0; unit < 128; unit++) if (isAsciiWordUnit(unit)) LINK_UNIT[unit] = NAME_UNIT[unit] = 1;

export function isAsciiLetter(unit: number): boolean {
  return (unit | 0x20) >= 0x61 && (unit | 0x20) <= 0x7a;
}

export function isAsciiDigit(unit: number): boolean {
  return unit >= 0x30 && unit <= 0x39;
}

function isAsciiWordUnit(unit: number): boolean {
  return isAsciiLetter(unit) || isAsciiDigit(unit);
}

/** Whether a letter of the scripts where symbols stand for letters is at `i`: Latin, Greek, Cyrillic and their look-alikes. */
export function isAlphabetic(text: string, i: number): boolean {
  const value = valueAt(text, i);
  if (value === CLASS.expansion) return isLigature(unitAt(text, i));
  return (value > 0x60 && value < OTHER_ALPHABETS) || (value >= LOOKALIKE && value < DIGIT);
}

/** Of what becomes several letters: Latin ligatures, old and new. */
function isLigature(unit: number): boolean {
  return unit < OTHER_ALPHABETS || (unit >= 0xfb00 && unit < 0xfb18);
}

/** Whether nothing that could matter to the unit before follows at `i`. */
export function isSeparator(text: string, i: number): boolean {
  return unitValue(text, i) === CLASS.separator;
}

/** Where a link ends that reaches `i`: the first unit that cannot belong to one, so that text glued to it survives. */
export function linkEnd(text: string, i: number): number {
  let open = 0;
  for (let end = i; end < text.length; end++) {
    const unit = text.charCodeAt(end);
    if (unit === OPEN_PAREN) open++;
    else if (unit === CLOSE_PAREN && --open < 0) return end;
    if (unit < 128 ? LINK_UNIT[unit] === 0 && !isUnseen(text, end) : !isUnseen(text, end)) return end;
  }
  return text.length;
}

/** Whether a link begins at `i`: no symbol before it stands for a letter. */
export function opensLink(text: string, i: number): boolean {
  return text.startsWith('http', i) || text.startsWith('www.', i);
}

/** Where `http` or `https` begins if the colon at `i` goes on as `://`; -1 if not. Other characters may be glued before it. */
export function schemeStart(text: string, i: number): number {
  if (unitAt(text, i + 1) !== SLASH || unitAt(text, i + 2) !== SLASH) return -1;
  let at = previousVisible(text, i);
  if ((unitAt(text, at) | 0x20) === 0x73) at = previousVisible(text, at);
  for (const letter of [0x70, 0x74, 0x74, 0x68]) {
    if ((unitAt(text, at) | 0x20) !== letter) return -1;
    if (letter !== 0x68) at = previousVisible(text, at);
  }
  return at;
}

/**
 * Where a link without a scheme begins whose first dot is at `i`: `www.`, or a host name with a path such as `t.co/x`; -1
 * if it is none. Costs the words around a missing space ("end.and/or").
 */
export function hostStart(text: string, i: number): number {
  if (!isAsciiWordUnit(unitAt(text, i + 1))) return -1;
  let from = i;
  let size = 0;
  let ws = 0;
  for (let at = previousVisible(text, i); isAsciiWordUnit(unitAt(text, at)); at = previousVisible(text, at)) {
    from = at;
    size++;
    if ((unitAt(text, at) | 0x20) === 0x77) ws++;
  }
  if (size === 3 && ws === 3) return from;
  return size > 0 && hasPath(text, i) ? from : -1;
}

function hasPath(text: string, i: number): boolean {
  let end = i;
  let label = i;
  let capitals = 0;
  let others = 0;
  for (; end - i < HOST_UNITS_MAX; end++) {
    const unit = unitAt(text, end);
    if (unit === DOT) {
      label = end;
      capitals = others = 0;
    } else if (isAsciiLetter(unit)) {
      if (unit < 0x60) capitals++;
    } else if (isAsciiDigit(unit) || unit === HYPHEN) others++;
    else break;
  }
  const size = end - label - 1;
  if (unitAt(text, end) !== SLASH || !isAsciiWordUnit(unitAt(text, end + 1))) return false;
  return size >= 2 && others === 0 && (capitals === 0 || capitals === size);
}

/**
 * The last unit of the mention whose `@` is at `i`; `i` if no name follows. A name that begins in
 * Latin ends where Arabic, Hebrew, Thai or an Indic script is glued to it; Han, Kana and Hangul stand in names together
 * with Latin. Host names of the fediverse
 * (`@name@host.org`) and of Bluesky (`@name.host.org`) belong to it.
 */
export function mentionEnd(text: string, i: number): number {
  const start = nextVisible(text, i);
  const first = unitAt(text, start);
  const latin = first < OTHER_ALPHABETS || isAlphabetic(text, start);
  const limit = Math.min(text.length, start + NAME_UNITS_MAX);
  let end = start;
  while (end < limit && isAsciiNameUnit(text.charCodeAt(end))) end++;
  if (end < limit && text.charCodeAt(end) > 127) {
    while (end < limit && isNameUnit(text, end, latin)) end++;
  }
  if (end === start || first === HYPHEN) return i;
  while (isHostJoint(text, end)) {
    end++;
    while (isAsciiWordUnit(unitAt(text, end)) || unitAt(text, end) === HYPHEN) end++;
  }
  return end - 1;
}

function isAsciiNameUnit(unit: number): boolean {
  return unit < 128 && NAME_UNIT[unit] === 1;
}

function isNameUnit(text: string, i: number, latin: boolean): boolean {
  const unit = text.charCodeAt(i);
  if (unit < 128) return isAsciiNameUnit(unit);
  const value = valueAt(text, i);
  if (value === CLASS.expansion) return isLigature(unit);
  if (value < LETTER_MIN) return isPartOfLetter(value);
  return !latin || value < OTHER_ALPHABETS || (value >= 0x1100 && value < 0x1200) || value >= 0x2e80;
}

function isHostJoint(text: string, i: number): boolean {
  const unit = unitAt(text, i);
  return (unit === DOT || unit === AT) && isAsciiWordUnit(unitAt(text, i - 1)) && isAsciiWordUnit(unitAt(text, i + 1));
}

/** The first character of Weibo's "reply". */
export const REPLY_FIRST = 0x56de;

/** Whether the unit is its second character, in any of its forms. */
export function isReplySecond(unit: number): boolean {
  return unit === 0x590d || unit === 0x8986 || unit === 0x5fa9;
}

/** What stands directly before a mention. */
export const FORWARD = {
  none: 0,
  /** `//@name:` of Weibo. */
  slashes: 1,
  /** `RT`, `MT` or `QT`. */
  repost: 2,
  /** `via` or `HT`: they name a source, and tell of a forward only where they open the text. */
  source: 3,
  /** The "reply" of Weibo, in two characters. */
  reply: 4,
} as const;
export type Forward = (typeof FORWARD)[keyof typeof FORWARD];

/** The last unit before the gap that ends at `i`. */
function lastBefore(text: string, i: number): number {
  let end = i - 1;
  while (isMarkGap(unitAt(text, end)) || isUnseen(text, end) || valueAt(text, end) === CLASS.emoji) end--;
  return end;
}

export function forwardMark(text: string, i: number): Forward {
  if (i === 0) return FORWARD.none;
  if (unitAt(text, i - 1) === SLASH && unitAt(text, i - 2) === SLASH) return FORWARD.slashes;
  const end = lastBefore(text, i);
  const last = unitAt(text, end);
  if (isReplySecond(last)) return unitAt(text, end - 1) === REPLY_FIRST ? FORWARD.reply : FORWARD.none;
  return forwardWord(text, end);
}

/** Which forward word has its last letter at `end`. */
export function forwardWord(text: string, end: number): Forward {
  const last = unitAt(text, end) | 0x20;
  if (last !== SMALL_T && last !== SMALL_A) return FORWARD.none;
  let start = previousVisible(text, end);
  let first = unitAt(text, start) | 0x20;
  if (last === SMALL_A) {
    if (first !== SMALL_I) return FORWARD.none;
    start = previousVisible(text, start);
    first = unitAt(text, start) | 0x20;
    if (first !== SMALL_V) return FORWARD.none;
  }
  if (isAsciiWordUnit(unitAt(text, previousVisible(text, start)))) return FORWARD.none;
  if (first === SMALL_V || first === SMALL_H) return FORWARD.source;
  return first === SMALL_R || first === SMALL_M || first === SMALL_Q ? FORWARD.repost : FORWARD.none;
}

/** The part of `isGap` that stays within a line. */
function isMarkGap(unit: number): boolean {
  return unit === 0x20 || unit === 0xa0 || unit === 0x3a || unit === 0xff1a || unit === 0x22 || unit === 0x201c;
}

/**
 * The unit after the word that says "forwarded" and opens the text at `i`: RT, MT, QT, via or HT after spaces and opening
 * quotes, before a space, a colon or a mention; `i` if there is none.
 */
export function forwardWordEnd(text: string, i: number): number {
  let start = i;
  while (isGap(unitAt(text, start)) || isUnseen(text, start)) start++;
  if (!opensForwardWord(unitAt(text, start))) return i;
  let last = nextVisible(text, start);
  if ((unitAt(text, last) | 0x20) === SMALL_I) last = nextVisible(text, last);
  if (forwardWord(text, last) === FORWARD.none || previousVisible(text, last) < start) return i;
  const after = unitAt(text, nextVisible(text, last));
  return isGap(after) || after === AT || after === 0xff20 ? last + 1 : i;
}

/** Whether `forwardWordEnd` has to look at all: few texts open like a forward. */
export function mayOpenForward(text: string): boolean {
  const first = unitAt(text, 0);
  const second = unitAt(text, 1) | 0x20;
  if (opensForwardWord(first)) return second === SMALL_T || second === SMALL_I || isUnseen(text, 1);
  return isGap(first) || (first > 0x7f && isUnseen(text, 0));
}

function opensForwardWord(unit: number): boolean {
  const letter = unit | 0x20;
  return letter === SMALL_R || letter === SMALL_M || letter === SMALL_V || letter === SMALL_H || letter === SMALL_Q;
}

/** White space, colon or opening quote. */
function isGap(unit: number): boolean {
  return (
    isMarkGap(unit) ||
    unit === 0x0a ||
    unit === 0x0d ||
    unit === 0x09 ||
    unit === 0x27 ||
    unit === 0xab ||
    unit === 0x3000
  );
}

/** Whether the class belongs to the letter before it. */
function isPartOfLetter(value: number): boolean {
  return value === CLASS.invisible || value === CLASS.mark || value === CLASS.voiced || value === CLASS.semivoiced;
}

/**
 * The closing bracket of the sticker code that opens at `i`: one to eight letters and nothing else; `i` if it is none, and
 * for the label of a Markdown link. Costs a single short word in brackets, such as "[update]", on networks without such
 * codes: it is dropped from every copy alike.
 */
export function stickerEnd(text: string, i: number): number {
  for (let end = i + 1; end <= i + 1 + STICKER_UNITS_MAX; end++) {
    const unit = unitAt(text, end);
    if (unit === 0x5d || unit === 0xff3d)
      return end > i + 1 && unitAt(text, nextVisible(text, end)) !== OPEN_PAREN ? end : i;
    const value = unitValue(text, end);
    const letter =
      value >= LETTER_MIN
        ? value < DIGIT || value >= EVIDENCE_END
        : isPartOfLetter(value) || (value === CLASS.expansion && isLigature(unit));
    if (!letter) return i;
  }
  return i;
}

const ENTITY_NAMES = ['amp', 'lt', 'gt', 'quot', 'nbsp', 'apos'];
const ENTITY_UNITS_MAX = 8;

/** The semicolon of the HTML entity that begins at `i`; `i` if none does. */
export function entityEnd(text: string, i: number): number {
  const limit = Math.min(text.length, i + ENTITY_UNITS_MAX + 1);
  let end = i + 1;
  while (end < limit && (isAsciiWordUnit(unitAt(text, end)) || unitAt(text, end) === HASH)) end++;
  if (unitAt(text, end) !== SEMICOLON) return i;
  return unitAt(text, i + 1) === HASH || ENTITY_NAMES.includes(text.slice(i + 1, end).toLowerCase()) ? end : i;
}

const APOSTROPHE_ENTITIES = ['apos', '#39', '#039', '#x27', '#8216', '#8217', '#x2018', '#x2019'];

/** Whether the entity from `i` to its semicolon at `end` stands for an apostrophe. */
export function isApostropheEntity(text: string, i: number, end: number): boolean {
  return end > i && APOSTROPHE_ENTITIES.includes(text.slice(i + 1, end).toLowerCase());
}
