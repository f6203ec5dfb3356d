/**
 * What the simulator knows of a language: enough to utter plain first-person chatter in it, not a description of it.
 *
 * The lists of one language are chosen so that every front fits every noun and every noun fits every state (one gender,
 * one number, verbs in the present), because the grammar that joins them knows no agreement.
 */

export const LANGUAGES = ['en', 'es', 'fr', 'de', 'pt', 'it', 'ru', 'ar', 'hi', 'zh', 'ja', 'ko'] as const;
/** BCP 47 tags of the languages in which posts can be made. */
export type Language = (typeof LANGUAGES)[number];

export interface Vocabulary {
  /** Between the words of a sentence: empty where the script writes none. */
  readonly gap: ' ' | '';
  /** Ends a sentence, the space to the next one included where the script wants it. */
  readonly stop: string;
  /** Whether the thing acted on comes before the act ("tea-o drank"). */
  readonly objectFirst: boolean;
  /** Determiners and the like, before a noun. */
  readonly fronts: readonly string[];
  readonly nouns: readonly string[];
  /** What may be said of a thing. */
  readonly states: readonly string[];
  /** What the writer does with a thing. */
  readonly acts: readonly string[];
  readonly times: readonly string[];
  readonly openers: readonly string[];
  readonly closers: readonly string[];
  /** Frequent words, one token each: what a rewording puts in the place of others. */
  readonly common: readonly string[];
  /** Whole posts of one to three words. */
  readonly short: readonly string[];
  readonly greetings: readonly string[];
  readonly tags: readonly string[];
  /** Parts of coined names. */
  readonly syllables: readonly string[];
  /** An aside that takes a coined name at `{}`. */
  readonly asides: readonly string[];
  /** Wordings of one event, with its place at `{}`. */
  readonly events: readonly string[];
  /** What an app posts for its user: a coined venue at `{}`, a coined town at `{town}`. */
  readonly checkIn: string;
}

/** Splits a list written as one string, so that the data reads as prose and not as punctuation. */
export function listed(text: string, separator: ' ' | '|' = ' '): readonly string[] {
  return text.split(separator);
}
