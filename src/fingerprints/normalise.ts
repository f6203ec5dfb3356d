/**
 * Owns what is left of a post's text for comparing: the letters that survive, cut into tokens.
 *
 * One pass over the UTF-16 units; the table says what each unit becomes, and only units with a class of their own (`@`,
 * `[`, `:` ...) look around. Letters of a plain alphabet never leave the first two branches of the loop. What a look
 * ahead or back means in the languages of networks (links, mentions, forwards, stickers) is in text-marks.ts.
 *
 * N1  The same text gives the same letters, on every Node version: the table is committed.
 * N2  Two texts that differ only in what is dropped or folded give the same letters.
 * N3  Nothing is kept between calls, and no object is made per post.
 */
import {
  astralValue,
  isOwn,
  isTrailingJamo,
  nextVisible,
  ownLetterAt,
  previousVisible,
  unitAt,
  unitValue,
} from './clusters.ts';
import { LETTERS as KERNEL_LETTERS, TOKEN_STARTS } from './kernel.ts';
import { TEXT_UNITS_MAX } from './layout.ts';
import {
  entityEnd,
  FORWARD,
  forwardMark,
  forwardWord,
  forwardWordEnd,
  hostStart,
  isAlphabetic,
  isApostropheEntity,
  isAsciiDigit,
  isAsciiLetter,
  isReplySecond,
  isSeparator,
  linkEnd,
  mayOpenForward,
  mentionEnd,
  opensLink,
  REPLY_FIRST,
  schemeStart,
  stickerEnd,
} from './text-marks.ts';
import * as classes from './unicode-classes.ts';
import { EXPANSIONS, UNIT_VALUES } from './unicode-values.ts';

// Bound here: V8 knows a module's own constants at compile time, but not imported ones. 50 ns a post in all.
const { CLASS, DIGIT, EVIDENCE_END, LETTER_MIN, LOOKALIKE, STYLED } = classes;
const VALUES = UNIT_VALUES;
/**
 * One pair of buffers for all normalisers, in the kernel's memory. Texts are normalised one after the other, so what one
 * leaves is valid until the next call of any.
 */
const LETTERS = KERNEL_LETTERS;
const TOKEN_START = TOKEN_STARTS;

/** What the normaliser took away, as bits of `Normaliser.dropped`. */
export const DROPPED = {
  /** RT, MT, QT, via, HT, `//@name`, or a reply mark before a mention. */
  forwardPrefix: 1,
  mention: 2,
  link: 4,
  emoji: 8,
  /** A bracketed sticker code such as `[doge]`. */
  sticker: 16,
  /** A zero-width, format or control character inside a word of a plain alphabet. */
  invisible: 32,
  /** A combining mark: an accent typed apart, a Hebrew point, tashkeel, tatweel. */
  mark: 64,
  /** A letter of another script that looks like an ASCII letter, right beside one. */
  lookalike: 128,
  /** An ASCII letter in a full-width, mathematical or enclosed form. */
  styled: 256,
  /** A digit or symbol in place of a letter, inside a word. */
  leet: 512,
} as const;

const WIDE_MIN = 0x1100;
/** Han of the basic plane, and the signs that lie before it. */
const HAN_MIN = 0x3100;
const HAN_END = 0xa000;
const HANGUL_MIN = 0xac00;
const HANGUL_END = 0xd7a4;
const SMALL_A = 0x61;
const SMALL_E = 0x65;
const SMALL_H = 0x68;
const SMALL_I = 0x69;
const SMALL_P = 0x70;
const SMALL_S = 0x73;
const SMALL_T = 0x74;
const SPACE = 0x20;
const DOLLAR = 0x24;
const EXCLAMATION = 0x21;
const PLUS = 0x2b;
const EURO = 0x20ac;

/** A value of the table without what it tells of the letter's origin. */
function plainLetter(value: number): number {
  return value >= LOOKALIKE && value < EVIDENCE_END ? value & 0xff : value;
}

/** The bits of `DROPPED` that tell of the letter with that value in `text[first .. end)`. */
function evidenceOf(text: string, first: number, end: number, value: number): number {
  const before = isAsciiLetter(unitAt(text, first - 1));
  const after = isAsciiLetter(unitAt(text, end));
  if (value >= DIGIT) return before && after ? DROPPED.leet : 0;
  if (value >= STYLED) return DROPPED.styled;
  return before || after ? DROPPED.lookalike : 0;
}

