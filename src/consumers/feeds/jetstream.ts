/**
 * Bluesky's Jetstream over a websocket, both wires: `/subscribe`, and `/xrpc/network.bsky.jetstream.subscribeEvents`.
 * https://github.com/bluesky-social/jetstream
 *
 * Its cursor is a time in microseconds, inclusive. Sequence numbers are not used: each server has its own, and a client that
 * comes to another one would go on from somewhere else.
 */
import type { Buffer } from 'node:buffer';
import { isJsonObject, parseJson } from '../formats/checks.ts';
import { parseTimeMs } from '../formats/time.ts';
import { tooLong, SAMPLE_BYTES, type CutRecord } from '../records.ts';
import { FeedLost } from './fault.ts';
import type { Attempt, Protocol } from './source.ts';
import { socketMessages } from './websocket.ts';

const FIRST_PATH = '/subscribe';
const SECOND_PATH = '/xrpc/network.bsky.jetstream.subscribeEvents';
const POSTS = 'app.bsky.feed.post';
const US_PER_MS = 1000;

export const JETSTREAM_DEFAULT = 'wss://jetstream2.us-east.bsky.network/subscribe';

export class Jetstream implements Protocol {
  readonly format = 'jetstream';
  readonly isResumable = true;
  readonly name: string;
  readonly #url: URL;
  readonly #isSecondWire: boolean;

  /** @param url ws or wss; its path tells the wire, and without one it is the first */
  constructor(url: URL) {
    this.#url = new URL(url);
    if (url.pathname === '/') this.#url.pathname = FIRST_PATH;
    this.#isSecondWire = this.#url.pathname === SECOND_PATH;
    this.name = `jetstream:${this.#url.origin === 'null' ? `${url.protocol}//${url.host}` : this.#url.origin}${this.#url.pathname}`;
  }

  async *connect(attempt: Attempt): AsyncGenerator<readonly CutRecord[]> {
    const { recordBytesMax } = attempt.options;
    const address = {
      name: this.name,
      url: this.#addressFrom(attempt.fromMs, recordBytesMax),
      // Somebody posts every second: a server that only answers pings has stopped.
      isSilenceAlive: false,
      ...(this.#isSecondWire ? { subprotocol: 'xrpc.v1.json' } : {}),
    };
    for await (const messages of socketMessages(address, attempt)) {
      const records = messages.map((message) => cut(message, recordBytesMax));
      if (!this.#isSecondWire) {
        yield records;
        continue;
      }
      const end = records.findIndex((record) => isErrorFrame(record));
      if (records.some((record) => isOutdated(record))) attempt.onClamped();
      yield end < 0 ? records : records.slice(0, end);
      if (end >= 0) throw new FeedLost('busy', 'the server has sent an error frame');
    }
  }

  timeOf({ bytes, fault }: CutRecord): number | undefined {
    const event = fault === undefined ? parseJson(bytes.toString('utf8')) : undefined;
    if (!isJsonObject(event)) return undefined;
    if (!this.#isSecondWire) {
      const { time_us: timeUs } = event;
      return Number.isSafeInteger(timeUs) && (timeUs as number) > 0
        ? Math.floor((timeUs as number) / US_PER_MS)
        : undefined;
    }
    const { payload } = event;
    return isJsonObject(payload) ? parseTimeMs(payload['time']) : undefined;
  }

  #addressFrom(fromMs: number | undefined, bytesMax: number): string {
    const url = new URL(this.#url);
    const { searchParams } = url;
    if (this.#isSecondWire) {
      searchParams.append('kinds', 'commit');
      searchParams.append('collections', POSTS);
    } else searchParams.append('wantedCollections', POSTS);
    searchParams.set('maxMessageSizeBytes', String(bytesMax));
    if (fromMs !== undefined) searchParams.set('cursor', String(fromMs * US_PER_MS));
    return url.href;
  }
}

function cut(message: Buffer, bytesMax: number): CutRecord {
  if (message.length <= bytesMax) return { bytes: message, number: 0 };
  return { bytes: message.subarray(0, SAMPLE_BYTES), number: 0, fault: tooLong('message', bytesMax) };
}

function isErrorFrame({ bytes }: CutRecord): boolean {
  if (!bytes.includes('"error"')) return false;
  const frame = parseJson(bytes.toString('utf8'));
  return isJsonObject(frame) && frame['$type'] === 'error';
}

function isOutdated({ bytes }: CutRecord): boolean {
  if (!bytes.includes('#info')) return false;
  const frame = parseJson(bytes.toString('utf8'));
  const payload = isJsonObject(frame) ? frame['payload'] : undefined;
  const type = isJsonObject(payload) ? payload['$type'] : undefined;
  return typeof type === 'string' && type.endsWith('#info');
}
