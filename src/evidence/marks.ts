/**
 * What one post shows by itself: forwarded from where, a link, a check-in, a formula, a disclosure, disguised letters.
 *
 * Marks are a function of the post alone and are taken once for each post, however often its alert is revised, or once for its copies.
 */
import { DROPPED, type Normaliser } from '../fingerprints/normalise.ts';
import type { Post } from '../model.ts';
import { fold, sizeOf } from './fold.ts';
import {
  addresseeOf,
  forwardOf,
  hasStrayMark,
  hostOf,
  isCheckIn,
  isCut,
  isHeadline,
  isImpersonal,
  isQuotation,
  leetWords,
  linksOf,
  mixesStyles,
  NOT_SAID,
  numbersOf,
  placeOf,
  tagsOf,
  verbatim,
  wordsOf,
} from './forms.ts';
import {
  APP_PHRASES,
  CONDOLENCE_PHRASES,
  DISCLOSURE_PHRASES,
  EVENT_PHRASES,
  GREETING_PHRASES,
  PASSED_ON_PHRASES,
  PETITION_HOSTS,
  PETITION_PHRASES,
} from './lexicon.ts';
import { PhraseSet } from './phrases.ts';

/** Bits of `PostMarks.bits`. */
export const MARK = {
  disguised: 1,
  headline: 2,
  checkIn: 4,
  quotation: 8,
  /** A few words, or a tag and a few letters, to nobody and without a link. */
  brief: 16,
  /** Of a forward: what is said was cut at its end. */
  cut: 32,
  impersonal: 64,
} as const;

export type Formula = 'app' | 'petition' | 'greeting' | 'passedOn' | 'event';

export interface PostMarks {
  readonly bits: number;
  /** The phrase by which each kind of formula was told. */
  readonly formulas: Readonly<Partial<Record<Formula, string>>>;
  /** The phrase by which an affiliation is disclosed. */
  readonly disclosure: string | undefined;
  /** Whom it forwards, in lower case; empty for nobody. */
  readonly source: string;
  /** Of a forward: what is said, without its links. */
  readonly said: string;
  /** The first letters of what is said, whatever stands around them. */
  readonly letters: string;
  /** Without scheme and tracking. */
  readonly links: readonly string[];
  readonly tags: readonly string[];
  /** Whom it answers or speaks to; empty for nobody. */
  readonly addressee: string;
  /** Where it was posted from, as a check-in names it; empty for nowhere. */
  readonly place: string;
  /** Words beside the place of a check-in. */
  readonly caption: readonly string[];
  /** Of a report of an event: its numbers. */
  readonly numbers: string;
  /** Indexes of the user's explanations that apply. */
  readonly custom: readonly number[];
}

/** Explanations and disclosures that a user adds. */
export interface EvidenceRules {
  readonly disclosures: readonly string[];
  readonly explanations: readonly CustomExplanation[];
}

export interface CustomExplanation {
  readonly name: string;
  readonly description: string;
  /** Texts to look for, as they are. */
  readonly texts: readonly string[];
  /** Texts in which `*` stands for anything. */
  readonly patterns: readonly string[];
}

export const NO_RULES: EvidenceRules = { disclosures: [], explanations: [] };

/** Texts are looked at up to here: formulas and marks stand in the first lines. */
const UNITS_MAX = 2000;
/** Weight of a text that is a reaction, a saying or a catchphrase: many may write it without knowing of each other. */
const BRIEF_WEIGHT_MAX = 24;
/** The same beside a tag, which is what such a post is about. */
const BRIEF_BESIDE_TAG_MAX = 10;
const BRIEF_TAGS_MAX = 3;
/** A condolence may name what happened. */
const CONDOLENCE_LENGTH_MAX = 110;
const LETTERS_MAX = 40;
/** Texts whose marks are remembered, and their length: 8 MB at the most. */
const SHARED_MAX = 4096;
const SHARED_UNITS_MAX = 500;
const NO_LETTERS = /[^\p{L}\p{N}\p{M}]+/gu;

type Kind = Formula | 'condolence' | 'disclosure';

interface Found {
  readonly formulas: Partial<Record<Formula, string>>;
  readonly disclosure: string | undefined;
  readonly custom: readonly number[];
}

/** Made once: a stage is set up often in tests and replays, and folding all phrases takes some ms. */
let builtIn: PhraseSet<Kind> | undefined;

function builtInPhrases(): PhraseSet<Kind> {
  if (builtIn !== undefined) return builtIn;
  const known: readonly (readonly [Kind, readonly string[]])[] = [
    ['app', APP_PHRASES],
    ['petition', PETITION_PHRASES],
    ['greeting', GREETING_PHRASES],
    ['condolence', CONDOLENCE_PHRASES],
    ['passedOn', PASSED_ON_PHRASES],
    ['event', EVENT_PHRASES],
    ['disclosure', DISCLOSURE_PHRASES],
  ];
  builtIn = new PhraseSet();
  for (const [kind, phrases] of known) for (const phrase of phrases) builtIn.addPattern(kind, phrase);
  return builtIn;
}