export class Normaliser {
  /** Letters and digits without separators, UTF-16, `letterCount` of them; valid until the next call of any normaliser. */
  readonly letters: Uint16Array = LETTERS;
  letterCount = 0;
  /** Token i is `letters[tokenStart[i] .. tokenStart[i + 1])`; `tokenStart[tokenCount]` is `letterCount`. */
  readonly tokenStart: Uint32Array = TOKEN_START;
  tokenCount = 0;
  /** Letters, where Han, Kana and Hangul count two. */
  weight = 0;
  /** Bits of `DROPPED`. */
  dropped = 0;
  /** The code point that the open word ends with, for squeezing; `CLASS.separator` where no word is open. */
  #last: number = CLASS.separator;
  #wide = 0;

  /** Replaces the fields by those of `text`. Throws RangeError above `TEXT_UNITS_MAX` units; any UTF-16 is fine. */
  normalise(text: string): void {
    const length = text.length;
    if (length > TEXT_UNITS_MAX)
      throw new RangeError(`text has ${length} units, at most ${TEXT_UNITS_MAX} are allowed`);
    this.#reset();
    const letters = LETTERS;
    const tokenStart = TOKEN_START;
    // Locals, written back before each call: V8 keeps them in registers, fields it does not.
    let count = 0;
    let tokens = 0;
    let last: number = CLASS.separator;
    let wide = 0;
    let evidence = 0;
    for (let i = mayOpenForward(text) ? this.#prefixes(text, 0) : 0; i < length; i++) {
      let value: number = CLASS.separator;
      for (; i < length; i++) {
        value = VALUES[text.charCodeAt(i)]!;
        if (value < CLASS.separator || value >= WIDE_MIN) break;
        // Without branches, since the ends of words cannot be predicted: this loop alone takes 218 ns a post, 360 with them.
        const letter = (CLASS.separator - value) >>> 31;
        const difference = value ^ last;
        const differs = (difference | -difference) >>> 31;
        letters[count] = value;
        count += letter & differs;
        tokenStart[tokens + 1] = count;
        tokens += (letter ^ 1) & differs;
        last = value;
      }
      if (i === length) break;
      if (value >= HANGUL_MIN && value < HANGUL_END) {
        if (value !== last) {
          letters[count++] = last = value;
          wide++;
        }
        continue;
      }
      if (value >= LOOKALIKE && value < EVIDENCE_END) {
        evidence |= evidenceOf(text, i, i + 1, value);
        const letter = plainLetter(value);
        if (letter !== last) letters[count++] = last = letter;
        continue;
      }
      if (value === CLASS.apostrophe) continue;
      const han = value >= HAN_MIN && value < HAN_END;
      if (han || (value >= CLASS.leetSymbol && value < CLASS.separator && isSeparator(text, i + 1))) {
        if (last !== CLASS.separator) {
          tokenStart[++tokens] = count;
          last = CLASS.separator;
        }
        if (!han) continue;
        let before = 0;
        for (; i < length; i++) {
          value = VALUES[text.charCodeAt(i)]!;
          if (value < HAN_MIN || value >= HAN_END) break;
          if (value !== before) {
            letters[count++] = before = value;
            tokenStart[++tokens] = count;
            wide++;
          }
        }
        this.letterCount = count;
        this.tokenCount = tokens;
        i = this.#ownTokens(text, i, before);
        count = this.letterCount;
        tokens = this.tokenCount;
        continue;
      }
      this.letterCount = count;
      this.tokenCount = tokens;
      this.#last = last;
      i = value >= WIDE_MIN ? this.#wideLetter(text, i, value) : this.#special(text, i, value);
      count = this.letterCount;
      tokens = this.tokenCount;
      last = this.#last;
    }
    this.letterCount = count;
    this.tokenCount = tokens;
    this.#wide += wide;
    this.dropped |= evidence;
    this.#endWord();
    this.#endCutLinks();
    this.weight = this.letterCount + this.#wide;
  }

