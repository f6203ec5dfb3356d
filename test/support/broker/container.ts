/** A broker from the official image, where a Docker engine answers and has the image or can pull it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Socket } from 'node:net';
import type { ContainerRuntimeClient } from 'testcontainers';
import type { Broker, BrokerOptions } from './broker.ts';
import { answers, CLUSTER_ID, HEAP_MB, nodeProperties, QUICK_JVM } from './node-settings.ts';
import { KAFKA } from './pins.ts';
import { freePort } from './service.ts';

/** Of the same version as the jars. */
const OFFICIAL_IMAGE = `apache/kafka:${KAFKA.find(({ path }) => path.includes('/kafka_2.13/'))!
  .path.split('/')
  .at(-2)}`;
/** For the engine to answer, and for the registry of images to begin with the image: jars are there in less. */
const DECIDE_TIMEOUT_MS = 5000;
const PULL_TIMEOUT_MS = 180_000;
const READY_TIMEOUT_MS = 60_000;
const READY_POLL_MS = 100;

/** Resolves to a reason where this way is closed. @throws Error where it is open and the broker does not come up. */
export async function startContainerBroker(options: BrokerOptions): Promise<Broker | string> {
  if (!mayHaveEngine()) return 'no Docker engine';
  // What would remove containers after us is an image of its own, which may not be to be had; a guard does it here.
  process.env.TESTCONTAINERS_RYUK_DISABLED ??= 'true';
  const { getContainerRuntimeClient } = await import('testcontainers');
  const image = process.env.CHORUS_TEST_KAFKA_IMAGE || OFFICIAL_IMAGE;
  let client: ContainerRuntimeClient;
  try {
    client = await within(DECIDE_TIMEOUT_MS, getContainerRuntimeClient());
  } catch (error) {
    return `no Docker engine answers (${(error as Error).message})`;
  }
  try {
    await bring(client, image);
  } catch (error) {
    return `Docker has no image ${image} and cannot pull it (${(error as Error).message})`;
  }
  return run(client, image, options);
}

/** Where testcontainers would look. Loading it takes a second, which most runs without Docker need not pay. */
function mayHaveEngine(): boolean {
  if (process.platform === 'win32') return true;
  if (process.env.DOCKER_HOST || process.env.TESTCONTAINERS_HOST_OVERRIDE) return true;
  const home = homedir();
  return [
    '/var/run/docker.sock',
    ...(process.env.XDG_RUNTIME_DIR ? [join(process.env.XDG_RUNTIME_DIR, 'docker.sock')] : []),
    join(home, '.docker/run/docker.sock'),
    join(home, '.docker/desktop/docker.sock'),
    `/run/user/${userInfo().uid}/docker.sock`,
    join(home, '.testcontainers.properties'),
  ].some((path) => existsSync(path));
}

async function within<T>(timeoutMs: number, promise: Promise<T>): Promise<T> {
  const over = new AbortController();
  const late = sleep(timeoutMs, undefined, { signal: over.signal }).then(() => {
    throw new Error(`no answer within ${timeoutMs} ms`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    late.catch(() => undefined);
    over.abort();
  }
}

async function bring({ container }: ContainerRuntimeClient, image: string): Promise<void> {
  const { dockerode } = container;
  const found = await within(DECIDE_TIMEOUT_MS, dockerode.listImages({ filters: { reference: [image] } }));
  if (found.length > 0) return;
  // The stream begins when the registry has named the image.
  const progress = await within(DECIDE_TIMEOUT_MS, dockerode.pull(image));
  const pulled = new Promise<void>((resolve, reject) => {
    dockerode.modem.followProgress(progress, (error: Error | null) => (error === null ? resolve() : reject(error)));
  });
  await within(PULL_TIMEOUT_MS, pulled);
}

async function run(client: ContainerRuntimeClient, image: string, options: BrokerOptions): Promise<Broker> {
  const { GenericContainer, Wait } = await import('testcontainers');
  const port = await freePort();
  const { host } = client.info.containerRuntime;
  // The port is published for IPv4, and localhost may be ::1 first.
  const address = `${host === 'localhost' ? '127.0.0.1' : host}:${port}`;
  const started = await new GenericContainer(image)
    .withExposedPorts({ container: 9092, host: port })
    .withEnvironment(environment(address, options))
    // We ask the broker itself, below.
    .withWaitStrategy(Wait.forAll([]))
    .start();
  const container = client.container.getById(started.getId());
  const watcher = guard(client, started.getId());
  const stop = async () => {
    await container.remove({ force: true, v: true }).catch((error: { statusCode?: number }) => {
      // Stopped twice, or someone has cleared away.
      if (error.statusCode !== 404) throw error;
    });
    watcher.kill('SIGKILL');
  };
  const ready = async () => {
    const deadlineMs = Date.now() + READY_TIMEOUT_MS;
    while (!(await answers([address]).catch(() => false))) {
      const { State: state } = await container.inspect();
      if (state.Running && Date.now() < deadlineMs) await sleep(READY_POLL_MS);
      else throw new Error(`${image} ${state.Status}, no answer. The end of its log:\n${await logOf(container)}`);
    }
  };
  try {
    await ready();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    bootstrap: [address],
    way: 'container',
    stop,
    kill: async () => void (await container.kill()),
    restart: async () => {
      await container.restart();
      await ready();
    },
    pause: async () => void (await container.pause()),
    resume: async () => void (await container.unpause()),
  };
}

async function logOf(container: ReturnType<ContainerRuntimeClient['container']['getById']>): Promise<string> {
  const frames = await container.logs({ stdout: true, stderr: true, tail: 40 });
  let text = '';
  // Docker Engine API, "attach": eight bytes before each piece, the last four are its size.
  for (let at = 0; at + 8 <= frames.length;) {
    const end = at + 8 + frames.readUInt32BE(at + 4);
    text += frames.toString('utf8', at + 8, end);
    at = end;
  }
  return text;
}

/** The names that the official image takes for properties. */
function environment(address: string, options: BrokerOptions): Record<string, string> {
  const properties = nodeProperties({
    listeners: 'PLAINTEXT://:9092,INTERNAL://127.0.0.1:9094,CONTROLLER://127.0.0.1:9093',
    // The broker writes transaction markers to itself, and its port outside need not lead to it from inside.
    'advertised.listeners': `PLAINTEXT://${address},INTERNAL://127.0.0.1:9094`,
    'inter.broker.listener.name': 'INTERNAL',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'controller.quorum.voters': '1@127.0.0.1:9093',
    'log.dirs': '/tmp/kafka-data',
    ...options.properties,
  });
  const named = Object.entries(properties).map(([name, value]) => [
    `KAFKA_${name.toUpperCase().replaceAll('.', '_')}`,
    value,
  ]);
  return {
    ...(Object.fromEntries(named) as Record<string, string>),
    CLUSTER_ID,
    KAFKA_HEAP_OPTS: `-Xmx${options.heapMb ?? HEAP_MB}m`,
    ...(options.tiered ? {} : { KAFKA_JVM_PERFORMANCE_OPTS: QUICK_JVM.join(' ') }),
  };
}

/** Removes the container as soon as this process is gone, however it ends. */
function guard({ container }: ContainerRuntimeClient, id: string): ChildProcess {
  const { socketPath, host, port } = container.dockerode.modem as { socketPath?: string; host?: string; port?: string };
  const request = { socketPath, host, port, method: 'DELETE', path: `/containers/${id}?force=1&v=1` };
  const script = `process.stdin.resume().on('end', () => require('node:http').request(${JSON.stringify(request)}).end())`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  child.unref();
  (child.stdin as Socket).unref();
  return child;
}
