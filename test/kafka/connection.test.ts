/** Connections of kafkajs as this adapter mends them, against a server that breaks off its answers. */
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { KafkaClient } from '../../src/kafka/client.ts';

interface Connection {
  connect(): Promise<boolean>;
  disconnect(): Promise<boolean>;
  send(protocol: object): Promise<Buffer>;
}
type ConnectionClass = new (options: object) => Connection;

const require = createRequire(import.meta.url);
const KafkajsConnection = require('kafkajs/src/network/connection.js') as ConnectionClass;
const Encoder = require('kafkajs/src/protocol/encoder.js') as new () => object;

let server: Server | undefined;
afterEach(() => server?.close());

async function serve(onRequest: (socket: Socket, request: Buffer, nth: number) => void): Promise<number> {
  let connections = 0;
  server = createServer((socket) => {
    const nth = connections++;
    socket.on('error', () => undefined);
    socket.on('data', (request) => onRequest(socket, request, nth));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** As much as kafkajs looks at of a request: its correlation id. */
function answerTo(request: Buffer, payload: Buffer): Buffer {
  const answer = Buffer.alloc(8 + payload.length);
  answer.writeInt32BE(4 + payload.length, 0);
  answer.writeInt32BE(request.readInt32BE(8), 4);
  payload.copy(answer, 8);
  return answer;
}

function connectionTo(port: number): Connection {
  // Mends kafkajs.
  void new KafkaClient({ brokers: [`127.0.0.1:${port}`], clientId: 'test' });
  const log = { namespace: () => log, info: () => {}, error: () => {}, warn: () => {}, debug: () => {} };
  const socketFactory = (to: { host: string; port: number; onConnect: () => void }): Socket =>
    connect({ host: to.host, port: to.port }, to.onConnect);
  const options = { host: '127.0.0.1', port, logger: log, socketFactory };
  return new KafkajsConnection({ ...options, connectionTimeout: 1000, requestTimeout: 2000 });
}

const REQUEST = {
  request: { apiKey: 18, apiVersion: 0, apiName: 'test', encode: () => Promise.resolve(new Encoder()) },
  response: { decode: (bytes: Buffer) => Promise.resolve(bytes), parse: (bytes: Buffer) => Promise.resolve(bytes) },
};

test.each([2, 4, 7, 20])('after an answer that broke off behind %i bytes, the next one is read', async (bytes) => {
  const payload = Buffer.from('an answer of thirty-one bytes..');
  const port = await serve((socket, request, nth) => {
    const answer = answerTo(request, payload);
    if (nth === 0) socket.end(answer.subarray(0, bytes));
    else socket.write(answer);
  });
  const connection = connectionTo(port);
  try {
    await connection.connect();
    await expect(connection.send(REQUEST)).rejects.toThrow('Closed connection');
    await connection.connect();
    expect(await connection.send(REQUEST)).toEqual(payload);
    expect(await connection.send(REQUEST)).toEqual(payload);
  } finally {
    await connection.disconnect();
  }
});
