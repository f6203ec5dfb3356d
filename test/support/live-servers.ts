/** Servers on this machine that speak the protocols of live sources, and misbehave as they are told. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';

/** Something that listens; closes all that is open when it is closed. */
abstract class LocalServer {
  readonly http: Server;
  readonly #sockets = new Set<Socket>();

  constructor() {
    this.http = createServer();
    this.http.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  get port(): number {
    return (this.http.address() as AddressInfo).port;
  }

  async listen(): Promise<this> {
    this.http.listen(0, '127.0.0.1');
    await once(this.http, 'listening');
    return this;
  }

  /** Breaks all connections. */
  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.http.close();
    await once(this.http, 'close');
  }
}

export interface Event {
  readonly timeMs: number;
  /** As it goes over the wire. */
  readonly text: string;
}

/**
 * A Jetstream: events in order of time, replayed from an inclusive cursor in microseconds, then live. `floorMs` is how far
 * back it goes; a cursor before that is clamped.
 */
export class JetstreamServer extends LocalServer {
  readonly events: Event[] = [];
  readonly requests: URL[] = [];
  floorMs = 0;
  isSecondWire = false;
  /** Of the next upgrade requests: the answers in place of an upgrade. */
  readonly refusals: { status: number; headers?: Record<string, string>; body?: string }[] = [];
  /** Called with each connection once it is replayed. */
  onConnection: (socket: WebSocket, count: number) => void = () => undefined;
  /** Called before each event that goes out; false leaves it out, and the rest of the connection with it. */
  beforeSend: (socket: WebSocket, sent: number) => boolean = () => true;
  readonly #sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  readonly #sent = new Map<WebSocket, number>();
  connections = 0;

  constructor() {
    super();
    this.http.on('upgrade', (request, socket, head) => {
      const url = new URL(request.url!, 'http://server');
      this.requests.push(url);
      const refusal = this.refusals.shift();
      if (refusal !== undefined) {
        const { status, headers = {}, body = '' } = refusal;
        const lines = Object.entries({ ...headers, 'content-length': String(body.length) });
        socket.end(
          `HTTP/1.1 ${status} No\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`,
        );
        return;
      }
      this.#sockets.handleUpgrade(request, socket, head, (client) => this.#serve(client, url));
    });
  }

  get url(): string {
    const path = this.isSecondWire ? '/xrpc/network.bsky.jetstream.subscribeEvents' : '';
    return `jetstream:ws://127.0.0.1:${this.port}${path}`;
  }

  get clients(): readonly WebSocket[] {
    return [...this.#sent.keys()];
  }

  emit(event: Event): void {
    this.events.push(event);
    for (const socket of this.#sent.keys()) this.#send(socket, event);
  }

  #serve(socket: WebSocket, url: URL): void {
    socket.on('error', () => undefined);
    const cursor = url.searchParams.get('cursor');
    this.connections++;
    this.#sent.set(socket, 0);
    socket.on('close', () => this.#sent.delete(socket));
    if (cursor !== null) {
      const askedMs = Number(cursor) / 1000;
      if (this.isSecondWire && askedMs < this.floorMs) socket.send(OUTDATED);
      const fromMs = Math.max(askedMs, this.floorMs);
      for (const event of this.events) if (event.timeMs >= fromMs) this.#send(socket, event);
    }
    this.onConnection(socket, this.connections);
  }

  #send(socket: WebSocket, { text }: Event): void {
    const sent = this.#sent.get(socket);
    if (sent === undefined || !this.beforeSend(socket, sent)) {
      this.#sent.delete(socket);
      return;
    }
    this.#sent.set(socket, sent + 1);
    socket.send(text);
  }
}

const OUTDATED = JSON.stringify({
  $type: 'message',
  payload: {
    $type: 'network.bsky.jetstream.subscribeEvents#info',
    name: 'OutdatedCursor',
    message: 'resumed from seq 7',
  },
});

/** A post in the first wire. */
export function jetstreamPost(timeMs: number, account: string, text: string, rkey: string): Event {
  return {
    timeMs,
    text: JSON.stringify({
      did: `did:plc:${account}`,
      time_us: timeMs * 1000 + 7,
      kind: 'commit',
      commit: {
        rev: rkey,
        operation: 'create',
        collection: 'app.bsky.feed.post',
        rkey,
        cid: `cid${rkey}`,
        record: { $type: 'app.bsky.feed.post', createdAt: new Date(timeMs).toISOString(), langs: ['en'], text },
      },
    }),
  };
}

/** The same in the second wire. */
export function secondWire({ timeMs, text }: Event): Event {
  const { did, commit } = JSON.parse(text) as { did: string; commit: object };
  const payload = {
    $type: 'network.bsky.jetstream.subscribeEvents#commit',
    seq: 1,
    did,
    time: new Date(timeMs).toISOString().replace('Z', '007Z'),
    ...commit,
  };
  return { timeMs, text: JSON.stringify({ $type: 'message', payload }) };
}

/** A streaming server of the Mastodon API, and any other stream of bytes over HTTP. */
export class StreamServer extends LocalServer {
  readonly requests: IncomingMessage[] = [];
  readonly streams: ServerResponse[] = [];
  readonly refusals: { status: number; headers?: Record<string, string>; body?: string }[] = [];
  /** Told by /api/v2/instance; undefined for none. */
  streaming: string | undefined;
  contentType = 'text/event-stream';
  onStream: (response: ServerResponse, count: number) => void = () => undefined;

  constructor() {
    super();
    this.http.on('request', (request: IncomingMessage, response: ServerResponse) => {
      if (request.url === '/api/v2/instance') {
        response.end(JSON.stringify({ configuration: { urls: { streaming: this.streaming } } }));
        return;
      }
      this.requests.push(request);
      const refusal = this.refusals.shift();
      if (refusal !== undefined) {
        response.writeHead(refusal.status, refusal.headers).end(refusal.body ?? '');
        return;
      }
      response.writeHead(200, { 'content-type': this.contentType });
      response.flushHeaders();
      this.streams.push(response);
      this.onStream(response, this.streams.length);
    });
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }
}

export function sse(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
}

export function mastodonStatus(id: string, account: string, text: string, createdMs: number): Record<string, unknown> {
  return {
    id,
    uri: `https://m.example/users/${account}/statuses/${id}`,
    created_at: new Date(createdMs).toISOString(),
    edited_at: null,
    visibility: 'public',
    language: 'en',
    content: `<p>${text}</p>`,
    reblog: null,
    mentions: [],
    media_attachments: [],
    account: {
      id: `1${account}`,
      acct: account,
      url: `https://m.example/@${account}`,
      created_at: '2020-01-01T00:00:00.000Z',
    },
  };
}
