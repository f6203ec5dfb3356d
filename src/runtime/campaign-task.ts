/**
 * The partition of `links`: frames in, revisions of alerts out, and from time to time a snapshot of the state into the
 * same topic. It has no store: its log is short, and a new instance reads it from the last snapshot on.
 */
import { Buffer } from 'node:buffer';
import { ChorusError } from '../errors.ts';
import { decodeNumber, encodeNumber } from '../frames/chain.ts';
import type { FrameRoute } from '../frames/frame.ts';
import type { Sample } from '../metrics.ts';
import { ALERT_STATUSES, type AlertStatus } from '../model.ts';
import { CampaignStage, type CampaignSettings, type Revision, type RevisionSink } from '../stages/campaign.ts';
import { CampaignPartition } from '../stages/campaign-partition.ts';
import { evidenceOf } from './evidence.ts';
import { isSnapshot, snapshotFrames, SnapshotReader } from './snapshot.ts';
import { notOurs, type Beginning, type LogRecord, type Output, type Step, type Task } from './task.ts';
import { watermarkSamples, watermarksOf } from './watermark-samples.ts';

/** What was published before. */
const NOWHERE: RevisionSink = { push: () => undefined };
/** At the FAMILY bits of the links. */
const CORE_FAMILIES = ['text', 'shingle', 'simhash', 'both'];

export interface CampaignTaskSettings {
  readonly campaign: CampaignSettings;
  readonly route: Omit<FrameRoute, 'source'>;
  /** Bytes of links after which a snapshot is taken, or twice the last snapshot where that is more. */
  readonly snapshotBytes: number;
  /** The longest time between two, by the broker's clock. Well below the retention of links. */
  readonly snapshotEveryMs: number;
  readonly encode: (revision: Revision) => Omit<Output, 'topic' | 'partition'>;
}

export class CampaignTask implements Task {
  partition: CampaignPartition;
  readonly counters = { snapshots: 0, snapshotBytes: 0 };
  readonly #statuses = new Map<AlertStatus, number>(ALERT_STATUSES.map((status) => [status, 0]));
  readonly #settings: CampaignTaskSettings;
  /** Where the log is to be read from to build the state: the position of the last snapshot, 0 without one. */
  #snapshot = 0;
  #bytesSince = 0;
  /** When the broker took the first record since then. */
  #sinceMs: number | undefined;
  #lastBytes = 0;
  #hasSnapshot = false;
  /** Counted before this task began, by the tasks before it. */
  #before: Counted = { duplicates: 0, removed: 0, cores: [0, 0, 0, 0], retractionsDropped: 0, participantsDropped: 0 };
  /** Campaigns that were open when it began. */
  #openBefore = 0;

  constructor(settings: CampaignTaskSettings) {
    this.#settings = settings;
    this.partition = new CampaignPartition(settings.campaign, settings.route, evidenceOf);
  }

  get watermark(): number {
    return this.partition.watermark;
  }

