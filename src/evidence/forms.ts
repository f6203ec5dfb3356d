/**
 * The forms that posts take on networks: a forward, a link with its headline, a check-in, a quotation. Each function reads one
 * text and knows nothing of others. All of them take time in proportion to the text.
 */
import type { Post } from '../model.ts';

/** What is no part of what is said: links, names, tags, sticker codes. */
export const NOT_SAID = /https?:\S*|\bwww\.\S+|@[\p{L}\p{N}_.·-]+|#[\p{L}\p{N}\p{M}_]+#?|\[[^\][]{1,8}\]/gu;
const LINK = /https?:\S*|\bwww\.\S+/g;
const TAG = /#[\p{L}\p{N}\p{M}_]{2,60}/gu;
const NAME = '([\\p{L}\\p{N}_][\\p{L}\\p{N}_.·-]*)';

const FORWARD_MARKS: readonly RegExp[] = [
  // RT @name: said
  new RegExp(`(?:^|[^\\p{L}\\p{N}])(?:rt|mt|qt|ht|prt)(?:\\s?[:.])?\\s?@\\s?${NAME}\\s?[:：]?`, 'gu'),
  // //@name: said, of microblogs
  new RegExp(`//\\s?@${NAME}\\s?[:：]`, 'gu'),
  // "@name: said", and “@name said”
  new RegExp(`(?:["'«]\\s?@${NAME}\\s?[:：]|[“”]\\s?@${NAME}\\s?[:：]?)\\s`, 'gu'),
  // @name: said
  new RegExp(`^\\s*@${NAME}\\s?[:：]`, 'gu'),
];
/** 转发微博。 name:said */
const PASSED_ON_FROM = new RegExp(`(?:转发微博|轉發微博|转自|转)[。.:：]?\\s?@?${NAME}\\s?[:：]`, 'gu');
const CREDIT = new RegExp(`(?:^|[\\s("“])(?:via|por|vía|h/t|ht|rt)\\s?[:：]?\\s?@${NAME}\\)?["”]?\\s*$`, 'u');

export interface Forward {
  readonly source: string;
  readonly said: string;
}

/** Whom a text forwards, and what it says of theirs: the last mark names the one who said it. @param text in lower case */
export function forwardOf(text: string): Forward | undefined {
  const patterns = text.includes('@') ? FORWARD_MARKS : [];
  let end = -1;
  let source = '';
  for (const pattern of text.includes('转') || text.includes('轉') ? [...patterns, PASSED_ON_FROM] : patterns) {
    for (const match of text.matchAll(pattern)) {
      if (match.index + match[0].length <= end) continue;
      end = match.index + match[0].length;
      source = match[1] ?? match[2]!;
    }
  }
  if (end >= 0) return { source: trimmed(source), said: text.slice(end) };
  const credit = text.includes('@') ? CREDIT.exec(text) : null;
  return credit === null ? undefined : { source: trimmed(credit[1]!), said: text.slice(0, credit.index) };
}

function trimmed(name: string): string {
  return name.replace(/[.·-]+$/, '');
}

