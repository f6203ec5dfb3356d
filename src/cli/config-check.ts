/**
 * `chorus config check`: whether a configuration can be used, and whether it is of the topology of a running deployment, as its port
 * tells it. Reaches no broker.
 */
import { readFile } from 'node:fs/promises';
import { ConfigError, type ConfigProblem } from '../errors.ts';
import { loadDeployment, type DeploymentConfig } from './config-deployment.ts';
import { differencesOf, publicConfig, topologyOf, type Difference, type PublicConfig } from './config-difference.ts';
import { readConfig, type ConfigSources } from './config.ts';
import { loadEvidence } from './evidence-files.ts';
import { EXIT } from './exit.ts';
import type { Environment } from './secrets.ts';
import { loadTable } from './table.ts';

const ANSWER_MAX_MS = 5000;
const AGAINST = '--against';

export interface ConfigCheckFlags {
  readonly config: string;
  readonly against?: string;
}

/** What /status tells, as far as it is needed here. */
interface Running extends PublicConfig {
  readonly version: string;
  readonly topology: string;
  readonly stagesTopology: string;
  readonly sources: number;
}

/** @throws ConfigError with all problems of the configuration, or for a status that cannot be had */
export async function checkConfig(flags: ConfigCheckFlags, env: Environment): Promise<{ code: number; text: string }> {
  const config = load({ file: flags.config, secret: env['CHORUS_SECRET'] }, env);
  const topology = topologyOf(config);
  const lines = [`${flags.config} can be used`, `topology of its alerts: ${topology.stages}`];
  if (flags.against === undefined) return { code: EXIT.done, text: `${lines.join('\n')}\n` };
  const running = await readStatus(flags.against);
  const differences = differencesOf(running, publicConfig(config));
  const isSame = topology.frames(running.sources) === running.topology;
  lines.push(`topology of what runs:  ${running.stagesTopology} (chorus ${running.version})`);
  lines.push(...describeDifferences(differences));
  if (isSame) {
    lines.push('The same topology: state and internal topics can be gone on with.');
  } else {
    const isExplained = differences.some((difference) => difference.isTopology);
    // Of the secret only the topology tells, and so does an algorithm of another version.
    if (!isExplained)
      lines.push('No setting explains it that is shown: the secret is another, or the version of Chorus.');
    lines.push('Another topology: it needs another kafka.prefix and state.folder, and gives other campaigns.');
  }
  return { code: isSame ? EXIT.done : EXIT.failed, text: `${lines.join('\n')}\n` };
}

/** @throws ConfigError with what is wrong with the settings and with all the files that they name, which a start would only meet later */
function load(sources: ConfigSources, env: Environment): DeploymentConfig {
  const { shell } = readConfig(sources);
  const problems: ConfigProblem[] = [];
  const collecting = <T>(run: () => T): T | undefined => {
    try {
      return run();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const known = new Set(problems.map(({ name }) => name));
      problems.push(...error.problems.filter(({ name }) => !known.has(name)));
      return undefined;
    }
  };
  const config = collecting(() => loadDeployment(sources, env));
  collecting(() => loadTable(shell.table));
  collecting(() => loadEvidence(shell.evidence));
  if (config === undefined || problems.length > 0) throw new ConfigError(problems);
  return config;
}

function describeDifferences(differences: readonly Difference[]): string[] {
  if (differences.length === 0) return ['no setting differs'];
  const width = Math.max(...differences.map(({ name }) => name.length));
  return differences.map(({ name, before, after, isTopology }) => {
    const change = `${before ?? '(not given)'} -> ${after ?? '(not given)'}`;
    return `  ${name.padEnd(width)}  ${change}${isTopology ? '  (topology)' : ''}`;
  });
}

/** @throws ConfigError where it cannot be had or is none */
async function readStatus(against: string): Promise<Running> {
  let status: unknown;
  try {
    status = JSON.parse(/^https?:/.test(against) ? await fetchStatus(against) : await readFile(against, 'utf8'));
  } catch (error) {
    const { message, cause } = error as Error;
    const detail = cause instanceof Error ? `${message}: ${cause.message}` : message;
    throw new ConfigError([{ name: AGAINST, value: against, bound: `a status that can be read (${detail})` }]);
  }
  const { topology, stagesTopology, sources, version, settings, shell } = (status ?? {}) as Partial<Running>;
  const isStatus =
    [topology, stagesTopology, version].every((text) => typeof text === 'string') && typeof sources === 'number';
  if (!isStatus || typeof settings !== 'object' || typeof shell !== 'object') {
    throw new ConfigError([{ name: AGAINST, value: against, bound: 'what /status of this version says' }]);
  }
  if (topology === '') {
    throw new ConfigError([{ name: AGAINST, value: against, bound: 'a deployment that has reached its brokers' }]);
  }
  return status as Running;
}

async function fetchStatus(base: string): Promise<string> {
  const url = new URL(base);
  if (url.pathname === '/') url.pathname = '/status';
  const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MAX_MS), redirect: 'error' });
  if (!response.ok) throw new Error(`${url.href} answers ${response.status}`);
  return await response.text();
}
