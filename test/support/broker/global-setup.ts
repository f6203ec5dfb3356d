/**
 * One broker for all test files of a vitest project: `inject('kafka')` is its bootstrap list. Topics and groups need names of their own
 * in each test. Vitest calls this only if a file of the project is about to run. A test that kills or freezes a broker starts its own.
 */
import type { TestProject } from 'vitest/node';
import { startBroker } from './broker.ts';

declare module 'vitest' {
  interface ProvidedContext {
    kafka: string[];
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const broker = await startBroker();
  project.provide('kafka', broker.bootstrap);
  return () => broker.stop();
}
