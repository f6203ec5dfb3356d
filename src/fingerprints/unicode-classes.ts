/**
 * The alphabet between scripts/unicode-tables.ts, which packs the table, and normalise.ts, which unpacks and reads it.
 *
 * Each code point has one value. Below `LETTER_MIN` it is a class; otherwise it is the letter that remains, as a code point. The range of the surrogates, which are no letters, holds ASCII letters
 * that came from a look-alike (`LOOKALIKE` + letter), a styled form such as full-width (`STYLED` + letter) or a digit
 * (`DIGIT` + letter).
 */
export const CLASS = {
  invisible: 1,
  mark: 2,
  apostrophe: 3,
  emoji: 4,
  highSurrogate: 5,
  expansion: 6,
  voiced: 7,
  semivoiced: 8,
  dollar: 9,
  colon: 10,
  ellipsis: 11,
  at: 12,
  ampersand: 13,
  /** From here on, a class means nothing where a separator follows. */
  leetSymbol: 14,
  bracket: 15,
  dot: 16,
  /** Next to the letters, so that the hot loop tells "separator or plain letter" by one comparison. */
  separator: 0x2f,
} as const;

export const LETTER_MIN = 0x30;
export const LOOKALIKE = 0xd800;
export const STYLED = 0xd900;
export const DIGIT = 0xda00;
export const EVIDENCE_END = 0xdb00;
