/**
 * Phrases to look for in folded texts, by the thousand: each place where a word may begin is tried with the phrases that begin
 * with its two characters.
 *
 * In a pattern `*` stands for anything, also for nothing. It is no regular expression, on purpose: its pieces are looked for
 * one after the other, so no pattern that somebody writes can hold up the stage.
 */
import { fold, isWordEnd, isWordStart } from './fold.ts';

interface Entry<Tag> {
  readonly tag: Tag;
  readonly phrase: string;
  readonly pieces: readonly string[];
}

type OnFound<Tag> = (tag: Tag, phrase: string, start: number, end: number) => void;

export class PhraseSet<Tag> {
  readonly #byStart = new Map<number, Entry<Tag>[]>();

  /** Adds a phrase that is taken as it is. Nothing is added where nothing is left of it. */
  addText(tag: Tag, phrase: string): void {
    this.#add(tag, phrase, [fold(phrase)]);
  }

  /** Adds a phrase in which `*` stands for anything. */
  addPattern(tag: Tag, phrase: string): void {
    this.#add(tag, phrase, phrase.split('*').map(fold));
  }

  #add(tag: Tag, phrase: string, folded: readonly string[]): void {
    const pieces = folded.filter((piece) => piece !== '');
    if (pieces.length === 0) return;
    const entry = { tag, phrase, pieces };
    const start = startAt(pieces[0]!, 0);
    const known = this.#byStart.get(start);
    if (known === undefined) this.#byStart.set(start, [entry]);
    else known.push(entry);
  }

  /** Tells each phrase, as it was given, at each place where it begins, in the order of the text. */
  find(folded: string, onFound: OnFound<Tag>): void {
    for (let at = 0; at < folded.length; at++) {
      if (!isWordStart(folded, at)) continue;
      this.#findAt(folded, at, startAt(folded, at), onFound);
      // A phrase of one character is filed as if nothing came behind it.
      if (at + 1 < folded.length) this.#findAt(folded, at, folded.charCodeAt(at), onFound);
    }
  }

  #findAt(folded: string, at: number, start: number, onFound: OnFound<Tag>): void {
    const entries = this.#byStart.get(start);
    if (entries === undefined) return;
    for (const { tag, phrase, pieces } of entries) {
      const end = endOf(folded, at, pieces);
      if (end >= 0) onFound(tag, phrase, at, end);
    }
  }
}

/** The two units at a place as one number; one where the text ends behind it. */
function startAt(text: string, at: number): number {
  const first = text.charCodeAt(at);
  return at + 1 < text.length ? first + 0x1_0000 * text.charCodeAt(at + 1) : first;
}

/** Where the phrase that begins at `at` ends; -1 where there is none. */
function endOf(text: string, at: number, pieces: readonly string[]): number {
  const first = pieces[0]!;
  let end = at + first.length;
  if (!text.startsWith(first, at) || !isWordEnd(text, end)) return -1;
  for (let i = 1; i < pieces.length; i++) {
    end = endOfNext(text, end, pieces[i]!);
    if (end < 0) return -1;
  }
  return end;
}

function endOfNext(text: string, from: number, piece: string): number {
  for (let at = text.indexOf(piece, from); at >= 0; at = text.indexOf(piece, at + 1)) {
    const end = at + piece.length;
    if (isWordStart(text, at) && isWordEnd(text, end)) return end;
  }
  return -1;
}
