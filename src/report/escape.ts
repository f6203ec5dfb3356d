/**
 * Texts of strangers -> parts of a page or an XML document, in which they are text and nothing else.
 *
 * H1  Nothing of a text becomes markup, in elements and in quoted attributes alike.
 * H2  A browser's text content is the text, character by character; only NUL and halves of surrogate pairs, which no page can
 *     hold, become U+FFFD.
 */

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
  // A bare one would be read as a line feed.
  '\r': '&#13;',
  '\0': '\uFFFD',
};

/** For elements and for attributes in double quotes. */
export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"'`\r\0]/g, (character) => ENTITIES[character]!).replaceAll(/\p{Surrogate}/gu, '\uFFFD');
}

/** For XML 1.0, which has no way to write most control characters: they become U+FFFD. Line ends and tabs survive in attributes. */
export function escapeXml(text: string): string {
  return text
    .replaceAll(/[\0-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]|\p{Surrogate}/gu, '\uFFFD')
    .replaceAll(/[&<>"']/g, (character) => ENTITIES[character]!)
    .replaceAll(/[\t\n\r]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Emoji and flags, whose joiners and tags belong there; or a character that cannot be seen and steers or hides something. */
const HIDDEN =
  /(\p{Extended_Pictographic}(?:\uFE0F|\u200D|[\u{E0020}-\u{E007F}]|\p{Emoji_Modifier}|\p{Extended_Pictographic})*)|(?![\n\t])([\p{Cf}\p{Cc}\p{Zl}\p{Zp}\u115F\u1160\u3164\uFFA0]|\u034F|\u17B4|\u17B5)/gu;
/** Joiners are letters' business in Arabic, Persian and the scripts of India. */
const JOINER = /[\u200C\u200D]/;
const PLAIN_SCRIPT = /[\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}\p{Nd}\s]/u;

/**
 * A post's text with what cannot be seen marked beside it, by an attribute that the style sheet shows; the text content stays
 * the text. Longer texts are cut; `more` says by how many UTF-16 units.
 */
export function shownText(text: string, unitsMax: number): { readonly html: string; readonly more: number } {
  const cut = cutAt(text, unitsMax);
  const html: string[] = [];
  let at = 0;
  for (const match of cut.matchAll(HIDDEN)) {
    const character = match[2];
    if (character === undefined || isJoiningLetters(cut, match.index, character)) continue;
    html.push(escapeHtml(cut.slice(at, match.index)), marked(character));
    at = match.index + character.length;
  }
  html.push(escapeHtml(cut.slice(at)));
  return { html: html.join(''), more: text.length - cut.length };
}

/** A name, an id or a sentence within ours: whatever is in it turns nothing that stands around it. */
export function wordsHtml(text: string, unitsMax = 500): string {
  const { html, more } = shownText(text, unitsMax);
  return `<bdi>${html}${more === 0 ? '' : '…'}</bdi>`;
}

function isJoiningLetters(text: string, at: number, character: string): boolean {
  return JOINER.test(character) && at > 0 && !PLAIN_SCRIPT.test(text[at - 1]!);
}

function marked(character: string): string {
  const code = `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`;
  return `<span class="hidden-character" data-code="${code}">${escapeHtml(character)}</span>`;
}

/** One line for headings, labels and titles: no line ends, nothing that cannot be seen, cut to a number of code points. */
export function oneLine(text: string, charactersMax: number): string {
  // Looking at more than could be shown would take long for a text of a megabyte.
  const line = cutAt(text, charactersMax * 8)
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .replaceAll(/(?![\u200C\u200D])\p{Cf}/gu, '')
    .trim();
  const characters = Array.from(line);
  return characters.length <= charactersMax
    ? line
    : `${characters
        .slice(0, charactersMax - 1)
        .join('')
        .trimEnd()}…`;
}

/** Never within a surrogate pair. */
function cutAt(text: string, unitsMax: number): string {
  if (text.length <= unitsMax) return text;
  return text.slice(0, /[\uD800-\uDBFF]/.test(text[unitsMax - 1]!) ? unitsMax - 1 : unitsMax);
}
