/**
 * The sockets of one kafkajs client, so that they can be closed. kafkajs waits for the answers to all its requests before it
 * closes one, half a minute for a broker that hangs.
 */
import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { sleepUntil } from './wire.ts';

const KEEP_ALIVE_MS = 60_000;
const CLOSE_MS = 500;
const CLOSED = 'closed by this side';

interface SocketFields {
  readonly host: string;
  readonly port: number;
  /** kafkajs gives null where none is set. */
  readonly ssl?: ConnectionOptions | boolean | null;
  readonly onConnect: () => void;
}

export class Sockets {
  readonly #open = new Set<Socket>();
  #closed = false;

  /** Given to kafkajs as its socketFactory. */
  readonly factory = ({ host, port, ssl, onConnect }: SocketFields): Socket => {
    // An address has no name to ask a certificate for.
    const name = isIP(host) === 0 ? { servername: host } : {};
    const socket =
      ssl === undefined || ssl === null || ssl === false
        ? connectPlain({ host, port }, onConnect)
        : connectTls({ host, port, ...name, ...(ssl === true ? {} : ssl) }, onConnect);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    // Each write is a whole request; none should wait for the acknowledgement of the one before.
    socket.setNoDelay(true);
    // While a broker is away kafkajs closes a dead socket again for each request, and each time a listener stays on it.
    socket.setMaxListeners(0);
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    // A retry of kafkajs that was waiting when all was closed.
    if (this.#closed) socket.destroy(new Error(CLOSED));
    return socket;
  };

  /** Closes in order if that takes no time, else at once; requests without an answer fail then. */
  async close(disconnect: () => Promise<void>): Promise<void> {
    this.#closed = true;
    const bound = new AbortController();
    const inOrder = await Promise.race([
      disconnect().then(
        () => true,
        () => false,
      ),
      sleepUntil(CLOSE_MS, bound.signal).then(() => false),
    ]);
    bound.abort();
    // kafkajs notices only an error; without one its requests would wait for their time-out.
    for (const socket of this.#open) socket.destroy(inOrder ? undefined : new Error(CLOSED));
  }
}
