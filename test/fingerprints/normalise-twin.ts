/**
 * The slow, obvious twin of the normaliser: regular expressions and String.normalize, and a short list of look-alikes of
 * its own. It knows the rules for the characters that the property draws from, and no others.
 */
const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\p{Cf}]/gu;
const APOSTROPHE_ENTITY = /&(?:apos|#0?39);/giu;
const ENTITY = /&(?:amp|lt|gt|quot|nbsp|#\d{1,6});/giu;
const OWN_SCRIPTS = '\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}ー';
const ALPHABETS = '\\p{Script=Latin}\\p{Script=Greek}\\p{Script=Cyrillic}';
const NAME =
  `(?:[${ALPHABETS}ⓩ𝐚0-9_][${ALPHABETS}ⓩ𝐚${OWN_SCRIPTS}\\p{Script=Hangul}\\p{N}\\u3099\\uff9e_-]{0,39}` +
  '|[\\p{L}\\p{M}\\p{N}][\\p{L}\\p{M}\\p{N}ⓩ_-]{0,39})';
const HOST = '(?:(?<=[a-z0-9])[.@][a-z0-9][a-z0-9-]*)*';
const MENTION = `[@＠](?!https?://)${NAME}${HOST}`;
const URL_UNITS = "[-a-z0-9._~:/?#@!$&'(*+,;=%]*";
const LINK =
  '(?:https?://|(?<![a-z0-9])www\\.(?=[a-z0-9])|(?<![a-z0-9])[a-z0-9]+(?:\\.[a-z0-9-]+)*\\.[a-z]{2,}/(?=[a-z0-9]))' +
  URL_UNITS;
const STICKER = '[[［](?:(?![\\u{10000}-\\u{10ffff}])[\\p{L}\\p{M}ⓩ\\uff9e]){1,8}[\\]］](?!\\()';
/** Whichever begins first; right after one of them, a mention needs no gap. */
const NETWORK_MARK = new RegExp(`(?:${LINK}|(?<![${ALPHABETS}ⓩ𝐚0-9])${MENTION}|${STICKER})(?:${MENTION})*`, 'giu');
const CUT_LINK = new RegExp(
  `(?<=^|[${OWN_SCRIPTS}]|[^\\p{L}\\p{N}\\p{M}ⓩ𝐚'’$|+€@＠])(?:https?[^\\p{L}\\p{N}\\p{M}ⓩ]+)*https?(?=[:：…])`,
  'giu',
);
const OPENING = /^(?:[\s"“'«:：]*(?:RT|MT|QT|via|HT)(?=[\s"“'«:：@＠]))+/iu;
/** After a mention, if nothing but gaps is before it. */
const OPENING_LATER = /^([^\p{L}\p{N}\p{M}ⓩ]*\0)(?:[\s"“'«:：]*(?:RT|MT|QT|via|HT)(?=[\s"“'«:：@＠]))+/iu;
const MID_REPOST = new RegExp(
  `(?<=[^\\p{L}\\p{N}\\p{M}ⓩ𝐚@＠|$+€'’]|[${OWN_SCRIPTS}])(?:RT|MT|QT)[ :："“\\p{Extended_Pictographic}\\p{Regional_Indicator}]*(?=[@＠])`,
  'giu',
);
const REPLY = /回[复覆復][ :："“\p{Extended_Pictographic}\p{Regional_Indicator}]*(?=[@＠])/gu;
const MARK = /\p{Mn}(?<=[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u20d0-\u20ff])|\u0640/gu;
const APOSTROPHE = /['’‘`´ʼ]/g;
const OWN = /([\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー])/gu;
const SEPARATOR = /[^\p{L}\p{N}\p{M}]+/gu;
const SYMBOL = /[@$!|+€]/u;
const ALPHABETIC = /[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}]/u;

const LOOKALIKE = new Map(
  Object.entries({
    a: 'аα',
    b: 'вβ',
    c: 'с',
    d: 'đ',
    e: 'еε',
    g: 'ɡ',
    h: 'н',
    i: 'іι',
    j: 'ј',
    k: 'кκ',
    l: 'ł',
    m: 'мμ',
    n: 'η',
    o: 'оοøσς',
    p: 'рρ',
    r: 'г',
    s: 'ѕß',
    t: 'тτ',
    v: 'ν',
    x: 'хχ',
    y: 'уγ',
    æ: '',
  }).flatMap(([ascii, others]) => Array.from(others, (other): [string, string] => [other, ascii])),
);
const LEET = new Map(Object.entries({ 0: 'o', 1: 'i', 3: 'e', 4: 'a', 5: 's', 7: 't', 8: 'b', 9: 'g', l: 'i' }));
const SYMBOLS = new Map(Object.entries({ '@': 'a', $: 's', '!': 'i', '|': 'i', '+': 't', '€': 'e' }));

/** The tokens with one space between them. */
export function normaliseSlowly(text: string): string {
  const words = withoutNetworkMarks(text)
    .replace(/´/g, '’')
    .normalize('NFKC')
    .toLowerCase()
    .normalize('NFD')
    .replace(MARK, '');
  const squeezedJamo = words.normalize('NFC');
  const folded = Array.from(squeezedJamo)
    .map((character, i, all) => fold(character, all[i - 1] ?? ' ', all[i + 1] ?? ' '))
    .join('');
  return folded
    .replace(APOSTROPHE, '')
    .replace(SEPARATOR, ' ')
    .replace(/([^ ])\1+/gu, '$1')
    .replace(OWN, ' $1 ')
    .replace(/ +/g, ' ')
    .trim()
    .replace(/(?:^|(?<= ))htps?(?: htps?)*$/, '')
    .trim();
}

function withoutNetworkMarks(text: string): string {
  return text
    .replace(APOSTROPHE_ENTITY, '’')
    .replace(ENTITY, ';')
    .replace(/\p{Surrogate}/gu, '\ufffd')
    .replace(INVISIBLE, '')
    .replace(MARK, '')
    .replace(OPENING, ' ')
    .replace(MID_REPOST, ' ')
    .replace(REPLY, ' ')
    .replace(NETWORK_MARK, (mark) => (/[@＠]/.test(mark) ? '\0' : ';'))
    .replace(CUT_LINK, ';')
    .replace(OPENING_LATER, '$1');
}

function fold(character: string, before: string, after: string): string {
  if (SYMBOL.test(character)) return foldSymbol(character, ALPHABETIC.test(before), ALPHABETIC.test(after));
  if (character === 'œ') return 'oe';
  const ascii = LOOKALIKE.get(character) ?? character;
  return LEET.get(ascii) ?? ascii;
}

function foldSymbol(symbol: string, follows: boolean, leads: boolean): string {
  const stands = leads ? follows || symbol !== '!' : follows && symbol === '$';
  return stands ? SYMBOLS.get(symbol)! : ' ';
}
