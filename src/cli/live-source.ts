/** The live source that a command or a configuration names, with its token and its cursor; and what is told of it. */
import { readFileSync } from 'node:fs';
import { isLiveSource, parseSource } from '../consumers/feeds/address.ts';
import { CursorFile } from '../consumers/feeds/cursor.ts';
import { LOST_REASONS } from '../consumers/feeds/fault.ts';
import {
  LIVE_DEFAULTS,
  LiveFeed,
  type LiveCounters,
  type LiveEvent,
  type Protocol,
} from '../consumers/feeds/source.ts';
import type { Format } from '../consumers/formats/format.ts';
import { ConfigError, type ConfigProblem } from '../errors.ts';
import { formatDuration } from './duration.ts';
import { formatBytes } from './progress.ts';
import { readSecret, type Environment } from './secrets.ts';

export interface LiveSourceSettings {
  readonly source: string;
  readonly format: Format | undefined;
  readonly tokenFile: string | undefined;
  readonly cursor: string | undefined;
  readonly idleTimeoutMs: number;
  readonly queueBytes: number;
}

/** As messages name the settings: flags and settings have different names. */
export interface SourceNames {
  readonly source: string;
  readonly tokenFile: string;
}

export interface OpenLiveSource {
  readonly feed: LiveFeed;
  readonly cursor: CursorFile | undefined;
}

/** @throws ConfigError */
export function openLiveSource(
  settings: LiveSourceSettings,
  names: SourceNames,
  env: Environment,
  onEvent: (event: LiveEvent) => void,
): OpenLiveSource {
  const problems: ConfigProblem[] = [];
  const protocol = protocolOf(settings, names, env, problems);
  if (protocol === undefined || problems.length > 0) throw new ConfigError(problems);
  const feed = new LiveFeed(protocol, {
    idleMs: settings.idleTimeoutMs,
    queueBytesMax: settings.queueBytes,
    recordBytesMax: LIVE_DEFAULTS.recordBytesMax,
    onEvent,
  });
  return { feed, cursor: settings.cursor === undefined ? undefined : new CursorFile(settings.cursor, feed.name) };
}

/** Adds what is wrong with a source, and its token, to `problems`. */
export function protocolOf(
  { source, format, tokenFile }: LiveSourceSettings,
  names: SourceNames,
  env: Environment,
  problems: ConfigProblem[],
): Protocol | undefined {
  const parsed = isLiveSource(source) ? parseSource(source, format) : parseSource('', format);
  if ('bound' in parsed) {
    problems.push({ name: names.source, value: withoutQuery(source), bound: parsed.bound });
    return undefined;
  }
  const token = readSecret('feed.token', tokenFile, env, problems);
  if (token !== undefined && !parsed.isSecret) {
    const bound = 'https or wss where there is a token, or an address of this machine';
    problems.push({ name: names.source, value: withoutQuery(source), bound });
  }
  return parsed.protocol(tokenOf(tokenFile, env));
}

/** Of a file it is read at each connection: a new one can be put there while the program runs. */
function tokenOf(file: string | undefined, env: Environment): () => string | undefined {
  const given = env['CHORUS_FEED_TOKEN'];
  if (given !== undefined && given !== '') return () => given;
  if (file === undefined) return () => undefined;
  let last: string | undefined;
  return () => {
    try {
      last = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
    } catch {
      // It is being replaced; the server says if the old one is no longer good.
    }
    return last;
  };
}

/** Queries are where people put keys. */
function withoutQuery(source: string): string {
  return source.replace(/\?.*$/s, '?...');
}

/** One line for people. */
export function describeEvent(event: LiveEvent, name: string): string {
  switch (event.kind) {
    case 'connected':
      return `connected to ${name}${event.fromMs === undefined ? '' : `, from ${timeOf(event.fromMs)}`}`;
    case 'lost':
      return `connection lost: ${event.reason} (${event.detail}); next attempt in ${(event.waitMs / 1000).toFixed(1)} s`;
    case 'gap':
      return `gap: what ${name} sent from ${timeOf(event.fromMs)} to ${timeOf(event.toMs)} is missing, or some of it`;
  }
}

/** What is counted of a source, in a line for people. */
export function describeCounters(counters: LiveCounters): string {
  const { connections, lost, records, bytes, gaps, gapMs, queueBytes, queueBytesMax, pauses } = counters;
  const reasons = LOST_REASONS.filter((reason) => lost[reason] > 0).map((reason) => `${reason} ${lost[reason]}`);
  const count = LOST_REASONS.reduce((sum, reason) => sum + lost[reason], 0);
  return [
    `${records} records (${formatBytes(bytes)})`,
    `${connections} connections, ${count} lost${reasons.length === 0 ? '' : ` (${reasons.join(', ')})`}`,
    `${gaps} gaps${gaps === 0 ? '' : ` (${formatDuration(Math.round(gapMs))})`}`,
    `queue ${formatBytes(queueBytes)} of ${formatBytes(queueBytesMax)}, paused ${pauses} times`,
  ].join('; ');
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
