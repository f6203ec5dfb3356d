/**
 * One websocket connection as batches of messages. Messages wait in a queue of bounded bytes; when it is full the socket is
 * paused, and goes on when half of it was taken.
 */
import { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { WebSocket, type RawData } from 'ws';
import { FeedLost, lostBy } from './fault.ts';
import type { Attempt } from './source.ts';
import { ANSWER_BYTES_MAX, faultOfStatus } from './status.ts';

/** Above what a record may have: what is longer than that and below this is told as a record that is too long. */
const MESSAGE_FACTOR = 16;
const HANDSHAKE_MS = 20_000;

export interface SocketAddress {
  /** For messages to people. */
  readonly name: string;
  readonly url: string;
  readonly subprotocol?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether the answer to a ping shows that a silent feed is alive; not where a feed is never silent. */
  readonly isSilenceAlive: boolean;
}

export async function* socketMessages(address: SocketAddress, attempt: Attempt): AsyncGenerator<Buffer[]> {
  const connection = new SocketConnection(address, attempt);
  try {
    for (;;) {
      const messages = await connection.next();
      if (messages === undefined) return;
      yield messages;
    }
  } finally {
    connection.close();
  }
}

class SocketConnection {
  readonly #address: SocketAddress;
  readonly #attempt: Attempt;
  readonly #socket: WebSocket;
  readonly #watch: NodeJS.Timeout;
  #queue: Buffer[] = [];
  #queueBytes = 0;
  #heardMs = performance.now();
  #isOpen = false;
  #isPaused = false;
  #end: Error | undefined;
  #wake: () => void = () => undefined;

  constructor(address: SocketAddress, attempt: Attempt) {
    this.#address = address;
    this.#attempt = attempt;
    const { options, signal } = attempt;
    const socket = new WebSocket(address.url, address.subprotocol === undefined ? [] : [address.subprotocol], {
      headers: { ...address.headers },
      handshakeTimeout: HANDSHAKE_MS,
      // A small frame may hold a large message: nothing is unpacked that the bound was not asked for.
      perMessageDeflate: false,
      maxPayload: options.recordBytesMax * MESSAGE_FACTOR,
    });
    this.#socket = socket;
    socket.on('open', this.#onOpen);
    socket.on('message', this.#onMessage);
    socket.on('ping', this.#onControl);
    socket.on('pong', this.#onControl);
    socket.on('unexpected-response', (_request, response) => void this.#onAnswer(response));
    socket.on('error', this.#onError);
    socket.on('close', (code) => {
      // 1006 stands for no closing frame at all.
      this.#finish(new FeedLost(code === 1006 ? 'reset' : 'closed', `closed by the server (${code})`));
    });
    signal.addEventListener('abort', this.#onAbort, { once: true });
    if (signal.aborted) this.#onAbort();
    this.#watch = setInterval(this.#look, Math.max(10, options.idleMs / 4));
  }

  /** What has come, as soon as there is some; undefined after the signal. @throws FeedLost, ChorusError */
  async next(): Promise<Buffer[] | undefined> {
    while (this.#queue.length === 0) {
      if (this.#attempt.signal.aborted) return undefined;
      if (this.#end !== undefined) throw this.#end;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    const messages = this.#queue;
    this.#queue = [];
    this.#setQueueBytes(0);
    if (this.#isPaused && this.#socket.readyState === WebSocket.OPEN) {
      this.#isPaused = false;
      this.#heardMs = performance.now();
      this.#socket.resume();
    }
    return messages;
  }

  close(): void {
    clearInterval(this.#watch);
    this.#attempt.signal.removeEventListener('abort', this.#onAbort);
    this.#setQueueBytes(0);
    // Without a listener what comes of it would end the process.
    this.#socket.removeAllListeners();
    this.#socket.on('error', () => undefined);
    this.#socket.terminate();
  }

  readonly #onOpen = (): void => {
    this.#isOpen = true;
    this.#heardMs = performance.now();
    this.#attempt.onOpen();
  };

  readonly #onMessage = (data: RawData): void => {
    const message = Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data as Buffer);
    const { options, counters } = this.#attempt;
    this.#heardMs = performance.now();
    counters.bytes += message.length;
    this.#queue.push(message);
    this.#setQueueBytes(this.#queueBytes + message.length);
    if (this.#queueBytes >= options.queueBytesMax && !this.#isPaused) {
      this.#isPaused = true;
      counters.pauses++;
      this.#socket.pause();
    }
    this.#wake();
  };

  readonly #onControl = (): void => {
    if (this.#address.isSilenceAlive) this.#heardMs = performance.now();
  };

  readonly #onError = (error: Error): void => {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') {
      const bound = this.#attempt.options.recordBytesMax * MESSAGE_FACTOR;
      this.#finish(new FeedLost('too_large', `a message of more than ${bound} bytes`));
    } else if (code?.startsWith('WS_ERR_') === true) this.#finish(new FeedLost('protocol', error.message));
    else this.#finish(lostBy(error, this.#isOpen));
  };

  readonly #onAbort = (): void => {
    this.#queue = [];
    this.#wake();
  };

  readonly #look = (): void => {
    const silentMs = performance.now() - this.#heardMs;
    const { idleMs } = this.#attempt.options;
    // Before it is open the time-out of the handshake holds; paused it is we who are slow.
    if (!this.#isOpen || this.#isPaused) return;
    if (silentMs >= idleMs) this.#finish(new FeedLost('stalled', `nothing came for ${idleMs} ms`));
    else if (silentMs >= idleMs / 2 && this.#address.isSilenceAlive) this.#socket.ping();
  };

  async #onAnswer(response: IncomingMessage): Promise<void> {
    const { statusCode = 0, headers } = response;
    let answer = '';
    try {
      response.setTimeout(HANDSHAKE_MS, () => response.destroy());
      for await (const chunk of response) {
        answer += String(chunk);
        if (answer.length >= ANSWER_BYTES_MAX) break;
      }
    } catch {
      // The status says enough.
    }
    this.#finish(faultOfStatus(this.#address.name, statusCode, headers['retry-after'], answer, this.#attempt.nowMs()));
  }

  /** The first reason counts; the ones after it are its doing. */
  #finish(end: Error): void {
    this.#end ??= end;
    this.#wake();
  }

  #setQueueBytes(bytes: number): void {
    this.#queueBytes = bytes;
    this.#attempt.counters.queueBytes = bytes;
  }
}
