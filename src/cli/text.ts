/** Texts of posts on a terminal: in one line, harmless, and of a known width. */

/** Characters that most terminals draw two columns wide: Hangul, Kana, Han, full-width forms, emoji. */
const WIDE =
  /[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6]|\p{Emoji_Presentation}|[\u{20000}-\u{3FFFD}]/u;
const ZERO_WIDTH = /[\p{Mn}\p{Me}\p{Cf}]/u;

/**
 * No line ends, no control characters, no direction marks: a post must not be able to steer the reader's terminal. Joiners
 * stay, since emoji and some scripts are written with them.
 */
export function oneLine(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .replaceAll(/(?![\u200C\u200D])\p{Cf}/gu, '')
    .trim();
}

/** The text in one line with what cannot be seen made visible, as `<U+200B>`. */
export function revealed(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    return `<U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}>`;
  });
}

/** Columns that the text takes, as far as that can be told without asking the terminal. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const character of text) columns += columnsOfCharacter(character);
  return columns;
}

/** The text cut to at most `columns`, with "..." in place of what is cut. */
export function fit(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text;
  let kept = '';
  let used = 0;
  for (const character of text) {
    used += columnsOfCharacter(character);
    if (used > columns - 3) break;
    kept += character;
  }
  return `${kept.trimEnd()}...`;
}

/** The text in at most `lines` lines of `columns`, parted at spaces where there are some; "..." ends what is cut. */
export function wrap(text: string, columns: number, lines: number): string[] {
  const wrapped: string[] = [];
  let rest = text;
  while (rest !== '' && wrapped.length < lines - 1) {
    const line = head(rest, columns);
    wrapped.push(line.trimEnd());
    rest = rest.slice(line.length);
  }
  if (rest !== '') wrapped.push(fit(rest, columns));
  return wrapped;
}

/** The longest start of the text that fits, up to a space if there is one in its second half. */
function head(text: string, columns: number): string {
  let end = 0;
  let used = 0;
  for (const character of text) {
    used += columnsOfCharacter(character);
    if (used > columns) break;
    end += character.length;
  }
  if (end === text.length) return text;
  const space = text.lastIndexOf(' ', end);
  return text.slice(0, space > end / 2 ? space + 1 : Math.max(end, 1));
}

/** The text with spaces behind it up to `columns`. */
export function pad(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - columnsOf(text)));
}

function columnsOfCharacter(character: string): number {
  if (ZERO_WIDTH.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}
