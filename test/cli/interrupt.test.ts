/** A signal that comes while a command is still being loaded. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { constants } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { finish, ROOT, start, type Outcome } from '../support/command.ts';
import { temporaryFolder } from '../support/feeds.ts';
import { JetstreamServer } from '../support/live-servers.ts';

const folder = temporaryFolder();
const preload = join(folder, 'preload.mjs');
const config = join(folder, 'chorus.yaml');
let broker: Server;
let connections = 0;
let jetstream: JetstreamServer;

/** The signal comes as soon as anybody listens to it. */
const SOON = `
const soon = (event) => {
  if (event !== 'SIGTERM') return;
  process.off('newListener', soon);
  setImmediate(() => process.kill(process.pid, 'SIGTERM'));
};
process.on('newListener', soon);
`;

beforeAll(async () => {
  writeFileSync(preload, SOON);
  jetstream = await new JetstreamServer().listen();
  // Takes connections, and says nothing.
  broker = createServer((socket) => {
    connections++;
    socket.on('error', () => undefined);
  }).listen(0, '127.0.0.1');
  await once(broker, 'listening');
  const { port } = broker.address() as AddressInfo;
  writeFileSync(
    config,
    `kafka: { brokers: "127.0.0.1:${port}", topic: posts }\nfeed: { source: "${jetstream.url}" }\n`,
  );
});
afterAll(async () => {
  broker.close();
  await jetstream.close();
});

const early = { NODE_OPTIONS: `--import ${preload}` };

describe('a signal while a command is being loaded', () => {
  test.each([['run'], ['ingest']])('ends chorus %s with 0, before any broker is asked', async (command) => {
    connections = 0;
    const { code, stderr } = await finish(start([command, '--config', config], early));
    expect([code, stderr.includes('cannot')]).toEqual([0, false]);
    expect(connections).toBe(0);
    expect(jetstream.connections).toBe(0);
  });

  test('ends chorus watch with 0', async () => {
    const { code, stderr } = await finish(start(['watch', jetstream.url], early));
    expect([code, stderr]).toEqual([0, expect.stringContaining('0 posts') as string]);
  });

  function installed(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Outcome> {
    const child = spawn(process.execPath, [join(ROOT, 'bin/chorus.js'), ...args], {
      cwd: ROOT,
      env: { ...process.env, ...env },
    });
    child.stdin.end();
    return finish(child);
  }

  test.each([['run'], ['ingest'], ['watch']])(
    'ends bin/chorus.js %s with 0, before anything is read',
    async (command) => {
      const { code, stdout, stderr } = await installed([command, '--config', join(folder, 'none.yaml')], early);
      expect([code, stdout, stderr]).toEqual([0, '', '']);
    },
  );

  test('is left to the system where a command comes to an end by itself', async () => {
    const now = join(folder, 'now.mjs');
    writeFileSync(now, "setImmediate(() => process.kill(process.pid, 'SIGTERM'));");
    const { code } = await installed(['replay', '-'], { NODE_OPTIONS: `--import ${now}` });
    expect(code).toBe(128 + constants.signals.SIGTERM);
  });
});
