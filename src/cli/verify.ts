/**
 * `chorus verify`: is what a deployment has published what its feed makes of it? The work is in runtime/verify.ts. Loads the
 * client of Kafka, so load it late.
 */
import { ChorusError, ConfigError, InvariantError, type ConfigProblem } from '../errors.ts';
import type { FeedBound } from '../runtime/feed-bounds.ts';
import { DIFFERENCE_KINDS, verify, type VerifyReport } from '../runtime/verify.ts';
import { NdjsonSink, STDOUT } from '../sinks/ndjson.ts';
import { loadConfig, type ConfigSources } from './config.ts';
import { deploymentSettings, loadDeployment, type DeploymentConfig } from './config-deployment.ts';
import { EXIT } from './exit.ts';
import { parseFeedBound } from './feed-bound.ts';
import { feedClient, feedRegistry, interruptedError } from './feed-source.ts';
import { onInterrupt } from './interrupt.ts';
import { startProgress } from './progress.ts';
import type { Environment } from './secrets.ts';
import { describeVerification } from './verify-report.ts';

export interface VerifyFlags {
  readonly config?: string;
  readonly from?: string;
  readonly to?: string;
  readonly json?: string;
}

interface Plan {
  readonly config: DeploymentConfig;
  readonly sortMemoryBytes: number;
  readonly from: FeedBound | undefined;
  readonly to: FeedBound | undefined;
}

/** Returns the exit code. @throws ConfigError, InvariantError, ChorusError `sink_io` */
export async function verifyCommand(flags: VerifyFlags, env: Environment): Promise<number> {
  const plan = planOf(flags, env);
  const interrupt = onInterrupt();
  try {
    const report = await verified(plan, interrupt.signal);
    await write(report, flags.json);
    const isSame = DIFFERENCE_KINDS.every((kind) => report.differences[kind] === 0);
    return isSame ? EXIT.done : EXIT.failed;
  } catch (error) {
    // Code 1 says that something differs, so what could not be read needs another.
    const isOther = error instanceof ConfigError || error instanceof InvariantError || isOutput(error);
    if (isOther || !(error instanceof ChorusError)) throw error;
    process.stderr.write(`chorus: ${error.message}\n`);
    return EXIT.unreadableInput;
  } finally {
    interrupt.dispose();
  }
}

function isOutput(error: unknown): boolean {
  return error instanceof ChorusError && error.code.startsWith('sink_');
}

/** @throws ConfigError with all problems of the settings and the flags */
function planOf(flags: VerifyFlags, env: Environment): Plan {
  const problems: ConfigProblem[] = [];
  const from = parseFeedBound('--from', flags.from, Date.now(), problems);
  const to = parseFeedBound('--to', flags.to, Date.now(), problems);
  const sources: ConfigSources = { file: flags.config, secret: env['CHORUS_SECRET'] };
  let config: DeploymentConfig | undefined;
  try {
    config = loadDeployment(sources, env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...error.problems);
  }
  if (config === undefined || problems.length > 0) throw new ConfigError(problems);
  return { config, sortMemoryBytes: loadConfig(sources).sortMemoryBytes, from, to };
}

async function verified({ config, sortMemoryBytes, from, to }: Plan, signal: AbortSignal): Promise<VerifyReport> {
  const deployment = deploymentSettings(config, []);
  const registry = await feedRegistry(config, signal);
  const progress = startProgress();
  try {
    return await verify({
      deployment,
      client: feedClient(config),
      registry,
      from,
      to,
      sortMemoryBytes,
      signal,
      ...(progress === undefined ? {} : { onProgress: progress.update }),
    });
  } catch (error) {
    // Reading ends with what the signal says.
    throw signal.aborted ? interruptedError('all was verified') : error;
  } finally {
    progress?.stop();
    registry?.close();
  }
}

async function write(report: VerifyReport, json: string | undefined): Promise<void> {
  if (json !== STDOUT) process.stdout.write(describeVerification(report));
  if (json === undefined) return;
  const sink = new NdjsonSink({ name: '--json', path: json });
  await sink.writeLine(JSON.stringify(report, undefined, 2));
  await sink.close();
}
