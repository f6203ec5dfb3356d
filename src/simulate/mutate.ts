/**
 * How the copies of one text come to differ: operators from a changed comma to a rewritten sentence, and the levels that
 * combine them. Pure functions of text, language and chance; works on any text, not only on the simulator's own.
 *
 * Links, mentions and hashtags of the given text are never edited inside, since a copy with a broken link serves nobody.
 */
import { aside, coined, EMOJI, shortLink, token36 } from './chatter.ts';
import { ACCENTS, fullWidth, LEET, LOOKALIKES, mathBold, TASHKEEL, ZERO_WIDTHS } from './glyphs.ts';
import type { Random } from './random.ts';
import { VOCABULARIES } from './vocabulary/index.ts';
import type { Language } from './vocabulary/types.ts';

/** From L0 to L5: same text; case, marks, links; hidden characters and look-alikes; 10, 22 and 38 % of the words. */
export const LEVELS = ['exact', 'cosmetic', 'obfuscated', 'light', 'medium', 'heavy'] as const;
export type Level = (typeof LEVELS)[number];

type Operator = (text: string, language: Language, random: Random) => string;

const UNSPACED = /[\u3040-\u30ff\u3400-\u9fff]/;
const PROTECTED = /^(?:https?:|[@#＠＃])/;

/** The parts of a text that an edit moves or replaces: words, or pairs of characters where words are not spaced. */
function partsOf(text: string): string[] {
  const parts: string[] = [];
  for (const word of text.split(/\s+/)) {
    if (word === '') continue;
    if (PROTECTED.test(word) || !UNSPACED.test(word)) parts.push(word);
    else
      for (const pair of word.match(/[\u3040-\u30ff\u3400-\u9fff]{1,2}|[^\u3040-\u30ff\u3400-\u9fff]+/g) ?? [])
        parts.push(pair);
  }
  return parts;
}

/** Undoes `partsOf`: a space between two parts, except between two that no script would space. */
function joined(parts: readonly string[]): string {
  let text = '';
  for (const part of parts) {
    const glued = text === '' || (!PROTECTED.test(part) && !/[A-Za-z0-9]$/.test(text) && isUnspacedPair(text, part));
    text += glued ? part : ` ${part}`;
  }
  return text;
}

function isUnspacedPair(before: string, part: string): boolean {
  return UNSPACED.test(part)
    ? UNSPACED.test(before.slice(-3)) || /[\u3000-\u303f\uff00-\uff65]$/.test(before)
    : /^[^\p{L}\p{N}]/u.test(part) && UNSPACED.test(before.slice(-2));
}

/** Applies `edit` to the letters of all parts that may be edited. */
function eachLetter(text: string, edit: (letter: string) => string): string {
  return text.replace(/\S+/g, (word) => {
    if (PROTECTED.test(word)) return word;
    let edited = '';
    for (const letter of word) edited += /\p{L}/u.test(letter) ? edit(letter) : letter;
    return edited;
  });
}

const changeCase: Operator = (text, _language, random) =>
  text
    .replace(/\S+/g, (word) => (PROTECTED.test(word) ? word : word.toLowerCase()))
    .replace(/^.*$/s, (lower) => {
      const style = random.below(3);
      if (style === 0) return lower;
      return lower.replace(/\S+/g, (word) => {
        if (PROTECTED.test(word)) return word;
        return style === 1 ? word.toUpperCase() : word.charAt(0).toUpperCase() + word.slice(1);
      });
    });

const changeMarks: Operator = (text, _language, random) => {
  const mark = random.pick(['', '!', '!!', '...', ' -']);
  return `${text.replace(/[.,!?;。，！？、]+(?=\s|$)/g, mark)}${random.pick(['', '!!!', '...', ' !', '?!'])}`;
};

const changeLink: Operator = (text, _language, random) => {
  const link = shortLink(random);
  const swapped = text.replace(/https?:\/\/[\w./?=&%-]+/, link);
  return swapped === text ? `${text} ${link}` : swapped;
};

const addMentions: Operator = (text, _language, random) => {
  let mentions = '';
  for (let count = random.between(1, 4); count > 0; count -= 1) mentions += `@${token36(random, 8)} `;
  return random.chance(500) ? mentions + text : `${text} ${mentions.trimEnd()}`;
};

const addHashtags: Operator = (text, language, random) => {
  let tagged = text;
  for (let count = random.between(1, 3); count > 0; count -= 1)
    tagged += ` #${random.pick(VOCABULARIES[language].tags)}`;
  return tagged;
};

const forward: Operator = (text, _language, random) =>
  random.chance(500) ? `RT @${token36(random, 9)}: ${text}` : `“${text}” @${token36(random, 9)}`;

const changeSpaces: Operator = (text, _language, random) => {
  const space = random.pick(['  ', '\u00a0', '\n']);
  return text.replace(/ /g, (kept) => (random.chance(300) ? space : kept));
};

const hashOneWord: Operator = (text, _language, random) => {
  const parts = text.split(' ');
  const at = random.below(parts.length);
  parts[at] = /^\p{L}+$/u.test(parts[at]!) ? `#${parts[at]}` : parts[at]!;
  return parts.join(' ');
};

const COSMETICS: readonly Operator[] = [
  changeCase,
  changeMarks,
  changeLink,
  addMentions,
  addHashtags,
  forward,
  changeSpaces,
  hashOneWord,
];

const sprinkleEmoji: Operator = (text, _language, random) =>
  joined(partsOf(text).flatMap((part) => (random.chance(250) ? [part, random.pick(EMOJI)] : [part])));

const hideZeroWidths: Operator = (text, _language, random) =>
  eachLetter(text, (letter) => (random.chance(200) ? letter + random.pick(ZERO_WIDTHS) : letter));

const swapLookalikes: Operator = (text, _language, random) =>
  eachLetter(text, (letter) => (random.chance(350) ? (LOOKALIKES.get(letter) ?? letter) : letter));

const restyleWords: Operator = (text, _language, random) => {
  const restyle = random.chance(500) ? fullWidth : mathBold;
  return text.replace(/\S+/g, (word) =>
    PROTECTED.test(word) || random.chance(400) ? word : [...word].map(restyle).join(''),
  );
};

const leet: Operator = (text, _language, random) =>
  eachLetter(text, (letter) => (random.chance(300) ? (LEET.get(letter) ?? letter) : letter));

const repeatLetters: Operator = (text, _language, random) =>
  text.replace(/\S+/g, (word) => {
    const letters = [...word];
    if (PROTECTED.test(word) || letters.length < 3 || !random.chance(300)) return word;
    // A letter before the last, because final marks and vowel signs must not be drawn out.
    const at = random.below(letters.length - 1);
    if (/[\p{Ll}\u0620-\u064a]/u.test(letters[at]!)) letters[at] = letters[at]!.repeat(random.between(3, 5));
    return letters.join('');
  });

const addMarksAbove: Operator = (text, language, random) => {
  const marks = language === 'ar' ? TASHKEEL : ACCENTS;
  return eachLetter(text, (letter) => (random.chance(200) ? letter + random.pick(marks) : letter));
};

const LATIN_TRICKS = [sprinkleEmoji, hideZeroWidths, swapLookalikes, restyleWords, leet, repeatLetters, addMarksAbove];
const LETTER_TRICKS = [sprinkleEmoji, hideZeroWidths, swapLookalikes, repeatLetters, addMarksAbove];

function tricksOf(language: Language): readonly Operator[] {
  if (language === 'ru' || language === 'ar') return LETTER_TRICKS;
  // These scripts have no look-alikes that people use, and no case to restyle.
  if (language === 'hi' || language === 'zh' || language === 'ja' || language === 'ko')
    return [sprinkleEmoji, hideZeroWidths];
  return LATIN_TRICKS;
}

/** Replaces, drops or follows up `permille` of the editable parts, at least one, mostly by replacing. */
function reword(permille: number): Operator {
  return (text, language, random) => {
    const parts: string[][] = partsOf(text).map((part) => [part]);
    const editable = parts.flatMap((part, at) => (PROTECTED.test(part[0]!) ? [] : [at]));
    const edits = Math.max(1, Math.round((editable.length * permille) / 1000));
    const { common } = VOCABULARIES[language];
    for (const at of random.shuffled(editable).slice(0, edits)) {
      const how = random.below(10);
      if (how < 6) parts[at] = [random.pick(common)];
      else if (how < 8) parts[at] = [parts[at]![0]!, random.pick(common)];
      else parts[at] = [];
    }
    return joined(parts.flat());
  };
}

/** Swaps, doubles or drops `permille` of the letters. */
function misspell(permille: number): Operator {
  return (text, _language, random) =>
    eachLetter(text, (letter) => {
      if (!random.chance(permille)) return letter;
      return random.chance(500) ? '' : letter + letter;
    });
}

const prefix: Operator = (text, language, random) => {
  const { openers, gap } = VOCABULARIES[language];
  return `${random.pick(openers)}${gap}${text}`;
};

const suffix: Operator = (text, language, random) => {
  const { closers, gap } = VOCABULARIES[language];
  return `${text}${gap === '' ? '，' : ' '}${random.pick(closers)}`;
};

/** Another name in the place of a capitalised word or a number, or one more where there is none. */
const fillSlot: Operator = (text, language, random) => {
  const vocabulary = VOCABULARIES[language];
  const parts = partsOf(text);
  const slots = parts.flatMap((part, at) => (at > 0 && /^[\p{Lu}\p{N}]/u.test(part) ? [at] : []));
  if (slots.length === 0) return `${text} ${aside(vocabulary, random)}`;
  parts[random.pick(slots)] = coined(vocabulary, random);
  return joined(parts);
};

const swapNeighbours: Operator = (text, _language, random) => {
  const parts = partsOf(text);
  if (parts.length < 2) return text;
  const at = random.below(parts.length - 1);
  [parts[at], parts[at + 1]] = [parts[at + 1]!, parts[at]!];
  return joined(parts);
};

const reorderSentences: Operator = (text, language, random) => {
  // A full stop inside a link ends no sentence.
  const sentences = text.split(/(?<=[.!?।])\s+|(?<=[。！？])/).filter((part) => part !== '');
  return random.shuffled(sentences).join(VOCABULARIES[language].gap);
};

/** Keeps the first `low` to `high` percent of the parts. */
function truncate(low: number, high: number): Operator {
  return (text, _language, random) => {
    const parts = partsOf(text);
    return joined(parts.slice(0, Math.max(1, Math.ceil((parts.length * random.between(low, high)) / 100))));
  };
}

const LIGHT_CHANGES = [misspell(10), prefix, suffix, fillSlot, swapNeighbours];
const MEDIUM_CHANGES = [misspell(30), prefix, suffix, fillSlot, reorderSentences, truncate(75, 92)];
const HEAVY_CHANGES = [misspell(40), prefix, suffix, fillSlot, reorderSentences, truncate(55, 80)];

function some(operators: readonly Operator[], count: number, random: Random): Operator[] {
  return random.shuffled(operators).slice(0, count);
}

function recipe(level: Level, language: Language, random: Random): Operator[] {
  switch (level) {
    case 'exact':
      return [];
    case 'cosmetic':
      return some(COSMETICS, random.between(2, 3), random);
    case 'obfuscated':
      return [...some(tricksOf(language), random.between(2, 3), random), ...some(COSMETICS, 1, random)];
    case 'light':
      return [reword(100), ...some(LIGHT_CHANGES, 1, random), ...some(COSMETICS, 1, random)];
    case 'medium':
      return [
        reword(220),
        ...some(MEDIUM_CHANGES, 2, random),
        ...some(tricksOf(language), random.below(2), random),
        ...some(COSMETICS, 1, random),
      ];
    case 'heavy':
      return [
        reword(380),
        ...some(HEAVY_CHANGES, 2, random),
        ...some(tricksOf(language), 1, random),
        ...some(COSMETICS, 1, random),
      ];
  }
}

/** One copy of `text` as the level has them. `exact` gives the text itself; never an empty string for a text with letters. */
export function mutate(text: string, level: Level, language: Language, random: Random): string {
  const copy = recipe(level, language, random).reduce((edited, edit) => edit(edited, language, random), text);
  return copy.trim() === '' ? text : copy;
}
