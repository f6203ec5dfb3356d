/**
 * Which settings of a deployment differ from those of another, and whether that makes another topology: results, and state on disk
 * and in the internal topics, are of one topology. No secret is shown, nor told apart from another by more than the topology id.
 */
import { createHash } from 'node:crypto';
import { deploymentTopology, type DeploymentTopics } from '../runtime/deployment.ts';
import { stageSettings } from '../runtime/engine.ts';
import { formatDuration, parseDurationMs } from './duration.ts';
import type { DeploymentConfig } from './config-deployment.ts';
import { ENTRIES, type Entry } from './config.ts';
import { shown } from './secrets.ts';
import { loadEvidence } from './evidence-files.ts';
import { loadTable } from './table.ts';
import { ENGINE } from './version.ts';

/** A configuration as anybody may see it. */
export interface PublicConfig {
  readonly settings: unknown;
  readonly shell: unknown;
  readonly topics: DeploymentTopics;
  /** Of the files that are part of the topology, by the name of the setting: SHA-256 in 16 hexadecimal digits; null without one. */
  readonly contents: Readonly<Record<ContentName, string | null>>;
}

export interface Difference {
  readonly name: string;
  /** As people write them; undefined for what is not given. */
  readonly before: string | undefined;
  readonly after: string | undefined;
  /** It is part of the topology. */
  readonly isTopology: boolean;
}

/** Settings that name a file whose content is part of the topology, wherever it lies. */
export const CONTENTS = ['table', 'evidence.rules', 'evidence.creation'] as const;
type ContentName = (typeof CONTENTS)[number];

/** Settings of the shell that are part of the topology by their value; of the engine all are. */
export const TOPOLOGY_SETTINGS: ReadonlySet<string> = new Set([
  'kafka.topic',
  'kafka.partitions',
  'kafka.format',
  'kafka.eventTime',
  'kafka.outOfOrderness',
]);

const SECRET = 'secret';

/** @throws ConfigError for a file that cannot be read */
export function publicConfig({ settings, shell, topics }: DeploymentConfig): PublicConfig {
  const { secret: _secret, ...rest } = settings;
  const { rules, creation } = loadEvidence(shell.evidence);
  const contents = {
    table: hashOf(loadTable(shell.table)),
    'evidence.rules': rules === undefined ? null : hashOf(JSON.stringify(rules)),
    'evidence.creation': creation === undefined ? null : hashOf(JSON.stringify(creation)),
  };
  return { settings: rest, shell, topics, contents };
}

function hashOf(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 16);
}

/** Ids of the topology: that of the stages, which alerts show, and with the partitions of the feed that of the frames. */
export interface TopologyIds {
  readonly stages: string;
  readonly frames: (sources: number) => string;
}

/** @throws ConfigError for a file that cannot be read */
export function topologyOf({ settings, shell, topics }: DeploymentConfig): TopologyIds {
  const stages = stageSettings({
    settings,
    table: loadTable(shell.table),
    evidence: loadEvidence(shell.evidence),
    engine: ENGINE,
  }).topology;
  const { partitions, eventTime, outOfOrdernessMs, format } = shell.kafka;
  return {
    stages,
    frames: (sources) =>
      deploymentTopology(stages, { eventTime, outOfOrdernessMs, format, topics, partitions }, sources),
  };
}

/** What differs, by the names of the settings. Files are told by their content: a path may hold another one now. */
export function differencesOf(before: PublicConfig, after: PublicConfig): Difference[] {
  const differences: Difference[] = [];
  for (const [name, entry] of ENTRIES) {
    if (name === SECRET) continue;
    const [old, now] = [valueOf(before, entry), valueOf(after, entry)];
    const contents = [before, after].map((config) => contentOf(config, name));
    const isOther = contents[0] !== contents[1];
    if (JSON.stringify(old) === JSON.stringify(now) && !isOther) continue;
    differences.push({
      name,
      before: isOther ? told(old, contents[0]) : written(old, name, entry),
      after: isOther ? told(now, contents[1]) : written(now, name, entry),
      isTopology: isOther || entry.owner === 'engine' || TOPOLOGY_SETTINGS.has(name),
    });
  }
  return differences;
}

/** Undefined for a setting that names no such file. */
function contentOf({ contents }: PublicConfig, name: string): string | null | undefined {
  return (contents as Readonly<Record<string, string | null>> | undefined)?.[name];
}

function told(path: unknown, hash: string | null | undefined): string | undefined {
  if (hash === null || hash === undefined) return undefined;
  return `${typeof path === 'string' ? path : 'the packaged one'} (${hash})`;
}

function valueOf({ settings, shell }: PublicConfig, { owner, path }: Entry): unknown {
  let value: unknown = owner === 'engine' ? settings : shell;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value ?? undefined;
}

/** As it is written in a file. */
function written(value: unknown, name: string, { bound }: Entry): string | undefined {
  if (value === undefined) return bound.kind === 'durationOrOff' ? 'off' : undefined;
  const isDuration = bound.kind === 'duration' || bound.kind === 'durationOrOff';
  // In full: a text of two units may be that of another duration too.
  if (isDuration && typeof value === 'number') {
    const text = formatDuration(value);
    return parseDurationMs(text) === value ? text : `${value}ms`;
  }
  const visible = shown(name, value);
  return typeof visible === 'string' ? visible : JSON.stringify(visible);
}