  async restore(beginning: Beginning): Promise<number> {
    const { committed, low, read, signal, onProgress } = beginning;
    this.#snapshot = committed === undefined ? low : snapshotOf(committed.metadata);
    if (this.#snapshot < low) throw lost(this.#snapshot, low);
    // The first start has nothing to build: what other instances have left in the log is read as it comes.
    if (committed === undefined) return low;
    if (committed.metadata.endsWith(';s')) await this.#load(beginning);
    for await (const records of read(this.#snapshot, committed.offset)) {
      signal.throwIfAborted();
      this.#ingest(records);
      this.partition.release(NOWHERE);
      onProgress(records.at(-1)!.offset + 1 - this.#snapshot, committed.offset - this.#snapshot);
    }
    this.#before = countedBy(this.partition.stage);
    this.#openBefore = this.partition.stage.openCampaigns;
    return committed.offset;
  }

  async #load({ high, read, signal }: Beginning): Promise<void> {
    const { campaign, route } = this.#settings;
    const reader = new SnapshotReader(this.#snapshot, route);
    for await (const records of read(this.#snapshot, high)) {
      signal.throwIfAborted();
      for (const { value } of records) {
        const snapshot = value === null ? undefined : reader.take(value, campaign.limits);
        if (snapshot === undefined) continue;
        const stage = new CampaignStage(campaign, snapshot.state);
        this.partition = new CampaignPartition(campaign, route, evidenceOf, { ...snapshot, stage });
        this.#hasSnapshot = true;
        return;
      }
    }
    throw lost(this.#snapshot, high);
  }

  process(records: readonly LogRecord[], next: number): Promise<Step> {
    const { encode } = this.#settings;
    const outputs: Output[] = [];
    const openedMs: number[] = [];
    this.#ingest(records);
    // Written down at once: an alert is several times as large as its bytes, and a batch may make hundreds.
    this.partition.release({
      push: (revision) => {
        const { status, lastPostAt } = revision.alert;
        this.#statuses.set(status, this.#statuses.get(status)! + 1);
        if (status === 'open') openedMs.push(Date.parse(lastPostAt));
        outputs.push({ topic: 'alerts', partition: -1, ...encode(revision) });
      },
    });
    if (this.#isDue(records.at(-1))) outputs.push(...this.#save(next));
    return Promise.resolve({ outputs, position: next, metadata: this.#metadata(), openedMs });
  }

  /** By bytes, so that a restore is short; by time as well, since retention counts in time and a feed may be quiet. */
  #isDue(last: LogRecord | undefined): boolean {
    if (last === undefined) return false;
    const { snapshotBytes, snapshotEveryMs } = this.#settings;
    this.#sinceMs ??= last.timestampMs;
    if (last.timestampMs - this.#sinceMs >= snapshotEveryMs) return true;
    return this.#bytesSince > Math.max(snapshotBytes, 2 * this.#lastBytes);
  }

  samples(): Sample[] {
    const { stage, chain, pending, repeated } = this.partition;
    const { retractions, participants } = stage.state;
    const { retractionsMax, participantsMax } = this.#settings.campaign;
    const labels = { stage: 'campaign', partition: '0' };
    const counted = countedBy(stage);
    const before = this.#before;
    return [
      { name: 'duplicates_total', labels: { stage: 'campaign' }, value: counted.duplicates - before.duplicates },
      { name: 'entries_repeated_total', labels: { stage: 'campaign' }, value: repeated },
      ...watermarkSamples(labels, watermarksOf(chain, this.#settings.route.sources)),
      ...CORE_FAMILIES.map((family, i): Sample => {
        return { name: 'cores_total', labels: { family }, value: counted.cores[i]! - before.cores[i]! };
      }),
      { name: 'posts_removed_total', labels: {}, value: counted.removed - before.removed },
      { name: 'retractions_held', labels: {}, value: retractions.count },
      { name: 'retractions_limit', labels: {}, value: retractionsMax },
      {
        name: 'retractions_dropped_total',
        labels: {},
        value: counted.retractionsDropped - before.retractionsDropped,
      },
      { name: 'participants_held', labels: {}, value: participants.count },
      { name: 'participants_limit', labels: {}, value: participantsMax },
      {
        name: 'participants_dropped_total',
        labels: {},
        value: counted.participantsDropped - before.participantsDropped,
      },
      { name: 'campaign_nodes', labels: {}, value: stage.nodes },
      { name: 'campaigns_open', labels: {}, value: this.#openCampaigns },
      { name: 'events_pending', labels: {}, value: pending.length },
      { name: 'snapshots_total', labels: {}, value: this.counters.snapshots },
      { name: 'snapshot_bytes', labels: {}, value: this.counters.snapshotBytes },
      ...Array.from(this.#statuses, ([status, value]): Sample => ({ name: 'alerts_total', labels: { status }, value })),
    ];
  }

  /** Each alert that opens is closed or merged in the end; to look all of them up takes a pass over the campaigns. */
  get #openCampaigns(): number {
    const revisions = (status: AlertStatus): number => this.#statuses.get(status)!;
    return this.#openBefore + revisions('open') - revisions('closed') - revisions('merged');
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #ingest(records: readonly LogRecord[]): void {
    for (const { value } of records) {
      if (value === null || isSnapshot(value)) continue;
      this.#bytesSince += value.byteLength;
      this.partition.ingest(value);
    }
  }

  #save(position: number): Output[] {
    const { route } = this.#settings;
    const frames = snapshotFrames(this.partition, position, { ...route, source: 0 });
    this.#snapshot = position;
    this.#hasSnapshot = true;
    this.#bytesSince = 0;
    this.#sinceMs = undefined;
    this.#lastBytes = frames.reduce((bytes, frame) => bytes + frame.byteLength, 0);
    this.counters.snapshots++;
    this.counters.snapshotBytes = this.#lastBytes;
    return frames.map((value) => ({ topic: 'links', partition: 0, key: null, value }));
  }

  #metadata(): string {
    return `1;${encodeNumber(this.#snapshot)};${this.#hasSnapshot ? 's' : 'b'}`;
  }
}

/** What a stage has counted since it was made, restoring included. */
interface Counted {
  readonly duplicates: number;
  readonly removed: number;
  readonly cores: readonly number[];
  readonly retractionsDropped: number;
  readonly participantsDropped: number;
}

function countedBy({ duplicates, removed, cores, state }: CampaignStage): Counted {
  const { retractions, participants } = state;
  return {
    duplicates,
    removed,
    cores: Array.from(cores),
    retractionsDropped: retractions.dropped,
    participantsDropped: participants.forgotten,
  };
}

function snapshotOf(metadata: string): number {
  const [version, snapshot, kind, ...rest] = metadata.split(';');
  if (version !== '1' || (kind !== 's' && kind !== 'b') || rest.length > 0) throw notOurs(metadata);
  return decodeNumber(snapshot);
}

function lost(position: number, reached: number): ChorusError {
  return new ChorusError(
    'snapshot_lost',
    `the state of the campaign stage was saved at position ${position} of its log, which now reaches from ${reached}: ` +
      'retention has removed it. Raise the retention of the topic of links and begin with a new kafka.prefix',
  );
}

/** Bytes of an alert as plain JSON: the same alert gives the same bytes. */
export function alertBytes({ alert }: Revision): Buffer {
  return Buffer.from(JSON.stringify(alert));
}
