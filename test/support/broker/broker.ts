/**
 * A real Kafka broker for tests and benchmarks: the one that CHORUS_TEST_KAFKA names, else a container where Docker answers, else
 * plain jars on the Java found. One of them or an error: a test that needs a broker is never skipped.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { startContainerBroker } from './container.ts';
import { startJarBroker } from './jar-broker.ts';
import { answers } from './node-settings.ts';

export interface Broker {
  /** host:port of each. */
  readonly bootstrap: string[];
  readonly way: 'running' | 'container' | 'jars';
  /** Ends it and removes its data. A running one that was only named stays. */
  stop(): Promise<void>;
  /** SIGKILL. This and what follows only where the broker is ours. */
  kill?(): Promise<void>;
  /** Same port, same data; resolves when it answers. */
  restart?(): Promise<void>;
  /** Freezes it: it keeps its connections and answers nothing. */
  pause?(): Promise<void>;
  resume?(): Promise<void>;
}

export type ListenerProtocol = 'SSL' | 'SASL_SSL' | 'SASL_PLAINTEXT';

export interface BrokerOptions {
  /** Of server.properties, beyond and before those of a test broker. Without effect on a running one. */
  readonly properties?: Readonly<Record<string, string>>;
  readonly heapMb?: number;
  /** The full just-in-time compiler and the default collector, for benchmarks: slower to start, faster later. */
  readonly tiered?: boolean;
  /** Further ones by name, each on a port of its own. Of jars only, as all that needs files of this machine. */
  readonly listeners?: Readonly<Record<string, ListenerProtocol>>;
  /** For the command that formats its folder: users that log in with SCRAM are made there. Of jars only. */
  readonly formatArguments?: readonly string[];
  /** One of our own even where a running one is named: for tests that kill it or need other properties. */
  readonly own?: boolean;
}

const RUNNING_TIMEOUT_MS = 5000;
const RUNNING_POLL_MS = 200;

/** @throws Error that says what was tried and what to install or mend. */
export async function startBroker(options: BrokerOptions = {}): Promise<Broker> {
  const named = process.env.CHORUS_TEST_KAFKA;
  if (named && !options.own) return useRunning(named);
  const inContainer = await startContainerBroker(options);
  if (typeof inContainer !== 'string') return inContainer;
  try {
    return await startJarBroker(options);
  } catch (error) {
    throw new Error(
      `no Kafka broker for this test. CHORUS_TEST_KAFKA names ${named ? 'one that this test may not use' : 'none'}; ` +
        `${inContainer}; and from jars: ${(error as Error).message}`,
      { cause: error },
    );
  }
}

async function useRunning(named: string): Promise<Broker> {
  const bootstrap = named.split(',').map((address) => address.trim());
  const deadlineMs = Date.now() + RUNNING_TIMEOUT_MS;
  for (;;) {
    try {
      await answers(bootstrap);
      return { bootstrap, way: 'running', stop: async () => undefined };
    } catch (error) {
      if (Date.now() >= deadlineMs) {
        throw new Error(
          `CHORUS_TEST_KAFKA is ${JSON.stringify(named)}: no broker answers there within ${RUNNING_TIMEOUT_MS} ms ` +
            `(${(error as Error).message}). Start it, or unset the variable to let one be started.`,
          { cause: error },
        );
      }
      await sleep(RUNNING_POLL_MS);
    }
  }
}