/** What is said, to be compared letter by letter, without the links and dots at its end. */
export function verbatim(said: string): string {
  return said
    .replace(LINK, '')
    .replace(/[\s.…"”]+$/u, '')
    .trim()
    .slice(0, 200);
}

/** Whether a text was cut at its end, as networks do with forwards that grow too long. */
export function isCut(said: string): boolean {
  return /(?:…|\.\.|https?:\S{0,11})\s?["”]?\s*$/u.test(said);
}

/** Up to what no link holds; one that runs into an ellipsis was cut, and names nothing any more. */
const WRITTEN_LINK = /https?:\/\/[\w\-.~:/?#@!$&'*+,;=%()]+(?![\w…])/g;
/** Names of the platform's own links have eight characters or more. */
const WHOLE_LINK = /^(?!t\.co(?:\/[a-z0-9]{0,7})?$)[^/]+\.[^/]{2,}/i;

/** Links of one post are told by their host and path; what tracks a click is no part of them. The first three. */
export function linksOf({ text, urls = [] }: Post): string[] {
  const expanded = urls.map(plainLink).filter((link) => !isOwnLink(link));
  const links = expanded.length > 0 ? expanded : (text.match(WRITTEN_LINK) ?? []).map(plainLink);
  return Array.from(new Set(links.filter((link) => WHOLE_LINK.test(link)))).slice(0, 3);
}

function plainLink(url: string): string {
  const [address = '', query = ''] = url
    .slice(0, 500)
    .replace(/^https?:\/\/(?:www\.|m\.)?/i, '')
    .replace(/#.*$/, '')
    .split('?', 2);
  const kept = query.split('&').filter((parameter) => parameter !== '' && !TRACKING.test(parameter));
  return [address.replace(/[/.,…]+$/, ''), ...(kept.length === 0 ? [] : [kept.join('&')])].join('?');
}

const TRACKING = /^(?:utm_[a-z]+|fbclid|gclid|ref|ref_src|cmp|smid|ocid)=/;

/** A link that the platform makes for each post anew, so that two posts with the same one were copied from each other. */
export function isOwnLink(link: string): boolean {
  return link.startsWith('t.co/');
}

export function hostOf(link: string): string {
  const slash = link.indexOf('/');
  return (slash < 0 ? link : link.slice(0, slash)).toLowerCase();
}

export function tagsOf(folded: string): string[] {
  return folded.includes('#') ? Array.from(new Set(folded.match(TAG) ?? [])).slice(0, 8) : [];
}

/** Whom a post speaks to: the one whose post it answers, or the first name at its beginning. */
export function addresseeOf(folded: string): string {
  return /^[.\s]*@([\p{L}\p{N}_]+)/u.exec(folded)?.[1] ?? '';
}

const PLACE = /(?:^|\s)\(?(?:at )?@ ([^@]{3,100}|@[^@]{3,100})$/u;

/** " @ Place", "(@ Place, City)" at the end, of applications that add where a picture was taken. @param said folded */
export function placeOf(said: string): { readonly place: string; readonly caption: string } | undefined {
  const plain = said.includes('@ ') || said.includes('(at @') ? said.replace(LINK, '').replace(/[\s.…)]+$/u, '') : '';
  const match = plain === '' ? null : PLACE.exec(plain.replace('(at @', '(@ '));
  if (match === null) return undefined;
  const place = match[1]!.replace(/[^\p{L}\p{N}]/gu, '').slice(0, 16);
  return { place, caption: plain.slice(0, match.index) };
}

export function wordsOf(folded: string): string[] {
  return Array.from(new Set(folded.replace(NOT_SAID, ' ').match(/[\p{L}\p{N}\p{M}]{3,}/gu) ?? [])).slice(0, 20);
}

/** Numbers of what is said, with what parts them: a magnitude, a score, a toll. */
export function numbersOf(folded: string): string {
  return (folded.replace(LINK, '').match(/\d+(?:[.,:]\d+)*/g) ?? []).slice(0, 8).join(' ');
}

const CHECK_IN = /^(?:i'm |estoy |estou |je suis |ich bin |sono )?(?:at|en|em|a|in) [^\n]{3,80} (?:w\/|\(|http)/u;

/** @param said folded */
export function isCheckIn(said: string): boolean {
  return said.length < 200 && CHECK_IN.test(said);
}

/** The name of whom it is by, after what was said has ended. */
const ATTRIBUTION =
  /[.!?。！？…"”»'』」】]\s*[-–—―~]{1,2}\s?\p{Lu}[\p{L}.']{1,20}(?: [\p{L}.']{1,20}){0,3}\s*(?:#\S+\s*){0,5}$/u;
const ATTRIBUTION_HAN = /[-–—―]{2}\s?\p{Script=Han}[\p{Script=Han}·]{1,12}[】」』”]?/u;
const LYRICS = /[♪♫]|\u{1f3b6}|#(?:lyrics?|quotes?)\b/iu;

export function isQuotation(text: string): boolean {
  if (LYRICS.test(text) || ATTRIBUTION_HAN.test(text)) return true;
  return ATTRIBUTION.test(text.replace(LINK, ' ').trim());
}

/** Those that are no other word in another of these languages: "du" is an article in French, "us" a country. */
const PERSONS = new Set(
  (
    "i i'm im i've i'll i'd my me myself we we're our you you're your yours yo mi nosotros tu tus usted vosotros " +
    "eu meu minha voce voces seu sua je j'ai moi mon mes nous notre vous votre ich mir mich mein meine wir uns unser dich dir " +
    'dein euch mia noi nostro tuo voi vostro я мне меня мой моя мы нам нас наш ты тебе тебя вы вам вас ваш ' +
    'انا أنا نحن انت أنت انتم biz siz'
  ).split(' '),
);
const PERSONS_UNSPACED = /[我你您咱]|わたし|私|あなた|나는|당신/u;
const HEADLINE_UNITS_MAX = 120;

/**
 * Whether what stands before the link has the form of a headline: cut by a machine, with its source named, or in the capitals
 * of titles; or else one sentence that speaks of no "I" and no "you". A reply, a cry or a text of several sentences is none.
 */
export function isHeadline(text: string, folded: string): boolean {
  if (/^["'“.\s]*@/.test(text) || /[!！]/.test(folded)) return false;
  const before = text.slice(0, linkStart(text)).trim();
  if (/[\p{L}\p{N}]\s?(?:\.{2,}|…)$/u.test(before)) return !/[#@(]\S*\s?(?:\.{2,}|…)$/u.test(before);
  if (/\s[-–—|]\s\p{Lu}[\p{L}.& ]{1,30}:?$/u.test(before)) return true;
  return isTitle(before) || isSentence(before, folded);
}

function isTitle(before: string): boolean {
  const words = before.match(/\p{L}{4,}/gu) ?? [];
  const capitals = words.filter((word) => /^\p{Lu}\p{Ll}/u.test(word)).length;
  return words.length >= 4 && 10 * capitals >= 6 * words.length;
}

function isSentence(before: string, folded: string): boolean {
  if (before.length > HEADLINE_UNITS_MAX || hasSeveralSentences(before)) return false;
  const words = folded.slice(0, linkStart(folded)).match(LETTERS) ?? [];
  return words.length >= 4 && isImpersonal(folded);
}

const LETTERS = /[\p{L}\p{M}']+/gu;

/** Whether a folded text speaks of no "I", "we" or "you". */
export function isImpersonal(folded: string): boolean {
  if (PERSONS_UNSPACED.test(folded)) return false;
  return !(folded.replace(NOT_SAID, ' ').match(LETTERS) ?? []).some((word) => PERSONS.has(word));
}

function hasSeveralSentences(text: string): boolean {
  return /[^.\s\p{N}][.?؟。！？]\s+\p{L}/u.test(text.replace(/\b(?:\p{L}\.)+/gu, ''));
}

function linkStart(text: string): number {
  const at = text.search(/https?:/);
  return at < 0 ? text.length : at;
}

/** Mathematical or full-width letters with plain ones in the same text. */
const STYLED = /[\uff21-\uff3a\uff41-\uff5a]|[\u{1d400}-\u{1d7ff}]/u;
const PLAIN_WORD = /[a-z]{2}/i;
export function mixesStyles(text: string): boolean {
  return STYLED.test(text) && PLAIN_WORD.test(text.replace(NOT_SAID, ' '));
}

/** Words with a digit or a sign for a letter between others, outside of links, tags and names. */
export function leetWords(text: string): number {
  return (text.replace(NOT_SAID, ' ').match(/(?<![\w.])[a-z]{1,20}[013457@$€][a-z]{1,20}/gi) ?? []).length;
}

/** A mark on a letter that takes none in any language: whatever can be composed was composed. */
export function hasStrayMark(text: string): boolean {
  return /[a-z\u0400-\u04ff][\u0300-\u036f]/iu.test(text.normalize('NFC'));
}
