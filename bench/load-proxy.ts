/**
 * A broker that is far away: a TCP proxy that holds every piece back for a time, and the way to send a process through it.
 *
 * A broker tells clients its own address, so they would pass by a proxy. This file is therefore loaded into the process as well
 * (`--import`), where connections to the broker's port go to that of the proxy.
 */
import { once } from 'node:events';
import { createServer, connect, Socket, type AddressInfo } from 'node:net';

const REDIRECT = 'CHORUS_BENCH_REDIRECT';

export interface Proxy {
  /** For the environment of the process that is to go through it. */
  readonly environment: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

export async function startProxy(port: number, delayMs: number): Promise<Proxy> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect({ port, host: '127.0.0.1' });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.setNoDelay(true);
      from.on('data', (piece) => void setTimeout(() => to.write(piece), delayMs));
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        setTimeout(() => to.destroy(), delayMs);
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: own } = server.address() as AddressInfo;
  return {
    environment: { [REDIRECT]: `${port}:${own}` },
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

interface Target {
  port?: number | string;
}

function redirect([from, to]: readonly string[]): void {
  // oxlint-disable-next-line typescript/unbound-method -- called with the socket below
  const plain = Socket.prototype.connect as (this: Socket, ...args: unknown[]) => Socket;
  Socket.prototype.connect = function connectElsewhere(this: Socket, ...args: unknown[]): Socket {
    // net.connect hands over its arguments in an array, with the options first.
    const target = (Array.isArray(args[0]) ? args[0][0] : args[0]) as Target;
    if (String(target.port) === from) target.port = Number(to);
    return plain.apply(this, args);
  };
}

const asked = process.env[REDIRECT];
if (asked !== undefined) redirect(asked.split(':'));
