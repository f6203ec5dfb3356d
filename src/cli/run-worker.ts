/**
 * One more worker of `chorus run`: a thread with a deployment of its own, a full member of the groups. This file is both ends:
 * `workerMember` for the main thread, and what runs when a thread is started with it.
 *
 * Settings go over as plain values, so secrets are never on a command line. Signals come to the main thread only.
 */
import { on, once } from 'node:events';
import { parentPort, Worker, workerData, type MessagePort } from 'node:worker_threads';
import { ChorusError } from '../errors.ts';
import type { Sample } from '../metrics.ts';
import { Deployment, type DeploymentStatus, type StageName } from '../runtime/deployment.ts';
import { ThreadWatch } from '../runtime/thread-samples.ts';
import { deploymentSettings, type DeploymentConfig } from './config-deployment.ts';
import { errorFields, jsonLog, limited, type LogLine } from './log.ts';
import type { Member } from './run-members.ts';

/** Marks the data of a thread as ours: a test runner starts threads too. */
const KIND = 'chorus-run-worker';

/** What a thread says of itself: its samples, and the status of its deployment. */
export interface MemberReport {
  readonly samples: readonly Sample[];
  readonly status: DeploymentStatus;
}

export interface WatchedMember extends Member {
  /** Undefined for one that does not answer in time; the last one of a member that has ended. */
  report(): Promise<MemberReport | undefined>;
}

interface WorkerTask {
  readonly kind: typeof KIND;
  readonly config: DeploymentConfig;
  readonly stages: readonly StageName[];
  readonly index: number;
}

type Report =
  | { readonly kind: 'started' }
  | { readonly kind: 'report'; readonly report: MemberReport }
  | { readonly kind: 'fatal'; readonly code: string; readonly message: string };

/** A thread that is at work on a long batch answers when it is done. */
const REPORT_MAX_MS = 2000;
/** The deployment of the thread that calls. @param index of the thread; 0 is the main one */
export function deploymentMember(
  config: DeploymentConfig,
  stages: readonly StageName[],
  index: number,
  log: LogLine,
  onFatal: (error: unknown) => void,
): WatchedMember {
  const deployment = new Deployment(deploymentSettings(config, stages), { log, onFatal });
  const thread = new ThreadWatch(index);
  return {
    start: () => deployment.start(),
    stop: async () => {
      thread.close();
      await deployment.stop();
    },
    report: () => {
      const samples = [...deployment.samples(), ...thread.samples()];
      return Promise.resolve({ samples, status: deployment.status() });
    },
  };
}

/** @param index from 1 on; the main thread is 0 */
export function workerMember(
  config: DeploymentConfig,
  stages: readonly StageName[],
  index: number,
  onFatal: (error: unknown) => void,
): WatchedMember {
  let worker: Worker | undefined;
  let isOver = false;
  let last: MemberReport | undefined;
  let asking: Promise<MemberReport | undefined> | undefined;
  const ask = async (thread: Worker): Promise<MemberReport | undefined> => {
    const answer = answerOf(thread, AbortSignal.timeout(REPORT_MAX_MS));
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
    thread.postMessage('report');
    return await answer;
  };
  return {
    start: () =>
      new Promise((resolve) => {
        const task: WorkerTask = { kind: KIND, config, stages, index };
        worker = new Worker(new URL(import.meta.url), { workerData: task, name: `chorus-${index}` });
        worker.on('message', (report: Report) => {
          if (report.kind === 'started') resolve();
          if (report.kind === 'report') ({ report: last } = report);
          if (report.kind === 'fatal') onFatal(new ChorusError(report.code, `worker ${index}: ${report.message}`));
        });
        worker.on('error', onFatal);
        worker.on('exit', (code) => {
          if (!isOver) onFatal(new ChorusError('worker_ended', `worker ${index} ended by itself (${code})`));
          isOver = true;
        });
      }),
    report: async () => {
      if (worker === undefined || isOver) return last;
      // Who asks while a question is open gets its answer.
      asking ??= ask(worker).finally(() => (asking = undefined));
      return await asking;
    },
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

async function answerOf(worker: Worker, signal: AbortSignal): Promise<MemberReport | undefined> {
  try {
    for await (const [message] of on(worker, 'message', { signal })) {
      const said = message as Report;
      if (said.kind === 'report') return said.report;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return undefined;
}

/** The other end: runs until the main thread says stop, then leaves nothing that keeps the thread. */
async function runAsWorker({ config, stages, index }: WorkerTask, port: MessagePort): Promise<void> {
  const { log, flush } = limited(jsonLog({ worker: index }));
  const tell = (report: Report): void => port.postMessage(report);
  const onFatal = (error: unknown): void => {
    const fields = errorFields(error);
    const { code, error: message } = fields;
    log('error', 'cannot go on', fields);
    tell({ kind: 'fatal', code, message });
  };
  const member = deploymentMember(config, stages, index, log, onFatal);
  const stopAsked = new Promise<void>((resolve) => {
    port.on('message', (message) => {
      if (message === 'stop') resolve();
      else void member.report().then((report) => tell({ kind: 'report', report: report! }));
    });
  });
  member.start().then(() => tell({ kind: 'started' }), onFatal);
  await stopAsked;
  await member.stop().catch((error: unknown) => log('warn', 'stopping failed', errorFields(error)));
  // What was counted to the end.
  tell({ kind: 'report', report: (await member.report())! });
  flush();
  // What a broker that is away still holds must not keep the thread. In a thread this ends the thread alone.
  process.exit();
}

const task = workerData as Partial<WorkerTask> | null;
if (parentPort !== null && task?.kind === KIND) await runAsWorker(task as WorkerTask, parentPort);
