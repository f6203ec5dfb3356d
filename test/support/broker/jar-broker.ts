/** A broker from the jars of Maven Central, on the Java of this machine. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Broker, BrokerOptions } from './broker.ts';
import { fill, sha256 } from './jars.ts';
import { findJava } from './java.ts';
import { answers, CLUSTER_ID, HEAP_MB, nodeProperties, QUICK_JVM } from './node-settings.ts';
import { KAFKA } from './pins.ts';
import { freePort, Service } from './service.ts';

const FORMAT_TIMEOUT_MS = 60_000;
/** Another process may take a port between our look at it and the start. */
const STARTS = 3;

export interface JarBroker extends Broker {
  /** host:port of each further listener. */
  readonly listeners: ReadonlyMap<string, string>;
}

/** @throws Error that says what to install, or with the end of the log of a broker that does not come up. */
export async function startJarBroker(options: BrokerOptions): Promise<JarBroker> {
  const [java, jars] = await Promise.all([findJava(), fill('kafka', KAFKA)]);
  const classPath = jars.join(delimiter);
  // One archive of loaded classes for each Java and each set of jars: 1.9 instead of 3.4 s to boot.
  const archive = join(dirname(jars[0]!), `classes-${sha256(Buffer.from(java.build + classPath)).slice(0, 16)}.jsa`);
  for (let left = STARTS - 1; ; left -= 1) {
    try {
      return await startOnce(options, java.command, classPath, archive);
    } catch (error) {
      if (left === 0 || !(error as Error).message.includes('Address already in use')) throw error;
    }
  }
}

async function startOnce(options: BrokerOptions, java: string, classPath: string, archive: string): Promise<JarBroker> {
  const folder = await mkdtemp(join(tmpdir(), 'chorus-broker-'));
  const port = await freePort();
  const controller = `127.0.0.1:${await freePort()}`;
  const address = `127.0.0.1:${port}`;
  const listeners = new Map<string, string>();
  for (const name of Object.keys(options.listeners ?? {})) listeners.set(name, `127.0.0.1:${await freePort()}`);
  const open = Array.from([['PLAINTEXT', address], ...listeners], ([name, at]) => `${name}://${at}`);
  const protocols = Object.entries({ CONTROLLER: 'PLAINTEXT', PLAINTEXT: 'PLAINTEXT', ...options.listeners });
  const properties = nodeProperties({
    listeners: [...open, `CONTROLLER://${controller}`].join(','),
    'advertised.listeners': open.join(','),
    'listener.security.protocol.map': protocols.map(([name, protocol]) => `${name}:${protocol}`).join(','),
    'controller.quorum.voters': `1@${controller}`,
    'log.dirs': join(folder, 'data'),
    ...options.properties,
  });
  const file = join(folder, 'server.properties');
  await writeFile(
    file,
    Object.entries(properties)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  );
  const unfinished = existsSync(archive) ? undefined : `${archive}.${process.pid}-${port}`;
  const classes =
    unfinished === undefined ? `-XX:SharedArchiveFile=${archive}` : `-XX:ArchiveClassesAtExit=${unfinished}`;
  const service = new Service({
    name: 'Kafka',
    command: java,
    args: [
      `-Xmx${options.heapMb ?? HEAP_MB}m`,
      ...(options.tiered ? [] : QUICK_JVM),
      classes,
      '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
      '-cp',
      classPath,
      'kafka.Kafka',
      file,
    ],
    folder,
    ready: () => answers([address]),
  });
  const stop = async () => {
    await service.stop();
    // There is none after a kill.
    if (unfinished !== undefined && existsSync(unfinished)) await rename(unfinished, archive);
  };
  try {
    const format = [
      'kafka.tools.StorageTool',
      'format',
      '-t',
      CLUSTER_ID,
      '-c',
      file,
      ...(options.formatArguments ?? []),
    ];
    const found = unfinished === undefined ? [classes] : [];
    await promisify(execFile)(java, [...QUICK_JVM, ...found, '-cp', classPath, ...format], {
      timeout: FORMAT_TIMEOUT_MS,
    });
    await service.start();
  } catch (error) {
    await service.stop();
    if (unfinished !== undefined) await rm(unfinished, { force: true });
    throw error;
  }
  return {
    bootstrap: [address],
    listeners,
    way: 'jars',
    stop,
    kill: () => service.kill(),
    restart: () => service.restart(),
    pause: async () => service.pause(),
    resume: async () => service.resume(),
  };
}