export class Marker {
  readonly #known = builtInPhrases();
  /** Those of the user: a disclosure, or the index of an explanation. */
  readonly #own = new PhraseSet<'disclosure' | number>();
  readonly #normaliser: Normaliser;
  readonly #shared = new Map<string, PostMarks>();

  constructor(normaliser: Normaliser, rules: EvidenceRules) {
    this.#normaliser = normaliser;
    for (const phrase of rules.disclosures) this.#own.addPattern('disclosure', phrase);
    for (const [index, { texts, patterns }] of rules.explanations.entries()) {
      for (const text of texts) this.#own.addText(index, text);
      for (const pattern of patterns) this.#own.addPattern(index, pattern);
    }
  }

  /** Copies of a text share their marks: what a network's own link or an answer adds is told by the post alone. */
  marksOf(post: Post): PostMarks {
    const { text, urls, replyTo } = post;
    if (replyTo !== undefined || (urls !== undefined && urls.length > 0) || text.length > SHARED_UNITS_MAX)
      return this.#mark(post);
    let marks = this.#shared.get(text);
    if (marks !== undefined) return marks;
    if (this.#shared.size === SHARED_MAX) this.#shared.clear();
    marks = this.#mark(post);
    this.#shared.set(text, marks);
    return marks;
  }

  #mark(post: Post): PostMarks {
    const text = post.text.length > UNITS_MAX ? post.text.slice(0, UNITS_MAX) : post.text;
    const folded = fold(text);
    const forward = forwardOf(text.toLowerCase());
    const said = forward === undefined ? folded : fold(forward.said);
    const links = linksOf(post);
    const tags = tagsOf(folded);
    const place = placeOf(said);
    const { length, weight } = sizeOf(said.replace(NOT_SAID, ' ').trim());
    const { formulas, disclosure, custom } = this.#find(folded, length);
    const petitionHost = links.map(hostOf).find((host) => PETITION_HOSTS.has(host));
    if (petitionHost !== undefined) formulas.petition ??= petitionHost;
    const isBrief =
      tags.length === 0 ? weight <= BRIEF_WEIGHT_MAX : weight <= BRIEF_BESIDE_TAG_MAX && tags.length <= BRIEF_TAGS_MAX;
    return {
      bits:
        (this.#isDisguised(post.text, text) ? MARK.disguised : 0) |
        (links.length > 0 && isHeadline(text, folded) ? MARK.headline : 0) |
        (isCheckIn(said) ? MARK.checkIn : 0) |
        (isQuotation(text) ? MARK.quotation : 0) |
        (isBrief && !/https?:|@|…$|\.\.\.$/.test(folded) ? MARK.brief : 0) |
        (forward !== undefined && isCut(forward.said) ? MARK.cut : 0) |
        (isImpersonal(folded) ? MARK.impersonal : 0),
      formulas,
      disclosure,
      source: forward?.source ?? '',
      said: forward === undefined ? '' : verbatim(forward.said),
      letters: said.replace(NOT_SAID, '').replace(NO_LETTERS, '').slice(0, LETTERS_MAX),
      links,
      tags,
      addressee: post.replyTo ?? addresseeOf(folded),
      place: place?.place ?? '',
      caption: place === undefined ? [] : wordsOf(place.caption),
      numbers: formulas.event === undefined ? '' : numbersOf(folded),
      custom,
    };
  }

  /** @param length of what is said: a greeting within a statement is none, it must be most of it */
  #find(folded: string, length: number): Found {
    const formulas: Partial<Record<Formula, string>> = {};
    let disclosure: string | undefined;
    let greeting: string | undefined;
    let greetingLength = 0;
    const custom: number[] = [];
    this.#known.find(folded, (kind, phrase, start, end) => {
      if (kind === 'disclosure') disclosure ??= phrase;
      else if (kind === 'greeting') {
        greeting ??= phrase;
        greetingLength += end - start;
      } else if (kind === 'condolence') {
        if (length <= CONDOLENCE_LENGTH_MAX) formulas.greeting ??= phrase;
      } else formulas[kind] ??= phrase;
    });
    this.#own.find(folded, (tag, phrase) => {
      if (tag === 'disclosure') disclosure ??= phrase;
      else if (!custom.includes(tag)) custom.push(tag);
    });
    if (greeting !== undefined && 2 * greetingLength >= length) formulas.greeting ??= greeting;
    return { formulas, disclosure, custom: custom.sort((a, b) => a - b) };
  }

  /**
   * Characters that nobody sees inside words, letters of other scripts among look-alikes, styled letters beside plain ones,
   * digits for letters, marks on letters that take none.
   */
  #isDisguised(whole: string, text: string): boolean {
    this.#normaliser.normalise(whole);
    const { dropped } = this.#normaliser;
    if ((dropped & (DROPPED.invisible | DROPPED.lookalike)) !== 0) return true;
    if ((dropped & DROPPED.styled) !== 0 && mixesStyles(text)) return true;
    if ((dropped & DROPPED.leet) !== 0 && leetWords(text) >= 2) return true;
    return (dropped & DROPPED.mark) !== 0 && hasStrayMark(text);
  }
}
