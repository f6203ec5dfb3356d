/** Stands between a client and a registry: counts requests, and is the outage where a test needs one. */
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

export class RegistryProxy {
  /** Method and path of each request that came in. */
  readonly requests: string[] = [];
  /** Base URL of the registry; another one after a restart. */
  target: string;
  /** Takes requests and never answers. */
  isHanging = false;
  #server: Server | undefined;
  #port = 0;

  constructor(target: string) {
    this.target = target;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}${new URL(this.target).pathname}`;
  }

  /** The same port each time. */
  async start(): Promise<void> {
    this.#server = createServer((incoming, outgoing) => this.#forward(incoming, outgoing));
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Connections are refused from now on. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  #forward(incoming: IncomingMessage, outgoing: ServerResponse): void {
    this.requests.push(`${incoming.method} ${incoming.url}`);
    if (this.isHanging) return;
    const { hostname, port } = new URL(this.target);
    const { method, url: path, headers } = incoming;
    const forwarded = request({ hostname, port, method, path, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(outgoing);
    });
    forwarded.on('error', () => outgoing.destroy());
    incoming.pipe(forwarded);
  }
}
