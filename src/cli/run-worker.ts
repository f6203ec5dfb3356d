/**
 * One more worker of `chorus run`: a thread with a deployment of its own, a full member of the groups. This file is both ends:
 * `workerMember` for the main thread, and what runs when a thread is started with it.
 *
 * Settings go over as plain values, so secrets are never on a command line. Signals come to the main thread only.
 */
import { once } from 'node:events';
import { parentPort, Worker, workerData, type MessagePort } from 'node:worker_threads';
import { ChorusError } from '../errors.ts';
import { Deployment, type StageName } from '../runtime/deployment.ts';
import { deploymentSettings, type DeploymentConfig } from './config-deployment.ts';
import { errorFields, jsonLog, limited } from './log.ts';
import type { Member } from './run-members.ts';

/** Marks the data of a thread as ours: a test runner starts threads too. */
const KIND = 'chorus-run-worker';

interface WorkerTask {
  readonly kind: typeof KIND;
  readonly config: DeploymentConfig;
  readonly stages: readonly StageName[];
  readonly index: number;
}

type Report =
  | { readonly kind: 'started' }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'fatal'; readonly code: string; readonly message: string };

/** @param index from 1 on; the main thread is 0 */
export function workerMember(
  config: DeploymentConfig,
  stages: readonly StageName[],
  index: number,
  onFatal: (error: unknown) => void,
): Member {
  let worker: Worker | undefined;
  let isOver = false;
  return {
    start: () =>
      new Promise((resolve) => {
        const task: WorkerTask = { kind: KIND, config, stages, index };
        worker = new Worker(new URL(import.meta.url), { workerData: task, name: `chorus-${index}` });
        worker.on('message', (report: Report) => {
          if (report.kind === 'started') resolve();
          if (report.kind === 'fatal') onFatal(new ChorusError(report.code, `worker ${index}: ${report.message}`));
        });
        worker.on('error', onFatal);
        worker.on('exit', (code) => {
          if (!isOver) onFatal(new ChorusError('worker_ended', `worker ${index} ended by itself (${code})`));
          isOver = true;
        });
      }),
    stop: async () => {
      if (worker === undefined || isOver) return;
      isOver = true;
      const ended = once(worker, 'exit');
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
      worker.postMessage('stop');
      await ended;
    },
  };
}

/** The other end: runs until the main thread says stop, then leaves nothing that keeps the thread. */
async function runAsWorker({ config, stages, index }: WorkerTask, port: MessagePort): Promise<void> {
  const log = limited(jsonLog({ worker: index }));
  const tell = (report: Report): void => port.postMessage(report);
  const onFatal = (error: unknown): void => {
    const fields = errorFields(error);
    const { code, error: message } = fields;
    log('error', 'cannot go on', fields);
    tell({ kind: 'fatal', code, message });
  };
  const stopAsked = once(port, 'message');
  const deployment = new Deployment(deploymentSettings(config, stages), { log, onFatal });
  deployment.start().then(() => tell({ kind: 'started' }), onFatal);
  await stopAsked;
  await deployment.stop().catch((error: unknown) => log('warn', 'stopping failed', errorFields(error)));
  // What a broker that is away still holds must not keep the thread. In a thread this ends the thread alone.
  process.exit();
}

const task = workerData as Partial<WorkerTask> | null;
if (parentPort !== null && task?.kind === KIND) await runAsWorker(task as WorkerTask, parentPort);
