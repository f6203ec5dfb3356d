/** `chorus replay --kafka` and `chorus verify` on a real broker, against what a deployment has published there. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { readHeader } from '../../src/frames/frame.ts';
import { committedOffsets, logBounds } from '../../src/kafka/offsets.ts';
import { FrameProducer, type OutgoingRecord } from '../../src/kafka/producer.ts';
import { TICK_HEADER } from '../../src/runtime/fingerprint-task.ts';
import type { Alert } from '../../src/model.ts';
import { Random } from '../../src/simulate/random.ts';
import type { ReplaySummary } from '../../src/runtime/replay.ts';
import { verify as verifyDeployment, type VerifyReport } from '../../src/runtime/verify.ts';
import { publishedSchema } from '../../src/registry/schemas.ts';
import { alertCodec } from '../../src/sinks/encode-alert.ts';
import { loadTable } from '../../src/cli/table.ts';
import { chorus, parsedLines, type Outcome } from '../support/command.ts';
import { replayed, Site, type SiteOptions } from '../support/deployment.ts';
import { countOf, ending, posts, replayLines, simulatedDay, withFaults, type FedRecord } from '../support/day.ts';
import { until } from '../kafka/support.ts';
import { temporaryFolder } from '../support/feeds.ts';

const folder = temporaryFolder();
const SOURCES = 3;
const DAY = simulatedDay({ posts: 6000, hours: 8 });
const FED = withFaults(DAY, 5);

const sites: Site[] = [];
afterAll(() => Promise.all(sites.map((site) => site.close())));

async function siteOf(records: readonly FedRecord[], options: Partial<SiteOptions> = {}): Promise<Site> {
  const site = await Site.open(inject('kafka'), { sources: SOURCES, partitions: 2, alertPartitions: 2, ...options });
  sites.push(site);
  await site.send(records);
  return site;
}

/** With a short lead, so that it does not reach the beginning. */
async function verifySite(site: Site, offsets?: ReadonlyMap<number, number>): Promise<VerifyReport> {
  return await verifyDeployment({
    deployment: { ...site.settings, table: loadTable() },
    client: site.client,
    registry: undefined,
    from: offsets === undefined ? undefined : { kind: 'offsets', offsets },
    to: undefined,
    sortMemoryBytes: 16 << 20,
    leadRecords: 50,
    signal: new AbortController().signal,
  });
}

let made = 0;

