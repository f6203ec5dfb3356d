/** What each setting alone cannot tell: the rules between them. */
import type { ConfigProblem } from '../errors.ts';
import type { Settings } from '../settings.ts';
import type { ShellSettings } from './config-shell.ts';
import { formatDuration } from './duration.ts';

/** A member that misses this many heartbeats in a row is taken for dead. */
const HEARTBEATS_PER_SESSION = 3;

export function checkTogether(settings: Settings, shell: ShellSettings): ConfigProblem[] {
  return [
    ...checkEngine(settings),
    ...checkTopicNames(shell),
    ...checkTimes(shell),
    ...checkAccess(shell),
    ...checkRegistry(shell),
  ];
}

export function internalTopics(prefix: string): { fingerprints: string; links: string } {
  return { fingerprints: `${prefix}.fingerprints`, links: `${prefix}.links` };
}

function checkEngine({ link, core, windowMs, durationMaxMs }: Settings): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const atLeast = (name: string, value: number, otherName: string, other: number): void => {
    if (value < other) problems.push({ name, value, bound: `at least ${otherName} (${other})` });
  };
  atLeast('core.weakSimilarity', core.weakSimilarity, 'link.similarity', link.similarity);
  atLeast('core.unitesSimilarity', core.unitesSimilarity, 'link.similarity', link.similarity);
  atLeast('core.strongSimilarity', core.strongSimilarity, 'core.weakSimilarity', core.weakSimilarity);
  if (durationMaxMs < windowMs) {
    const bound = `at least window (${formatDuration(windowMs)})`;
    problems.push({ name: 'durationMax', value: formatDuration(durationMaxMs), bound });
  }
  return problems;
}

function checkTopicNames({ kafka }: ShellSettings): ConfigProblem[] {
  const { topic, prefix, alertsTopic, deadLettersTopic } = kafka;
  const { fingerprints, links } = internalTopics(prefix);
  const taken = new Map([
    [fingerprints, 'the topic of fingerprints'],
    [links, 'the topic of links'],
  ]);
  const problems: ConfigProblem[] = [];
  const named = { 'kafka.topic': topic, 'kafka.alertsTopic': alertsTopic, 'kafka.deadLettersTopic': deadLettersTopic };
  for (const [name, value] of Object.entries(named)) {
    if (value === undefined) continue;
    const other = taken.get(value);
    if (other !== undefined) problems.push({ name, value, bound: `another topic than ${other}` });
    taken.set(value, name);
  }
  return problems;
}

function checkTimes({ kafka }: ShellSettings): ConfigProblem[] {
  const { heartbeatMs, sessionTimeoutMs } = kafka;
  if (heartbeatMs * HEARTBEATS_PER_SESSION <= sessionTimeoutMs) return [];
  const bound = `at most a third of kafka.sessionTimeout (${formatDuration(sessionTimeoutMs)})`;
  return [{ name: 'kafka.heartbeat', value: formatDuration(heartbeatMs), bound }];
}

function checkAccess({ kafka }: ShellSettings): ConfigProblem[] {
  const { tls, sasl } = kafka;
  const problems: ConfigProblem[] = [];
  const missing = (name: string, bound: string): void => void problems.push({ name, value: undefined, bound });
  if (tls.cert !== undefined && tls.key === undefined) missing('kafka.tls.key', 'given along with kafka.tls.cert');
  if (tls.key !== undefined && tls.cert === undefined) missing('kafka.tls.cert', 'given along with kafka.tls.key');
  if (sasl.mechanism === undefined) {
    const given = Object.entries(sasl).find(([, value]) => value !== undefined);
    if (given !== undefined) missing('kafka.sasl.mechanism', `given along with kafka.sasl.${given[0]}`);
    return problems;
  }
  if (sasl.mechanism !== 'oauthbearer') {
    if (sasl.username === undefined) missing('kafka.sasl.username', `given along with mechanism ${sasl.mechanism}`);
    return problems;
  }
  if (sasl.tokenUrl !== undefined) {
    if (sasl.clientId === undefined) missing('kafka.sasl.clientId', 'given along with kafka.sasl.tokenUrl');
    if (sasl.tokenFile !== undefined) {
      problems.push({
        name: 'kafka.sasl.tokenFile',
        value: sasl.tokenFile,
        bound: 'left out with kafka.sasl.tokenUrl',
      });
    }
  }
  return problems;
}

function checkRegistry({ registry, alerts }: ShellSettings): ConfigProblem[] {
  const { url, username, tokenFile } = registry;
  const problems: ConfigProblem[] = [];
  if (alerts.format !== 'json' && url === undefined) {
    problems.push({ name: 'alerts.format', value: alerts.format, bound: 'json where no registry.url is given' });
  }
  if (username !== undefined && tokenFile !== undefined) {
    problems.push({ name: 'registry.tokenFile', value: tokenFile, bound: 'left out where there is registry.username' });
  }
  return problems;
}
