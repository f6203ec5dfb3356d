/** What people write for a live source, into the protocol that reads it. */
import { isRecordFormat, RECORD_FORMATS, type Format, type RecordFormat } from '../formats/format.ts';
import { Jetstream, JETSTREAM_DEFAULT } from './jetstream.ts';
import { isStreamable, LineStream } from './lines.ts';
import { Mastodon } from './mastodon.ts';
import type { Protocol } from './source.ts';

const SOURCE_FORMS =
  'jetstream, jetstream:wss://HOST[/PATH], mastodon:HOST[/local|/remote|/hashtag/TAG], or a ws, wss, http or https URL with --format';

export type ParsedSource =
  | { readonly protocol: (token: () => string | undefined) => Protocol; readonly isSecret: boolean }
  /** What is wrong, as the bound of a problem. */
  | { readonly bound: string };

/** Is it meant as a live source, rather than as the name of a file? */
export function isLiveSource(text: string): boolean {
  return /^(?:jetstream$|(?:jetstream|mastodon):|(?:wss?|https?):\/\/)/i.test(text);
}

/** @param format what a URL gives; the others say it by themselves */
export function parseSource(text: string, format?: Format): ParsedSource {
  const [, kind, rest] = /^(jetstream|mastodon)(?::(.+))?$/i.exec(text) ?? [];
  if (kind?.toLowerCase() === 'jetstream') return jetstream(rest ?? JETSTREAM_DEFAULT, format);
  if (kind !== undefined) return mastodon(rest ?? '', format);
  const url = urlOf(text, /^(?:wss?|https?):$/);
  if (url === undefined) return { bound: `${SOURCE_FORMS}; without a user name or password in it` };
  if (format === undefined || !isRecordFormat(format) || !isStreamable(format)) {
    const streamed = RECORD_FORMATS.filter(isStreamable).join(', ');
    return { bound: `given with --format, one of ${streamed} (Jetstream: jetstream:${text})` };
  }
  return { protocol: (token) => new LineStream(url, format, token), isSecret: isSecret(url) };
}

function jetstream(address: string, format: Format | undefined): ParsedSource {
  const url = urlOf(address, /^wss?:$/);
  if (url === undefined) return { bound: 'jetstream:wss://HOST[/PATH]' };
  return mismatch('jetstream', format) ?? { protocol: () => new Jetstream(url), isSecret: isSecret(url) };
}

function mastodon(address: string, format: Format | undefined): ParsedSource {
  const url = urlOf(address.includes('://') ? address : `https://${address}`, /^https?:$/);
  const stream = url === undefined ? undefined : streamOf(url.pathname);
  if (url === undefined || stream === undefined) {
    return { bound: 'mastodon:HOST, mastodon:HOST/local, mastodon:HOST/remote or mastodon:HOST/hashtag/TAG' };
  }
  return (
    mismatch('mastodon', format) ?? {
      protocol: (token) => new Mastodon(url.origin, stream, token),
      isSecret: isSecret(url),
    }
  );
}

function streamOf(path: string): string | undefined {
  const parts = path.split('/').filter((part) => part !== '');
  const [first, second, ...more] = parts[0] === 'public' ? parts.slice(1) : parts;
  if (first === undefined) return 'public';
  if (first === 'hashtag' && second !== undefined && more.length === 0) return `hashtag?tag=${second}`;
  return (first === 'local' || first === 'remote') && second === undefined ? `public/${first}` : undefined;
}

function mismatch(own: RecordFormat, format: Format | undefined): ParsedSource | undefined {
  return format === undefined || format === own ? undefined : { bound: `given with --format ${own}, or without` };
}

/** Without credentials, which would end up in logs and messages. */
function urlOf(text: string, protocols: RegExp): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isGood = url !== undefined && protocols.test(url.protocol) && url.username === '' && url.password === '';
  return isGood ? url : undefined;
}

/** May a token go there? Encrypted, or to this machine. */
function isSecret({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || protocol === 'wss:' || /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname);
}