  /** The tokens with one space between them: to explain, to store, to test. */
  toString(): string {
    let joined = '';
    for (let token = 0; token < this.tokenCount; token++) {
      if (token > 0) joined += ' ';
      for (let i = TOKEN_START[token]!; i < TOKEN_START[token + 1]!; i++) {
        joined += String.fromCharCode(LETTERS[i]!);
      }
    }
    return joined;
  }

  #reset(): void {
    this.letterCount = 0;
    this.tokenCount = 0;
    this.weight = 0;
    this.dropped = 0;
    this.#last = CLASS.separator;
    this.#wide = 0;
  }

  /** Skips "RT", "via" and the like where a text opens with them; returns the unit to go on with. */
  #prefixes(text: string, i: number): number {
    let end = i;
    for (;;) {
      const next = forwardWordEnd(text, end);
      if (next === end) return end;
      // "via" and "HT" alone name no account, and so no forward: a mention after them tells (see #forward).
      if (forwardWord(text, next - 1) === FORWARD.repost) this.dropped |= DROPPED.forwardPrefix;
      end = next;
    }
  }

  /** Handles the unit at `i`, and returns the last unit that it used up. */
  #special(text: string, i: number, value: number): number {
    switch (value) {
      case CLASS.dot:
        return this.#dot(text, i);
      case CLASS.at:
        return this.#at(text, i);
      case CLASS.leetSymbol:
      case CLASS.dollar:
        return this.#leetSymbol(text, i);
      case CLASS.colon:
        return this.#colon(text, i);
      case CLASS.highSurrogate:
        return this.#astral(text, i);
      case CLASS.ellipsis:
        return this.#afterCutLink(i);
      case CLASS.bracket:
        return this.#bracket(text, i);
      case CLASS.invisible:
        return this.#invisible(text, i);
      case CLASS.mark:
        this.dropped |= DROPPED.mark;
        return i;
      case CLASS.emoji:
        this.dropped |= DROPPED.emoji;
        return this.#separate(i);
      case CLASS.ampersand:
        return this.#ampersand(text, i);
      case CLASS.expansion:
        this.#expand(text.charCodeAt(i));
        return i;
      case CLASS.voiced:
      case CLASS.semivoiced:
        return this.#ownTokens(text, i, 0);
      default:
        return this.#separate(i);
    }
  }

  /** Letters from U+1100 on that the hot loop leaves. */
  #wideLetter(text: string, i: number, value: number): number {
    if (value < 0x1200) return this.#jamo(text, i, value);
    if (isOwn(value)) return this.#ownTokens(text, i, 0);
    this.#letter(value);
    return i;
  }

  #letter(codePoint: number): void {
    if (codePoint === this.#last) return;
    this.#last = codePoint;
    this.#push(codePoint);
  }

  #push(codePoint: number): void {
    if (codePoint > 0xffff) {
      LETTERS[this.letterCount++] = 0xd7c0 + (codePoint >> 10);
      LETTERS[this.letterCount++] = 0xdc00 | (codePoint & 0x3ff);
    } else {
      LETTERS[this.letterCount++] = codePoint;
    }
  }

  /**
   * A run of Han and Kana from `i` on, after the letter `beforeRun` of its own token: each is a token, equal neighbours are one.
   * Returns the last unit of the run, `i - 1` if there is none.
   */
  #ownTokens(text: string, i: number, beforeRun: number): number {
    this.#endWord();
    let before = beforeRun;
    let end = i - 1;
    for (let at = i; at < text.length; at++) {
      const value = VALUES[text.charCodeAt(at)]!;
      if (value === CLASS.invisible || value === CLASS.mark) continue;
      const own = ownLetterAt(text, at, value);
      if (!isOwn(own)) break;
      if (own !== before) this.#ownToken(own);
      before = own;
      if (value === CLASS.highSurrogate) at++;
      else if (own !== value && value >= LETTER_MIN) at = nextVisible(text, at);
      end = at;
    }
    this.#last = CLASS.separator;
    return end;
  }

  #ownToken(codePoint: number): void {
    this.#push(codePoint);
    // An astral one is two units already.
    if (codePoint <= 0xffff) this.#wide++;
    TOKEN_START[++this.tokenCount] = this.letterCount;
  }

  #hangul(syllable: number): void {
    if (syllable === this.#last) return;
    this.#letter(syllable);
    this.#wide++;
  }

  /** Leading and vowel jamo make a syllable, and take a trailing one with them, as in text that was decomposed. */
  #jamo(text: string, i: number, value: number): number {
    const last = this.#last;
    if (isTrailingJamo(value) && last >= HANGUL_MIN && last < HANGUL_END && (last - HANGUL_MIN) % 28 === 0) {
      this.#last = LETTERS[this.letterCount - 1] = last + value - 0x11a7;
      return i;
    }
    const second = nextVisible(text, i);
    const vowel = unitValue(text, second) - 0x1161;
    if (value > 0x1112 || vowel < 0 || vowel > 20) {
      this.#hangul(value);
      return i;
    }
    const third = nextVisible(text, second);
    const trailing = unitValue(text, third);
    const closed = isTrailingJamo(trailing);
    this.#hangul(HANGUL_MIN + ((value - 0x1100) * 21 + vowel) * 28 + (closed ? trailing - 0x11a7 : 0));
    return closed ? third : second;
  }

  #invisible(text: string, i: number): number {
    // Joiners belong to the spelling of Persian and Indic words and of emoji: evidence only inside a plain word.
    if (this.#last > CLASS.separator && this.#last < 0x80 && isAlphabetic(text, nextVisible(text, i))) {
      this.dropped |= DROPPED.invisible;
    }
    return i;
  }

  /** Separates at the unit `i`, and returns it. */
  #separate(i: number): number {
    this.#endWord();
    this.#last = CLASS.separator;
    return i;
  }

  #endWord(): void {
    if (this.letterCount !== TOKEN_START[this.tokenCount]!) TOKEN_START[++this.tokenCount] = this.letterCount;
  }

  /** Takes back what the network left of a link that it cut: `http` or `https` before an ellipsis, a colon or the end. */
  #endCutLinks(): void {
    while (this.tokenCount > 0 && this.#isBareScheme(TOKEN_START[this.tokenCount - 1]!, this.#lastSize())) {
      this.#takeBack(1, 0);
      this.dropped |= DROPPED.link;
    }
  }

  #isBareScheme(start: number, size: number): boolean {
    const letters = LETTERS;
    return (
      letters[start] === SMALL_H &&
      letters[start + 1] === SMALL_T &&
      letters[start + 2] === SMALL_P &&
      (size === 3 || (size === 4 && letters[start + 3] === SMALL_S))
    );
  }

  /** A symbol stands for a letter inside a word (`st!ck`) or before one (`$tolen`, but not `!Now`); `$` after one too. */
  #leetSymbol(text: string, i: number): number {
    const unit = text.charCodeAt(i);
    // Full-width and small forms fold to the symbol; only the first lie at one distance from ASCII.
    const symbol = unit >= 0xff00 ? unit - 0xfee0 : unit;
    const follows = this.#isOpen() && isAlphabetic(text, previousVisible(text, i));
    const leads = isAlphabetic(text, nextVisible(text, i)) && !opensLink(text, i + 1);
    if (leads ? !follows && symbol === EXCLAMATION : !follows || symbol !== DOLLAR) return this.#separate(i);
    this.dropped |= DROPPED.leet;
    this.#letter(symbol === DOLLAR ? SMALL_S : symbol === PLUS ? SMALL_T : symbol === EURO ? SMALL_E : SMALL_I);
    return i;
  }

  #isOpen(): boolean {
    return this.#last !== CLASS.separator;
  }

  /** Inside a word the letter a; otherwise a mention, or nothing at all ("@ Los Angeles"). */
  #at(text: string, i: number): number {
    if (!this.#forward(text, i) && this.#isOpen()) {
      const before = previousVisible(text, i);
      if (isAlphabetic(text, before) || isAsciiDigit(unitAt(text, before))) {
        if (!isAlphabetic(text, nextVisible(text, i)) || opensLink(text, i + 1)) return this.#separate(i);
        this.dropped |= DROPPED.leet;
        this.#letter(SMALL_A);
        return i;
      }
    }
    const end = mentionEnd(text, i);
    this.#separate(i);
    if (end === i) return i;
    this.dropped |= DROPPED.mention;
    return this.tokenCount > 0 ? end : this.#prefixes(text, end + 1) - 1;
  }

  /** Takes back the words before a mention that only say "forwarded from". */
  #forward(text: string, i: number): boolean {
    const mark = forwardMark(text, i);
    if (mark === FORWARD.none) return false;
    if (mark === FORWARD.source && this.letterCount > 0) return false;
    this.#separate(i);
    // The mark is gone already where it opened the text, or was itself the end of a mention.
    if (mark === FORWARD.repost && this.#lastSize() === 2 && LETTERS[this.letterCount - 1] === SMALL_T) {
      this.#takeBack(1, 0);
    }
    if (mark === FORWARD.reply && this.#endsWithReply()) this.#takeBack(2, 2);
    this.dropped |= DROPPED.forwardPrefix;
    return true;
  }

  #endsWithReply(): boolean {
    return (
      this.tokenCount > 1 &&
      LETTERS[this.letterCount - 2] === REPLY_FIRST &&
      isReplySecond(LETTERS[this.letterCount - 1]!)
    );
  }

  #lastSize(): number {
    return this.tokenCount === 0 ? 0 : this.letterCount - TOKEN_START[this.tokenCount - 1]!;
  }

  #takeBack(tokens: number, wide: number): void {
    this.tokenCount -= tokens;
    this.letterCount = TOKEN_START[this.tokenCount]!;
    this.#wide -= wide;
  }

  #bracket(text: string, i: number): number {
    const end = stickerEnd(text, i);
    if (end > i) this.dropped |= DROPPED.sticker;
    this.#separate(i);
    return end;
  }

  #colon(text: string, i: number): number {
    const from = schemeStart(text, i);
    return from < 0 ? this.#afterCutLink(i) : this.#link(text, from, i);
  }

  #afterCutLink(i: number): number {
    const open = this.#isOpen();
    this.#separate(i);
    if (open) this.#endCutLinks();
    return i;
  }

  #dot(text: string, i: number): number {
    const from = hostStart(text, i);
    return from < 0 ? this.#separate(i) : this.#link(text, from, i);
  }

  /** Takes back what came from `text[from .. i)`, which proved to be the head of a link, and skips the rest of it. */
  #link(text: string, from: number, i: number): number {
    const start = TOKEN_START[this.tokenCount]!;
    // What is glued before it keeps its last letter if that squeezed the first one of the link.
    let before = plainLetter(unitValue(text, previousVisible(text, from)));
    for (let k = from; k < i; k++) {
      const letter = plainLetter(VALUES[text.charCodeAt(k)]!);
      if (letter < LETTER_MIN || letter === before) continue;
      before = letter;
      // The head may have gone already, as the name of a mention ("@https://").
      if (this.letterCount > start) this.letterCount--;
    }
    this.dropped |= DROPPED.link;
    this.#separate(i);
    return linkEnd(text, i) - 1;
  }

  /** HTML entities of feeds that pass them on. */
  #ampersand(text: string, i: number): number {
    const end = entityEnd(text, i);
    if (!isApostropheEntity(text, i, end)) this.#separate(i);
    return end;
  }

  #astral(text: string, i: number): number {
    const codePoint = text.codePointAt(i)!;
    if (codePoint <= 0xffff) return this.#separate(i);
    const value = astralValue(codePoint);
    if (isOwn(value) || (value === CLASS.expansion && isOwn(EXPANSIONS.get(codePoint)!.codePointAt(0)!))) {
      return this.#ownTokens(text, i, 0);
    }
    if (value >= LOOKALIKE && value < EVIDENCE_END) {
      this.dropped |= evidenceOf(text, i, i + 2, value);
      this.#letter(plainLetter(value));
    } else if (value >= LETTER_MIN) this.#letter(value);
    else if (value === CLASS.expansion) this.#expand(codePoint);
    else this.#special(text, i, value);
    return i + 1;
  }

  #expand(codePoint: number): void {
    for (const character of EXPANSIONS.get(codePoint)!) {
      const letter = character.codePointAt(0)!;
      if (letter === SPACE) this.#separate(0);
      else if (isOwn(letter)) {
        this.#separate(0);
        this.#ownToken(letter);
      } else if (letter >= HANGUL_MIN && letter < HANGUL_END) this.#hangul(letter);
      else this.#letter(letter);
    }
  }
}
