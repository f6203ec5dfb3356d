/** One HTTP stream as chunks, read no faster than they are taken: what is not read yet waits on the other side. */
import { Buffer } from 'node:buffer';
import { ChorusError } from '../../errors.ts';
import { FeedLost, lostBy } from './fault.ts';
import type { Attempt } from './source.ts';
import { ANSWER_BYTES_MAX, faultOfStatus } from './status.ts';

const CONNECT_MS = 20_000;

export interface StreamAddress {
  /** For messages to people. */
  readonly name: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Ends when the server ends the stream, or with the signal. @throws FeedLost, ChorusError */
export async function* httpChunks(address: StreamAddress, attempt: Attempt): AsyncGenerator<Uint8Array> {
  const { counters, onOpen, signal, options } = attempt;
  const ending = new AbortController();
  const end = (): void => ending.abort();
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  let isOpen = false;
  try {
    const response = await within(CONNECT_MS, fetch(address.url, { headers: address.headers, signal: ending.signal }));
    if (!response.ok || response.body === null) throw await faultOf(address, response, attempt.nowMs());
    isOpen = true;
    onOpen();
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await within(options.idleMs, reader.read());
      if (done) return;
      counters.bytes += value.length;
      yield value;
    }
  } catch (error) {
    if (signal.aborted) return;
    throw error instanceof FeedLost || error instanceof ChorusError ? error : lostBy(error, isOpen);
  } finally {
    signal.removeEventListener('abort', end);
    end();
  }
}

/** @throws FeedLost `stalled` */
async function within<T>(boundMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new FeedLost('stalled', `nothing came for ${boundMs} ms`)), boundMs);
  });
  // What comes of it after the time is over is of no concern.
  work.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function faultOf(address: StreamAddress, response: Response, nowMs: number): Promise<Error> {
  let answer = '';
  try {
    const reader = response.body!.getReader();
    while (answer.length < ANSWER_BYTES_MAX) {
      const { done, value } = await within(CONNECT_MS, reader.read());
      if (done) break;
      answer += Buffer.from(value).toString('utf8');
    }
  } catch {
    // The status says enough.
  }
  return faultOfStatus(address.name, response.status, response.headers.get('retry-after') ?? undefined, answer, nowMs);
}
