/** The live source of `chorus run`: what `chorus ingest` does, as a member of the run. */
import { LOST_REASONS } from '../consumers/feeds/fault.ts';
import type { LiveEvent } from '../consumers/feeds/source.ts';
import type { ConfigProblem } from '../errors.ts';
import { KafkaClient } from '../kafka/client.ts';
import type { Sample } from '../metrics.ts';
import { Ingest, ingestLive } from '../runtime/ingest.ts';
import { liveSamples } from '../runtime/live-samples.ts';
import { kafkaSettings, type DeploymentConfig } from './config-deployment.ts';
import { openLiveSource, protocolOf } from './live-source.ts';
import type { LogLine } from './log.ts';
import type { Member } from './run-members.ts';
import type { Environment } from './secrets.ts';

const REPORT_EACH_MS = 60_000;

const NAMES = { source: 'feed.source', tokenFile: 'feed.tokenFile' };

/** What is wrong with the source of a configuration; nothing where it has none. */
export function feedProblems({ shell: { feed, kafka } }: DeploymentConfig, env: Environment): ConfigProblem[] {
  if (feed.source === undefined) return [];
  const problems: ConfigProblem[] = [];
  protocolOf({ ...feed, source: feed.source }, NAMES, env, problems);
  if (kafka.format !== 'canonical') {
    const bound = 'canonical with feed.source: that is what is written into the topic';
    problems.push({ name: 'kafka.format', value: kafka.format, bound });
  }
  return problems;
}

export interface FeedMember extends Member {
  samples(): Sample[];
}

/** Undefined where the configuration has no source. @throws ConfigError */
export function feedMember(
  config: DeploymentConfig,
  env: Environment,
  log: LogLine,
  onFatal: (error: unknown) => void,
): FeedMember | undefined {
  const { feed: settings } = config.shell;
  if (settings.source === undefined) return undefined;
  const { feed, cursor } = openLiveSource({ ...settings, source: settings.source }, NAMES, env, (event) =>
    logEvent(event, feed.name, log),
  );
  // Refused before anything has begun.
  let safeMs = cursor?.load();
  const ingest = new Ingest({
    client: new KafkaClient(kafkaSettings(config), (level, message, fields) => {
      if (level === 'warn') log('warn', message, fields);
    }),
    topic: config.topics.feed,
    deadLetters: config.topics.deadLetters,
    source: feed.name,
    isRaw: false,
    onSafe: (positionMs) => {
      cursor?.save(positionMs);
      safeMs = positionMs;
    },
    onRetry: (error) => log('warn', 'writing the feed: trying again', { error }),
    onRejected: (reason, detail) => log('warn', 'record of the source rejected', { reason, detail }),
  });
  const ending = new AbortController();
  let work: Promise<void> | undefined;
  let reporting: NodeJS.Timeout | undefined;
  const report = (): void => {
    const { rejectedByReason, ...counters } = ingest.counters;
    const lost = LOST_REASONS.filter((reason) => feed.counters.lost[reason] > 0);
    log('info', 'source', {
      ...counters,
      rejectedByReason: Object.fromEntries(rejectedByReason),
      source: {
        ...feed.counters,
        lost: Object.fromEntries(lost.map((reason) => [reason, feed.counters.lost[reason]])),
      },
    });
  };
  return {
    samples: () => {
      return liveSamples({ source: feed.format, feed: feed.counters, ingest: ingest.counters, safeMs }, Date.now());
    },
    start: async () => {
      await ingest.open(ending.signal);
      reporting = setInterval(report, REPORT_EACH_MS);
      work = ingestLive(feed, ingest, cursor, ending.signal);
      work.catch(onFatal);
    },
    stop: async () => {
      ending.abort();
      clearInterval(reporting);
      try {
        await work;
      } finally {
        await ingest.close();
        report();
      }
    },
  };
}

function logEvent(event: LiveEvent, source: string, log: LogLine): void {
  const time = (ms: number | undefined): string | undefined =>
    ms === undefined ? undefined : new Date(ms).toISOString();
  switch (event.kind) {
    case 'connected':
      log('info', 'source connected', { source, from: time(event.fromMs) });
      return;
    case 'lost': {
      const { reason, detail, waitMs } = event;
      log('warn', 'connection to the source lost', { source, reason, detail, seconds: waitMs / 1000 });
      return;
    }
    case 'gap':
      log('warn', 'gap in the source', { source, from: time(event.fromMs), to: time(event.toMs) });
  }
}
