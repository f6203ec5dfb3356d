/**
 * The common skeleton of variants, with slots where they differ, and what filled the slots.
 */
import type { AlertTemplate } from '../model.ts';
import { rounded } from './explanations.ts';
import { commonPlaces } from './words.ts';

export interface TemplateVariant {
  /** As words.ts parts them. */
  readonly words: readonly string[];
  readonly postCount: number;
}

/** The skeleton is made of this many of the widest variants; more are only tried on it. */
const MAKERS_MAX = 20;
export const TRIED_MAX = 100;
const FILLS_LISTED = 10;
/** A variant takes part in the skeleton if this much of the first variant's letters is in what they share. */
const KEPT_MIN = 1 / 3;
const SLOTS_MAX = 12;

/**
 * Makes the template of one campaign at each of its revisions. What follows from the texts alone is kept from the revision before, for
 * as long as the widest variants are the same, in the same order.
 */
export class TemplateMaker {
  readonly #spaced = new WeakMap<readonly string[], Spaced>();
  #makers: readonly (readonly string[])[] = [];
  #skeleton: readonly string[] = [];
  /** By the words of a variant; null for one that has not the skeleton. */
  #fits = new WeakMap<readonly string[], Fit | null>();

  /**
   * @param variants the widest first; the same text is the same array at each revision
   * @param postCount of the campaign
   * @returns undefined where there is one variant only, or none that shares a third of the first one's letters
   */
  make(variants: readonly TemplateVariant[], postCount: number): AlertTemplate | undefined {
    if (variants.length < 2) return undefined;
    this.#makeSkeleton(variants);
    const skeleton = this.#skeleton;
    const fitting: { readonly fit: Fit; readonly posts: number }[] = [];
    for (const { words, postCount: posts } of variants.slice(0, TRIED_MAX)) {
      const fit = this.#fitOf(words);
      if (fit !== null) fitting.push({ fit, posts });
    }
    if (fitting.length < 2) return undefined;
    const places: number[] = [];
    for (let place = 0; place <= skeleton.length; place++) {
      if (fitting.some(({ fit }) => fit.gaps[place] !== '')) places.push(place);
    }
    if (places.length === 0 || places.length > SLOTS_MAX) return undefined;
    const sum = fitting.reduce((all, { posts }) => all + posts, 0);
    return {
      parts: partsOf(
        skeleton,
        places,
        fitting.map(({ fit }) => fit),
      ),
      slots: places.map((place) => slotOf(fitting.map(({ fit, posts }) => [fit.gaps[place]!, posts] as const))),
      share: rounded(Math.min(1, sum / postCount)),
    };
  }

  #makeSkeleton(variants: readonly TemplateVariant[]): void {
    const makers = variants.slice(0, MAKERS_MAX).map(({ words }) => words);
    if (makers.length === this.#makers.length && makers.every((words, i) => words === this.#makers[i])) return;
    const [first, ...others] = makers.map((words) => this.#spacedOf(words));
    this.#makers = makers;
    this.#skeleton = skeletonOf(first!.words, others);
    this.#fits = new WeakMap();
  }

  #spacedOf(words: readonly string[]): Spaced {
    let known = this.#spaced.get(words);
    if (known === undefined) this.#spaced.set(words, (known = spaced(words)));
    return known;
  }

  #fitOf(words: readonly string[]): Fit | null {
    let fit = this.#fits.get(words);
    if (fit === undefined) this.#fits.set(words, (fit = fitOf(this.#skeleton, this.#spacedOf(words)) ?? null));
    return fit;
  }
}

/** Words without the white space between them, and whether there is some before each. */
interface Spaced {
  readonly words: readonly string[];
  readonly isSpaced: readonly boolean[];
}

/** A text that has the skeleton. */
interface Fit {
  /** What stands before each word of the skeleton, and after the last. */
  readonly gaps: readonly string[];
  /** Whether there is white space before each word of the skeleton, and before each gap. */
  readonly isWordSpaced: readonly boolean[];
  readonly isGapSpaced: readonly boolean[];
}

function spaced(all: readonly string[]): Spaced {
  const words: string[] = [];
  const isSpaced: boolean[] = [];
  let isBehindSpace = false;
  for (const word of all) {
    if (word.trim() === '') {
      isBehindSpace = true;
      continue;
    }
    words.push(word);
    isSpaced.push(isBehindSpace);
    isBehindSpace = false;
  }
  return { words, isSpaced };
}

function skeletonOf(first: readonly string[], others: readonly Spaced[]): readonly string[] {
  const needed = KEPT_MIN * lettersIn(first);
  let skeleton = first;
  for (const variant of others) {
    if (fitOf(skeleton, variant) !== undefined) continue;
    const shared = commonPlaces(skeleton, variant.words).map(([at]) => skeleton[at]!);
    if (lettersIn(shared) >= needed) skeleton = shared;
  }
  return skeleton;
}

function lettersIn(words: readonly string[]): number {
  return words.reduce((sum, word) => (/[\p{L}\p{N}]/u.test(word) ? sum + word.length : sum), 0);
}

/** Undefined for a text that lacks a word of the skeleton. Each word is taken where it comes first. */
function fitOf(skeleton: readonly string[], { words, isSpaced }: Spaced): Fit | undefined {
  const gaps: string[] = [];
  const isWordSpaced: boolean[] = [];
  const isGapSpaced: boolean[] = [];
  let at = 0;
  const takeGap = (end: number): void => {
    isGapSpaced.push(at < end && isSpaced[at]!);
    let gap = '';
    for (; at < end; at++) gap += gap !== '' && isSpaced[at]! ? ` ${words[at]!}` : words[at]!;
    gaps.push(gap);
  };
  for (const word of skeleton) {
    const found = words.indexOf(word, at);
    if (found < 0) return undefined;
    takeGap(found);
    isWordSpaced.push(isSpaced[at]!);
    at++;
  }
  takeGap(words.length);
  return { gaps, isWordSpaced, isGapSpaced };
}

function partsOf(
  skeleton: readonly string[],
  places: readonly number[],
  fitting: readonly Fit[],
): AlertTemplate['parts'] {
  const parts: AlertTemplate['parts'][number][] = [];
  const fixed = (from: number, end: number): void => {
    let text = '';
    for (let at = from; at < end; at++) {
      const isSpaced = fitting.some(({ isWordSpaced }) => isWordSpaced[at]!);
      text += isSpaced && (at > 0 || parts.length > 0) ? ` ${skeleton[at]!}` : skeleton[at]!;
    }
    if (text === '') return;
    const isGapSpaced = fitting.some((fit) => fit.isGapSpaced[end]!);
    parts.push({ text: isGapSpaced ? `${text} ` : text });
  };
  let from = 0;
  for (const [i, place] of places.entries()) {
    fixed(from, place);
    parts.push({ slot: i + 1 });
    from = place;
  }
  fixed(from, skeleton.length);
  return parts;
}

function slotOf(gaps: readonly (readonly [text: string, posts: number])[]): AlertTemplate['slots'][number] {
  const counts = new Map<string, number>();
  for (const [text, posts] of gaps) counts.set(text, (counts.get(text) ?? 0) + posts);
  const fills = Array.from(counts, ([text, postCount]) => ({ text, postCount }));
  fills.sort((a, b) => b.postCount - a.postCount || (a.text < b.text ? -1 : 1));
  return { fills: fills.slice(0, FILLS_LISTED), leftOut: Math.max(0, fills.length - FILLS_LISTED) };
}
