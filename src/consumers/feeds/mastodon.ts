/**
 * Mastodon's streaming API as server-sent events: public, local, remote and hashtag streams, with a user's token.
 * https://docs.joinmastodon.org/methods/streaming/
 *
 * There is no cursor: what is sent while nobody listens is gone. A deletion names the id that a status has on this instance;
 * the address of those seen lately is remembered and put in its place, since that is what posts are known by.
 */
import { Buffer, isUtf8 } from 'node:buffer';
import { LRUCache } from 'lru-cache';
import { ServerEventSplitter, type ServerEvent } from '../events.ts';
import { isJsonObject, parseJson } from '../formats/checks.ts';
import { rejection, tooLong, type CutRecord } from '../records.ts';
import { httpChunks } from './http.ts';
import type { Attempt, Protocol } from './source.ts';

/** Some hours of a large instance; 40 MB of addresses. */
const ADDRESSES_MAX = 200_000;
const LOOKUP_MS = 10_000;
const LOOKUP_BYTES_MAX = 1_000_000;

export class Mastodon implements Protocol {
  readonly format = 'mastodon';
  readonly isResumable = false;
  readonly name: string;
  readonly #origin: string;
  readonly #path: string;
  readonly #token: () => string | undefined;
  readonly #addresses = new LRUCache<string, string>({ max: ADDRESSES_MAX });
  #streaming: string | undefined;

  /**
   * @param stream as in the address of the API: `public`, `public/local`, `public/remote`, `hashtag?tag=news`
   * @param token asked for at each connection
   */
  constructor(origin: string, stream: string, token: () => string | undefined) {
    this.#origin = origin;
    this.#path = `/api/v1/streaming/${stream}`;
    this.#token = token;
    this.name = `mastodon:${origin}/${stream}`;
  }

  async *connect(attempt: Attempt): AsyncGenerator<readonly CutRecord[]> {
    this.#streaming ??= await streamingOrigin(this.#origin, attempt.signal);
    const token = this.#token();
    const headers = {
      accept: 'text/event-stream',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
    const address = { name: this.name, url: this.#streaming + this.#path, headers };
    const splitter = new ServerEventSplitter(attempt.options.recordBytesMax);
    for await (const chunk of httpChunks(address, attempt)) {
      // No events too: a heartbeat shows until when nothing is missing.
      yield splitter.push(chunk).map((event) => this.#record(event, attempt));
    }
  }

  timeOf(): undefined {
    return undefined;
  }

  #record({ name, data, isTooLong, line }: ServerEvent, { options, nowMs }: Attempt): CutRecord {
    if (isTooLong) return { bytes: data, number: line, fault: tooLong('event', options.recordBytesMax) };
    if (!isUtf8(data)) return { bytes: data, number: line, fault: rejection('invalid_utf8', 'the event is not UTF-8') };
    const payload = data.toString('utf8');
    if (name === 'delete') {
      const id = payload.trim();
      return recordOf({ event: name, payload: this.#addresses.get(id) ?? id, time: nowMs() }, line);
    }
    if (name === 'update' || name === 'status.update') this.#remember(payload);
    return recordOf({ event: name, payload }, line);
  }

  #remember(payload: string): void {
    const status = parseJson(payload);
    if (!isJsonObject(status)) return;
    const { id, uri } = status;
    if (typeof id === 'string' && typeof uri === 'string') this.#addresses.set(id, uri);
  }
}

function recordOf(event: object, line: number): CutRecord {
  return { bytes: Buffer.from(JSON.stringify(event)), number: line };
}

/** Large instances stream from a host of its own, which they tell; without an answer it is the instance itself. */
async function streamingOrigin(origin: string, signal: AbortSignal): Promise<string> {
  try {
    const bounds = AbortSignal.any([signal, AbortSignal.timeout(LOOKUP_MS)]);
    const response = await fetch(`${origin}/api/v2/instance`, { signal: bounds });
    const text = response.ok ? await boundedText(response) : '';
    return toldOrigin(parseJson(text), origin) ?? origin;
  } catch {
    return origin;
  }
}

async function boundedText(response: Response): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) {
    bytes += piece.length;
    if (bytes > LOOKUP_BYTES_MAX) return '';
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

function toldOrigin(instance: unknown, origin: string): string | undefined {
  const configuration = isJsonObject(instance) ? instance['configuration'] : undefined;
  const urls = isJsonObject(configuration) ? configuration['urls'] : undefined;
  const streaming = isJsonObject(urls) ? urls['streaming'] : undefined;
  if (typeof streaming !== 'string' || !URL.canParse(streaming)) return undefined;
  const url = new URL(streaming);
  const isSecure = url.protocol === 'wss:' || url.protocol === 'https:';
  // The token goes there: never in the clear where the instance itself is asked in secret.
  if (!isSecure && origin.startsWith('https:')) return undefined;
  return `${isSecure ? 'https' : 'http'}://${url.host}`;
}
