/**
 * The grammar that joins a vocabulary to sentences and posts. Pure functions of a vocabulary and a source of chance.
 *
 * Openers, times, asides and closers come and go, so that two posts of one pattern share little beyond frequent words:
 * a detector has to stay silent on them.
 */
import type { Random } from './random.ts';
import type { Vocabulary } from './vocabulary/types.ts';

export const EMOJI = [...'😂😭🔥😍🙏😅🤔👀🎉😴🥲💀🤣😎🌞🌧🍕☕🎶⚽🐱🐶🌸🚲📚✨💪🙄😡🎂'];
const STICKERS = ['[doge]', '[笑cry]', '[good]', '[泪]', '[心]', '[允悲]', '[吃瓜]', '[赞]', '[并不简单]', '[抱抱]'];

/** A name that no word list holds: the long tail of people, venues, towns and brands. */
export function coined(vocabulary: Vocabulary, random: Random): string {
  const first = random.pick(vocabulary.syllables);
  const name = first.charAt(0).toUpperCase() + first.slice(1) + random.pick(vocabulary.syllables);
  return random.chance(450) ? name + random.pick(vocabulary.syllables) : name;
}

/** `count` stickers of the bracketed kind, one kind mostly repeated. */
export function stickers(random: Random, count: number): string {
  return random.pickEarly(STICKERS).repeat(count);
}

/** One clause: something about a thing, when, and sometimes with whom. No end mark. */
function clause(vocabulary: Vocabulary, random: Random): string {
  const { gap } = vocabulary;
  const noun = random.chance(60) ? coined(vocabulary, random) : random.pickEarly(vocabulary.nouns);
  const thing = random.pickEarly(vocabulary.fronts) + gap + noun;
  let said: string;
  if (random.chance(550)) said = thing + gap + random.pick(vocabulary.states);
  else if (vocabulary.objectFirst) said = thing + gap + random.pick(vocabulary.acts);
  else said = random.pick(vocabulary.acts) + gap + thing;
  if (random.chance(550)) {
    const time = random.pick(vocabulary.times);
    // Where the thing comes first or words are not spaced, the time opens the clause.
    said = vocabulary.objectFirst || gap === '' ? time + gap + said : said + gap + time;
  }
  if (random.chance(220)) said = said + gap + aside(vocabulary, random);
  return said;
}

export function aside(vocabulary: Vocabulary, random: Random): string {
  return random.pick(vocabulary.asides).replace('{}', coined(vocabulary, random));
}

/** A clause with its opener and closer, no end mark. */
export function sentence(vocabulary: Vocabulary, random: Random): string {
  let said = clause(vocabulary, random);
  if (random.chance(400)) said = random.pickEarly(vocabulary.openers) + vocabulary.gap + said;
  if (random.chance(250)) said = said + (vocabulary.gap === '' ? '，' : ', ') + random.pick(vocabulary.closers);
  return random.chance(500) ? said.charAt(0).toUpperCase() + said.slice(1) : said;
}

/** What a person writes of their own accord: one to three sentences, a lone one always with a name in it. */
export function utterance(vocabulary: Vocabulary, random: Random): string {
  const length = random.below(20);
  const first = sentence(vocabulary, random);
  if (length < 4) return first + vocabulary.gap + aside(vocabulary, random);
  const second = first + vocabulary.stop + sentence(vocabulary, random);
  return length < 14 ? second : second + vocabulary.stop + sentence(vocabulary, random);
}

/** A newspaper's line: a town, two things that happen there, and the paper. Long enough to be recognised when copied. */
export function headline(vocabulary: Vocabulary, random: Random): string {
  const { gap } = vocabulary;
  const comma = gap === '' ? '，' : ', ';
  return `${coined(vocabulary, random)}: ${clause(vocabulary, random)}${comma}${clause(vocabulary, random)}${gap}${aside(vocabulary, random)} | ${coined(vocabulary, random)}`;
}

/** One witness's own wording of an event at `place`. */
export function eventReport(vocabulary: Vocabulary, place: string, random: Random): string {
  const report = random.pick(vocabulary.events).replace('{}', place);
  const more = sentence(vocabulary, random);
  return random.chance(600) ? report + vocabulary.stop + more : more + vocabulary.stop + report;
}

export function checkIn(vocabulary: Vocabulary, random: Random): string {
  return vocabulary.checkIn.replace('{}', coined(vocabulary, random)).replace('{town}', coined(vocabulary, random));
}

const BASE_36 = '0123456789abcdefghijklmnopqrstuvwxyz';

/** `length` letters and digits, as short links and ids have them. */
export function token36(random: Random, length: number): string {
  let made = '';
  // Six digits to a word of chance: 36^6 is just below 2^32.
  for (let left = length; left > 0; left -= 6) {
    let word = random.word();
    for (let digit = Math.min(left, 6); digit > 0; digit -= 1) {
      made += BASE_36[word % 36]!;
      word = Math.floor(word / 36);
    }
  }
  return made;
}

/** A link as share buttons make them: a host of the reserved `.example` names and a fresh path. */
export function shortLink(random: Random): string {
  return `https://${random.pick(['sho', 'lnk', 'go', 'trim'])}.example/${token36(random, 7)}`;
}
