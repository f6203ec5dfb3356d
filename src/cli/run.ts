/**
 * `chorus run`: a deployment until a signal or a fatal error. Owns the process; the work is in runtime/deployment.ts.
 *
 * A fatal error ends the process with a code of its own, so that a supervisor starts it again: state is a function of the log.
 */
import { ChorusError, ConfigError, type ConfigProblem } from '../errors.ts';
import { KafkaClient } from '../kafka/client.ts';
import { STAGE_NAMES, type StageName } from '../runtime/deployment.ts';
import { kafkaSettings, loadDeployment, type DeploymentConfig } from './config-deployment.ts';
import type { ConfigSources } from './config.ts';
import { reportTopics } from './deployment-topics.ts';
import { EXIT } from './exit.ts';
import { onInterrupt } from './interrupt.ts';
import { jsonLog, limited, type LogLine } from './log.ts';
import { feedMember, feedProblems } from './run-feed.ts';
import { onHangup } from './run-hangup.ts';
import { firstFailure, runMembers, type Failure } from './run-members.ts';
import { withSinks } from './run-sinks.ts';
import { healthPort } from './run-health.ts';
import { deploymentMember, workerMember, type WatchedMember } from './run-worker.ts';
import type { Environment } from './secrets.ts';
import { ENGINE } from './version.ts';

export interface RunFlags {
  readonly config?: string;
  readonly stages?: string;
  readonly workers?: string;
}

interface Plan {
  readonly config: DeploymentConfig;
  readonly stages: readonly StageName[];
  readonly workers: number;
}

const WORKERS_MAX = 64;

/** Returns the exit code. @throws ConfigError for settings and flags, before anything has begun */
export async function runCommand(flags: RunFlags, env: Environment): Promise<number> {
  const plan = planOf(flags, env);
  const { config, stages, workers } = plan;
  const { log, flush } = limited(jsonLog({ worker: 0 }));
  const interrupt = onInterrupt();
  const hangup = onHangup(config, () => loadDeployment(sourcesOf(flags, env), env), log);
  const failure = firstFailure(log);
  process.on('uncaughtException', failure.set);
  try {
    log('info', 'starting', { engine: ENGINE, stages, workers, topics: config.topics });
    const isReady = await Promise.race([areTopicsGood(config, interrupt.signal, log), failure.happened]);
    if (interrupt.signal.aborted) return EXIT.done;
    if (!isReady) return EXIT.usage;
    const members = membersOf(plan, log, failure);
    const source = feedMember(config, env, log, failure.set);
    const { stopTimeoutMs: stopMaxMs } = config.shell.run;
    const lookout = healthPort(config, members, log);
    const all = source === undefined ? members : [...members, source];
    return await runMembers(all, interrupt.signal, failure, { log, stopMaxMs, lookout });
  } catch (error) {
    failure.set(error);
    return codeOf(error);
  } finally {
    process.off('uncaughtException', failure.set);
    hangup.dispose();
    interrupt.dispose();
    flush();
  }
}

/** @throws ConfigError with all problems of the settings and the flags */
function planOf(flags: RunFlags, env: Environment): Plan {
  const problems: ConfigProblem[] = [];
  const stages = stagesOf(flags.stages, problems);
  const workers = Number(flags.workers ?? 1);
  if (!Number.isInteger(workers) || workers < 1 || workers > WORKERS_MAX) {
    problems.push({ name: '--workers', value: flags.workers, bound: `an integer from 1 to ${WORKERS_MAX}` });
  }
  let config: DeploymentConfig | undefined;
  try {
    config = loadDeployment(sourcesOf(flags, env), env);
    problems.push(...feedProblems(config, env));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...error.problems);
  }
  if (config === undefined || problems.length > 0) throw new ConfigError(problems);
  return { config, stages, workers };
}

function sourcesOf({ config: file }: RunFlags, env: Environment): ConfigSources {
  return { file, secret: env['CHORUS_SECRET'] };
}

function stagesOf(text: string | undefined, problems: ConfigProblem[]): readonly StageName[] {
  if (text === undefined) return STAGE_NAMES;
  const given = text.split(',').map((name) => name.trim());
  const stages = STAGE_NAMES.filter((name) => given.includes(name));
  if (stages.length < given.length) {
    problems.push({ name: '--stages', value: text, bound: `some of ${STAGE_NAMES.join(', ')}, each once` });
  }
  return stages;
}

/** Waits for the brokers for as long as it takes. @throws ChorusError as reportTopics does */
async function areTopicsGood(config: DeploymentConfig, signal: AbortSignal, log: LogLine): Promise<boolean> {
  const client = new KafkaClient(kafkaSettings(config), (level, message, fields) => {
    if (level === 'warn') log('warn', message, fields);
  });
  const report = await reportTopics(client, config, false, {
    boundMs: Number.POSITIVE_INFINITY,
    signal,
    log: (_level, message, fields) => log('warn', `waiting for the brokers: ${message}`, fields),
  });
  for (const warning of report?.warnings ?? []) log('warn', warning);
  for (const problem of report?.problems ?? []) process.stderr.write(`chorus: ${problem}\n`);
  return report !== undefined && report.problems.length === 0;
}

/** One of this thread, the others of threads of their own. @throws ConfigError for a table that cannot be read */
function membersOf({ config, stages, workers }: Plan, log: LogLine, { set: onFatal }: Failure): WatchedMember[] {
  const first = withSinks(deploymentMember(config, stages, 0, log, onFatal), config, log);
  const others = Array.from({ length: workers - 1 }, (_, i) => workerMember(config, stages, i + 1, onFatal));
  return [first, ...others];
}

/** What no new start mends: somebody has to change a setting or a topic. */
const LASTING: ReadonlySet<string> = new Set([
  'config',
  'feed_denied',
  'feed_refused',
  'frame_topology',
  'partitions_changed',
  'schema_missing',
  'store_topology',
]);

/** From a worker an error comes with its code alone. */
function codeOf(error: unknown): number {
  return error instanceof ChorusError && LASTING.has(error.code) ? EXIT.usage : EXIT.failedRun;
}