/** The configuration file of a site. */
function configOf({ settings, topics }: Pick<Site, 'settings' | 'topics'>, more: readonly string[] = []): string {
  const path = join(folder, `${++made}.yaml`);
  const lines = [
    'kafka:',
    `  brokers: ${settings.kafka.brokers.join(',')}`,
    `  topic: ${topics.feed}`,
    `  prefix: ${settings.groupPrefix}`,
    `  alertsTopic: ${topics.alerts}`,
    `  partitions: ${settings.partitions}`,
    `  eventTime: ${settings.eventTime}`,
    '  outOfOrderness: 1h',
    ...more,
    'alerts:',
    `  provenance: ${settings.provenance !== undefined}`,
  ];
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

async function publish(site: Site, records: readonly OutgoingRecord[]): Promise<void> {
  const producer = new FrameProducer(site.client);
  await producer.connect();
  await producer.send(site.topics.alerts, records);
  await producer.disconnect();
}

async function groups(site: Site): Promise<string[]> {
  return (await site.admin.listGroups()).groups.map(({ groupId }) => groupId).sort();
}

/** By `id/revision`. */
function named(ndjson: string): Map<string, string> {
  const alerts = parsedLines<Alert>(ndjson);
  return new Map(alerts.map((alert) => [`${alert.id}/${alert.revision}`, JSON.stringify(alert)]));
}

describe('replay --kafka', () => {
  let site: Site;
  let config: string;
  let expected: ReadonlyMap<string, string>;
  beforeAll(async () => {
    site = await siteOf([...FED, ...ending(SOURCES)]);
    config = configOf(site);
    expected = await replayed(replayLines(FED));
  });

  async function replay(...flags: string[]): Promise<Outcome & { readonly summary: ReplaySummary }> {
    const summary = join(folder, `summary-${++made}.json`);
    const outcome = await chorus([
      'replay',
      '--kafka',
      site.topics.feed,
      '--config',
      config,
      '--summary',
      summary,
      ...flags,
    ]);
    expect(outcome.stderr).not.toContain('chorus:');
    expect(outcome.code).toBe(0);
    return { ...outcome, summary: JSON.parse(readFileSync(summary, 'utf8')) as ReplaySummary };
  }

  test('gives the bytes that the files give, counts every record, and leaves no trace', async () => {
    const before = { groups: await groups(site), alerts: await logBounds(site.admin, site.topics.alerts) };
    const { stdout, stderr, summary } = await replay();
    expect(expected.size).toBeGreaterThan(20);
    expect(named(stdout)).toEqual(expected);
    expect({ groups: await groups(site), alerts: await logBounds(site.admin, site.topics.alerts) }).toEqual(before);
    const records = FED.length + SOURCES;
    const feed = {
      topic: site.topics.feed,
      late: countOf(FED, 'late'),
      ticks: SOURCES,
      tombstones: countOf(FED, 'tombstone'),
    };
    expect(feed.late).toBeGreaterThan(5);
    expect(summary).toMatchObject({ lines: records, posts: countOf(FED, 'post'), feed, inputs: [site.topics.feed] });
    expect(summary.rejected.count).toBe(countOf(FED, 'rejected'));
    expect(summary.posts + summary.rejected.count + feed.late + feed.ticks + feed.tombstones).toBe(records);
    expect(summary.rejected.byReason.map(({ reason }) => reason)).toContain('time_ahead');
    expect(summary.rejected.byReason[0]!.samples[0]!.input).toMatch(new RegExp(`^${site.topics.feed}/[0-2]$`));
    expect(stderr).toContain(`late: ${feed.late}\n`);
    expect(stderr).toMatch(/offsets of \S+: 0: 0 to \d+, 1: 0 to \d+, 2: 0 to \d+\n/);
  });

  test('from and to offsets, and with other settings', async () => {
    const bounds = await logBounds(site.admin, site.topics.feed);
    const halves = bounds.map(({ high }, partition) => `${partition}:${Math.floor(high / 2)}`);
    const first = await replay('--to', halves.join());
    const second = await replay('--from', halves.join());
    expect(first.summary.lines + second.summary.lines).toBe(FED.length + SOURCES);
    expect(first.summary.feed!.partitions[1]).toEqual({ partition: 1, from: 0, to: Math.floor(bounds[1]!.high / 2) });
    const part = await replay('--from', `0:10`, '--to', `0:30,1:0,2:0`, '--min-accounts', '4');
    expect(part.summary).toMatchObject({ lines: 20, minAccounts: 4 });
    const strict = await replay('--min-accounts', '30', '--final');
    const finals = parsedLines<Alert>(strict.stdout);
    expect(finals.length).toBeLessThan(
      Array.from(expected.values()).filter((json) => json.includes('"closed"')).length,
    );
    expect(finals.every(({ status }) => status === 'closed' || status === 'merged')).toBe(true);
  });

  test('from and to a time of the broker', async () => {
    const timed = await siteOf(posts(DAY.slice(0, 300)));
    await sleep(1500);
    const betweenMs = Date.now() - 700;
    await timed.send(posts(DAY.slice(300, 400)));
    const flags = ['replay', '--kafka', timed.topics.feed, '--config', configOf(timed), '--alerts', join(folder, 'a')];
    const between = new Date(betweenMs).toISOString();
    const posted = async (...more: string[]): Promise<string> =>
      /^posts: (\d+)/.exec((await chorus([...flags, ...more])).stderr)![1]!;
    expect(await posted('--from', between)).toBe('100');
    expect(await posted('--to', between)).toBe('300');
    expect(await posted('--from', '1h')).toBe('400');
    expect(await posted('--to', '1h')).toBe('0');
  });

  test('refuses what is not there, with a code for each', async () => {
    const refused = async (...args: string[]): Promise<Outcome> => chorus(['replay', '--config', config, ...args]);
    const offsets = await refused('--kafka', site.topics.feed, '--from', '0:999999,7:1');
    expect(offsets.code).toBe(2);
    expect(offsets.stderr).toMatch(/--from: "0:999999", must be an offset of \S+\/0, which holds 0 to \d+\n/);
    expect(offsets.stderr).toContain('--from: "7:1", must be of one of the 3 partitions');
    const words = await refused('--kafka', site.topics.feed, '--to', 'yesterday', 'file.ndjson');
    expect(words.code).toBe(2);
    expect(words.stderr).toContain('FILE: "file.ndjson", must be left out with --kafka');
    expect(words.stderr).toContain('--to: "yesterday", must be a time such as');
    expect((await refused('--from', '1h', 'file.ndjson')).stderr).toContain(
      '--from: "1h", must be given with --kafka only',
    );
    const missing = await refused('--kafka', 'no-such-topic');
    expect(missing.stderr).toContain('no-such-topic');
    expect(missing.code).toBe(3);
  });
});

describe('verify', () => {
  let site: Site;
  let config: string;
  let published: Alert[];
  const report = join(folder, 'report.json');
  beforeAll(async () => {
    site = await siteOf(FED);
    config = configOf(site);
    const instance = await site.start();
    await site.drained();
    await instance.stop();
  });

  async function verify(...flags: string[]): Promise<Outcome & { readonly report: VerifyReport }> {
    const outcome = await chorus(['verify', '--config', config, '--json', report, ...flags]);
    if (outcome.code > 1) throw new Error(outcome.stderr);
    return { ...outcome, report: JSON.parse(readFileSync(report, 'utf8')) as VerifyReport };
  }

  test('while alerts are open: those due are the same, the others are not expected yet', async () => {
    const before = { groups: await groups(site), alerts: await logBounds(site.admin, site.topics.alerts) };
    const outcome = await verify();
    expect(outcome.stderr).toBe('');
    expect(outcome.stdout).toContain('all the same');
    expect(outcome.code).toBe(0);
    const { counts, dueBefore, differences, feed } = outcome.report;
    expect(differences).toEqual({ missing: 0, changed: 0, unexpected: 0, doubled: 0, outdated: 0 });
    expect(counts).toMatchObject({ compacted: 0, tooEarly: 0, entangled: 0 });
    expect(counts.judged).toBeGreaterThan(10);
    const all = await site.published();
    expect(counts.judged).toBe(all.alerts.size);
    expect(feed.late).toBe(countOf(FED, 'late'));
    // An hour of out-of-orderness behind the slowest of three sources.
    const lastMs = Date.parse((JSON.parse(DAY.at(-1)!) as { createdAt: string }).createdAt);
    expect(lastMs - Date.parse(dueBefore!)).toBeGreaterThanOrEqual(3_600_000);
    expect(lastMs - Date.parse(dueBefore!)).toBeLessThan(2 * 3_600_000);
    expect({ groups: await groups(site), alerts: await logBounds(site.admin, site.topics.alerts) }).toEqual(before);
  });

  test('while the campaign stage lags: what it has not read yet is not due', async () => {
    const { counts } = (await verify()).report;
    await site.send(ending(SOURCES));
    const instance = await site.start({ stages: ['fingerprint', 'match'] });
    const endMs = Number(ending(1)[0]!.headers![TICK_HEADER]);
    await until('the links have reached the end', async () => {
      const headers = (await site.records(site.topics.links)).map(({ record }) => readHeader(record.value!));
      return new Set(headers.filter(({ watermark }) => watermark === endMs).map(({ source }) => source)).size === 2;
    });
    await instance.stop();
    const outcome = await verify();
    expect(outcome.report.listed).toEqual([]);
    expect(outcome.report.counts).toEqual(counts);
  });

  test('at the end: all of them are judged', async () => {
    const instance = await site.start();
    await site.drained();
    await instance.stop();
    published = Array.from((await site.published()).alerts.values(), (json) => JSON.parse(json) as Alert);
    const expected = await replayed(replayLines(FED));
    const outcome = await verify();
    expect(outcome.code).toBe(0);
    expect(outcome.report.counts).toMatchObject({ judged: expected.size, tooEarly: 0, removed: 0 });
    expect(outcome.report.counts.judged).toBe(published.length);
  });

  test('a range that ends before the feed: what is due after it is left alone', async () => {
    const bounds = await logBounds(site.admin, site.topics.feed);
    const to = bounds.map(({ high }, partition) => `${partition}:${Math.floor(0.7 * high)}`).join();
    const outcome = await verify('--to', to);
    expect(outcome.report.listed).toEqual([]);
    expect(outcome.code).toBe(0);
    expect(outcome.report.counts.judged).toBeGreaterThan(5);
    expect(outcome.report.counts.judged).toBeLessThan(published.length);
  });

  test('a range that begins within the feed: campaigns that may depend on what lies before are left alone', async () => {
    const bounds = await logBounds(site.admin, site.topics.feed);
    const part = (share: number): Promise<VerifyReport> =>
      verifySite(site, new Map(bounds.map(({ high }, partition) => [partition, Math.floor(share * high)])));
    const reports = [await part(0.3), await part(0.5)];
    for (const { differences, counts, judgedFrom, feed } of reports) {
      expect(differences).toEqual({ missing: 0, changed: 0, unexpected: 0, doubled: 0, outdated: 0 });
      expect(counts.judged).toBeGreaterThan(3);
      expect(counts.tooEarly).toBeGreaterThan(5);
      expect(counts.entangled).toBe(0);
      // A window behind the latest post that may lie before the range.
      expect(Date.parse(judgedFrom!) - Date.parse(feed.firstPostAt!)).toBeGreaterThan(3_600_000);
    }
    expect(reports[1]!.counts.judged).toBeLessThan(reports[0]!.counts.judged);
  });

  test('alerts that came again in other formats are the same', async () => {
    const { schema } = publishedSchema('alert', 'avro');
    const codecs = [
      alertCodec({ kind: 'framed-json', schemaId: 7 }),
      alertCodec({ kind: 'framed-avro', schemaId: 8, schema }),
    ];
    const finals = published.filter(({ status }) => status === 'closed' || status === 'merged').slice(0, 5);
    const again = codecs.flatMap((codec) =>
      finals.map((alert) => ({ partition: 0, key: alert.id, value: codec.encode(alert) })),
    );
    await publish(site, again);
    const outcome = await verify();
    expect(outcome.report.listed).toEqual([]);
    expect(outcome.report.published.records).toBe(published.length + again.length);
  });

  test('other settings than those of the deployment are refused', async () => {
    const outcome = await chorus(['verify', '--config', configOf(site, ['minAccounts: 6'])]);
    expect(outcome.code).toBe(2);
    expect(outcome.stderr).toMatch(
      /topology: "[0-9a-f]{16}", must be [0-9a-f]{16}, that of the frames in topic \S+\.links/,
    );
  });

  test('a deployment that is not there, and a broker that does not answer, cannot be read', async () => {
    const other = configOf({ topics: site.topics, settings: { ...site.settings, groupPrefix: 'nobody' } });
    expect((await chorus(['verify', '--config', other])).code).toBe(3);
    const away = configOf({
      topics: site.topics,
      settings: { ...site.settings, kafka: { brokers: ['127.0.0.1:1'], clientId: 'x' } },
    });
    const outcome = await chorus(['verify', '--config', away]);
    expect(outcome.code).toBe(3);
    expect(outcome.stderr).toContain('Check that the brokers run');
  });

  test('alerts that were tampered with are each reported', async () => {
    const finals = published.filter(({ status }) => status === 'closed').toSorted((a, b) => (a.id < b.id ? -1 : 1));
    const [changed, deleted, invented, repeated] = finals;
    const places = await site.records(site.topics.alerts);
    const partitionOf = (id: string): number => places.find(({ record }) => record.key!.toString() === id)!.partition;
    const partition = 0;
    const count = changed!.samples.listed[1]!;
    const samples = [
      changed!.samples.listed[0]!,
      { ...count, text: `${count.text}!` },
      ...changed!.samples.listed.slice(2),
    ];
    const tampered = { ...changed!, samples: { ...changed!.samples, listed: samples } };
    const newcomer = { ...invented!, id: 'feedfacefeedface' };
    const first = published.find(({ id, revision }) => id === repeated!.id && revision === 1)!;
    const valueOf = (alert: Alert): string => JSON.stringify(alert);
    await publish(site, [
      { partition: partitionOf(tampered.id), key: tampered.id, value: valueOf(tampered) },
      { partition: partitionOf(deleted!.id), key: deleted!.id, value: null },
      { partition, key: newcomer.id, value: valueOf(newcomer) },
      { partition, key: 'junk', value: 'no alert' },
      { partition: partitionOf(first.id), key: first.id, value: valueOf({ ...first, engine: 'another/1' }) },
      { partition, key: 'elsewhere', value: valueOf({ ...newcomer, topology: '0000000000000000' }) },
    ]);
    const outcome = await verify();
    expect(outcome.code).toBe(1);
    const { differences, listed } = outcome.report;
    expect(differences).toEqual({ missing: 1, changed: 1, unexpected: 2, doubled: 1, outdated: 1 });
    const of = (kind: string): unknown => listed.filter((difference) => difference.kind === kind);
    const field = 'samples.listed[1].text';
    expect(of('changed')).toMatchObject([
      {
        id: changed!.id,
        revision: changed!.revision,
        partition,
        detail: expect.stringContaining(`${field}: published`),
      },
    ]);
    expect(of('doubled')).toMatchObject([{ id: changed!.id, detail: expect.stringContaining(`${field}: here`) }]);
    expect(of('missing')).toMatchObject([
      { id: deleted!.id, revision: deleted!.revision, detail: 'deleted by a tombstone' },
    ]);
    expect(of('unexpected')).toMatchObject([
      { id: newcomer.id, revision: newcomer.revision, partition },
      { id: 'junk', detail: expect.stringContaining('no alert') },
    ]);
    expect(of('outdated')).toMatchObject([{ id: repeated!.id, revision: repeated!.revision }]);
    expect(outcome.report.published).toMatchObject({ tombstones: 1, ofOtherTopology: 1, unreadable: 1 });
    expect(outcome.stdout).toContain(`${field}: published`);
    expect(outcome.stdout).toContain('6 differences:');
  });
});

test('a deployment that runs, by the time of the broker, is the same at any moment', async () => {
  const settings = { eventTime: 'record', outOfOrdernessMs: 100, idleMs: 300, commitIntervalMs: 100 } as const;
  const site = await siteOf([], { settings, feedConfigs: { 'message.timestamp.type': 'LogAppendTime' } });
  await site.start();
  const judged: number[] = [];
  let isFed = false;
  const fed = (async () => {
    for (let at = 0; at < DAY.length; at += 60) {
      await site.send(posts(DAY.slice(at, at + 60)));
      await sleep(50);
    }
    isFed = true;
  })();
  await until('the campaign stage has committed', async () => {
    const group = `${site.settings.groupPrefix}.campaign`;
    // A broker that has just made the group may not know yet that it coordinates it.
    const committed = await committedOffsets(site.admin, group, site.topics.links).catch(() => new Map());
    return committed.size > 0;
  });
  for (let isLast = false; !isLast;) {
    isLast = isFed;
    // The last time when sources have been idle for long enough to let the last alerts be due.
    if (isLast) await sleep(1500);
    const { listed, counts } = await verifySite(site);
    expect(listed).toEqual([]);
    judged.push(counts.judged);
  }
  await fed;
  expect(judged.length).toBeGreaterThan(2);
  expect(judged).toEqual(judged.toSorted((a, b) => a - b));
  expect(judged.at(-1)).toBe((await site.published()).alerts.size);
  expect(judged.at(-1)).toBeGreaterThan(20);
});

test('where retention has removed the first posts, alerts of later ones are judged', async () => {
  const site = await siteOf([...FED, ...ending(SOURCES)], { feedConfigs: { 'retention.ms': '-1' } });
  const instance = await site.start();
  await site.drained();
  await instance.stop();
  const bounds = await logBounds(site.admin, site.topics.feed);
  const partitions = bounds.map(({ high }, partition) => ({ partition, offset: String(Math.floor(high / 3)) }));
  await site.admin.deleteTopicRecords({ topic: site.topics.feed, partitions });
  const json = join(folder, 'cut.json');
  const { code, stdout } = await chorus(['verify', '--config', configOf(site), '--json', json]);
  const report = JSON.parse(readFileSync(json, 'utf8')) as VerifyReport;
  expect(report.listed).toEqual([]);
  expect(code).toBe(0);
  expect(report.counts.judged).toBeGreaterThan(3);
  expect(report.counts.tooEarly).toBeGreaterThan(10);
  expect(stdout).toMatch(/not judged: \d+ revisions with a first post before 2025-/);
});

test('a tick on its own lets alerts close, and posts behind it are late', async () => {
  const at = Math.floor(DAY.length / 2);
  const midMs = Date.parse((JSON.parse(DAY[at]!) as { createdAt: string }).createdAt);
  const tick = { [TICK_HEADER]: String(midMs + 24 * 3_600_000) };
  const ticks: FedRecord[] = [0, 1, 2].map((partition) => ({ value: null, headers: tick, partition, fate: 'tick' }));
  const site = await siteOf([...posts(DAY.slice(0, at)), ...ticks, ...posts(DAY.slice(at))]);
  const { stdout, stderr } = await chorus(['replay', '--kafka', site.topics.feed, '--config', configOf(site)]);
  expect(named(stdout)).toEqual(await replayed(DAY.slice(0, at)));
  expect(stderr).toContain(`late: ${String(DAY.length - at).replace(/(\d)(\d{3})$/, '$1,$2')}\n`);
});

describe('deletions, edits and the places of posts', () => {
  /** Of the posts of a campaign some are deleted, some edited, and some deleted before they come or twice. */
  function withRetractions(lines: readonly string[]): FedRecord[] {
    const random = new Random(9);
    const records: FedRecord[] = [];
    for (const line of lines) {
      const post = JSON.parse(line) as { id: string; platform: string; createdAt: string; text: string };
      const { id, platform, text } = post;
      const later = (seconds: number): string => new Date(Date.parse(post.createdAt) + seconds * 1000).toISOString();
      const deletion = (seconds: number): FedRecord => ({
        value: JSON.stringify({ deleted: true, id, platform, createdAt: later(seconds) }),
        fate: 'post',
      });
      const dice = random.below(20);
      if (dice === 0) records.push(deletion(-5));
      records.push({ value: line, fate: 'post' });
      if (random.below(30) === 0) records.push({ value: line, fate: 'post' });
      if (dice === 1 || dice === 2) records.push(deletion(random.below(1800)), deletion(random.below(1800)));
      const editedAt = later(random.below(900));
      const edit = { ...post, text: `${text} (edited)`, createdAt: editedAt, editedAt };
      if (dice === 3) records.push({ value: JSON.stringify(edit), fate: 'post' });
    }
    return records;
  }

  test('samples name the record of the feed that they were read from; replay and verify say the same', async () => {
    const records = [...withRetractions(simulatedDay({ posts: 3000, hours: 6 })), ...ending(SOURCES)];
    const fed = await siteOf(records);
    const { feed } = fed.topics;
    const site = await Site.open(inject('kafka'), {
      sources: SOURCES,
      partitions: 2,
      feed,
      settings: { provenance: feed },
    });
    sites.push(site);
    const instance = await site.start();
    await site.drained();
    await instance.stop();
    const { alerts } = await site.published();
    const config = configOf(site);
    const replay = await chorus(['replay', '--kafka', feed, '--config', config]);
    expect(replay.code).toBe(0);
    expect(named(replay.stdout)).toEqual(new Map(alerts));
    expect((await chorus(['verify', '--config', config])).code).toBe(0);
    const values = new Map(
      (await site.records(feed)).map(({ partition, record }) => [`${partition} ${record.offset}`, record.value]),
    );
    const revisions = Array.from(alerts.values(), (json) => JSON.parse(json) as Alert);
    expect(revisions.some(({ removedCount }) => removedCount > 0)).toBe(true);
    const samples = revisions.flatMap(({ samples: { listed } }) => listed);
    expect(samples.length).toBeGreaterThan(100);
    for (const { source, id, text, account } of samples) {
      expect(source!.topic).toBe(feed);
      const value = values.get(`${source!.partition} ${source!.offset}`);
      expect(JSON.parse(String(value))).toMatchObject({ id, text, account });
    }
  });
});
