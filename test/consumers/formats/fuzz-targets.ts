/** The decoders that are fuzzed, each with the records of its fixture and with what it may make of a text. */
import { readFileSync } from 'node:fs';
import { DomUtils, parseDocument } from 'htmlparser2';
import { decodeJetstream } from '../../../src/consumers/formats/jetstream.ts';
import { decodeMastodon } from '../../../src/consumers/formats/mastodon.ts';
import { decodeNostr } from '../../../src/consumers/formats/nostr.ts';
import { decodeXV1 } from '../../../src/consumers/formats/x-v1.ts';
import { decodeXV2 } from '../../../src/consumers/formats/x-v2.ts';
import type { FuzzTarget, Source } from './fuzz.ts';
import { ARCHIVE_TARGETS } from './fuzz-targets-archives.ts';

/** The records of a fixture, blank ones as well. */
export function fixture(name: string): string[] {
  return readFileSync(new URL(`../../fixtures/formats/${name}.ndjson`, import.meta.url), 'utf8')
    .split('\n')
    .slice(0, -1);
}

/** Whether `value` is two texts of the record with `between` in the middle. */
function isJoined(value: string, between: string, { strings }: Source): boolean {
  for (let at = value.indexOf(between); at >= 0; at = value.indexOf(between, at + 1)) {
    if (strings.has(value.slice(0, at)) && strings.has(value.slice(at + between.length))) return true;
  }
  return false;
}

function isInsideOfText(value: string, { strings }: Source): boolean {
  return [...strings].some((text) => text.includes(value));
}

function isUnescapedX(field: string, value: string, { strings }: Source): boolean {
  if (field !== 'text') return false;
  // Once and in one pass: "&amp;lt;" stands for "&lt;".
  const escaped = value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return [...strings].some((text) => text.length >= value.length && normalEscapes(text) === escaped);
}

/** As `unescapeX` reads it and an escaping author would write it. */
function normalEscapes(text: string): string {
  return text
    .split(/(&(?:amp|lt|gt);)/)
    .map((part, i) =>
      i % 2 === 1 ? part : part.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;'),
    )
    .join('');
}

function isFromHtml(field: string, value: string, source: Source): boolean {
  if (field === 'handle') {
    const at = value.lastIndexOf('@');
    return source.strings.has(value.slice(0, at)) && isInsideOfText(`//${value.slice(at + 1)}`, source);
  }
  if (field !== 'text' && field !== 'urls') return false;
  return [...source.strings].some((html) => html.length >= value.length / 2 && isOfDocument(field, value, html));
}

/** Longer ones are one tag or character all over; the tree of such a text is too deep to walk. */
const DOCUMENT_UNITS_MAX = 15_000;

/** By the parser that builds a tree, where the decoder reads tags only. */
function isOfDocument(field: string, value: string, html: string): boolean {
  if (html.length > DOCUMENT_UNITS_MAX) return html.includes(value);
  const document = parseDocument(html);
  const addresses = DomUtils.getElementsByTagName('a', document).map((anchor) => anchor.attribs['href'] ?? '');
  if (field === 'urls') return addresses.includes(value);
  let rest = value;
  for (const address of addresses.filter((href) => href !== '').toSorted((a, b) => b.length - a.length)) {
    rest = rest.replaceAll(address, '');
  }
  return isSubsequence(rest.replaceAll(/\s/g, ''), DomUtils.textContent(document));
}

function isSubsequence(part: string, whole: string): boolean {
  let at = 0;
  for (let i = 0; i < whole.length && at < part.length; i++) if (whole[i] === part[at]) at++;
  return at === part.length;
}

export const FUZZ_TARGETS: readonly FuzzTarget[] = [
  {
    name: 'jetstream',
    decode: decodeJetstream,
    records: fixture('jetstream'),
    isDerived: (field, value, source) =>
      field === 'id' && value.startsWith('at://') && isJoined(value.slice(5), '/app.bsky.feed.post/', source),
  },
  { name: 'mastodon', decode: decodeMastodon, records: fixture('mastodon'), isDerived: isFromHtml },
  { name: 'x-v2', decode: decodeXV2, records: fixture('x-v2'), isDerived: isUnescapedX },
  { name: 'x-v1', decode: decodeXV1, records: fixture('x-v1'), isDerived: isUnescapedX },
  {
    name: 'nostr',
    decode: decodeNostr,
    records: fixture('nostr'),
    isDerived: (field, value, source) =>
      (field === 'id' && isJoined(value, '/', source)) ||
      (field === 'urls' && isInsideOfText(value, source)) ||
      (field === 'media' && source.strings.has(`x ${value}`)) ||
      (field === 'repostOf' && value === 'unknown'),
  },
  ...ARCHIVE_TARGETS,
];
