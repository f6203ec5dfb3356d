/**
 * A deployment until a signal or a fatal error: its settings, its port, its members, its end. The work is in runtime/deployment.ts.
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
import { aborted, type Interrupt } from './interrupt.ts';
import { jsonLog, limited, type LogLine } from './log.ts';
import { feedMember, feedProblems } from './run-feed.ts';
import { onHangup } from './run-hangup.ts';
import { firstFailure, runMembers, type Failure } from './run-members.ts';
import type { RunFlags } from './run.ts';
import { runPort } from './run-health.ts';
import { withSinks } from './run-sinks.ts';
import { deploymentMember, workerMember, type WatchedMember } from './run-worker.ts';
import type { Environment } from './secrets.ts';
import { ENGINE } from './version.ts';

interface Plan {
  readonly config: DeploymentConfig;
  readonly stages: readonly StageName[];
  readonly workers: number;
}

const WORKERS_MAX = 64;

/** Returns the exit code. @throws ConfigError for settings and flags, before anything has begun */
export async function runDeployment(flags: RunFlags, env: Environment, { signal }: Interrupt): Promise<number> {
  if (signal.aborted) return EXIT.done;
  const plan = planOf(flags, env);
  const { config, stages, workers } = plan;
  const { log, flush } = limited(jsonLog({ worker: 0 }));
  const hangup = onHangup(config, () => loadDeployment(sourcesOf(flags, env), env), log);
  const failure = firstFailure(log);
  process.on('uncaughtException', failure.set);
  const port = runPort(config, log);
  let hasBegun = false;
  try {
    log('info', 'starting', { engine: ENGINE, stages, workers, topics: config.topics });
    // Brokers may be away for long, and a supervisor that sees no port by then ends the process.
    await port?.start();
    const isReady = await Promise.race([areTopicsGood(config, signal, log), aborted(signal), failure.happened]);
    if (signal.aborted) return EXIT.done;
    if (isReady !== true) return EXIT.usage;
    hasBegun = true;
    const members = membersOf(plan, log, failure);
    const source = feedMember(config, env, log, failure.set);
    port?.watch(members, source);
    const { stopTimeoutMs: stopMaxMs } = config.shell.run;
    const all = source === undefined ? members : [...members, source];
    return await runMembers(all, signal, failure, { log, stopMaxMs, seen: port?.seen });
  } catch (error) {
    failure.set(error);
    return codeOf(error, hasBegun);
  } finally {
    await port?.stop();
    process.off('uncaughtException', failure.set);
    hangup.dispose();
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

/**
 * At the start that is so of a login that is refused too. Later it may be a password or a certificate that was renewed, which a new start
 * reads anew.
 */
const REFUSED: ReadonlySet<string> = new Set(['kafka_denied', 'kafka_login', 'kafka_tls', 'kafka_token']);

/** From a worker an error comes with its code alone. */
function codeOf(error: unknown, hasBegun: boolean): number {
  if (!(error instanceof ChorusError)) return EXIT.failedRun;
  const isLasting = LASTING.has(error.code) || (!hasBegun && REFUSED.has(error.code) && !error.retryable);
  return isLasting ? EXIT.usage : EXIT.failedRun;
}
