import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LinksFrameBuilder, type FramedPost } from '../../src/frames/links.ts';
import { FingerprintsFrame } from '../../src/frames/fingerprints.ts';
import { evidenceOf, framedPost, linksEvent } from '../../src/runtime/evidence.ts';
import type { StageSettings } from '../../src/runtime/engine.ts';
import { Random } from '../../src/simulate/random.ts';
import type { Revision } from '../../src/stages/campaign.ts';
import { CampaignPartition } from '../../src/stages/campaign-partition.ts';
import { FingerprintStage } from '../../src/stages/fingerprint.ts';
import { MatchPartition, pieceOf, type ReleasedEvent } from '../../src/stages/match-partition.ts';
import { SourcePartition } from '../../src/stages/source-partition.ts';
import { decodeCampaignState, encodeCampaignState } from '../../src/windows/campaign-state.ts';
import { CampaignStage } from '../../src/stages/campaign.ts';
import { inTotalOrder, isPost, runSteps, stepsOf, type Item } from '../support/steps.ts';
import { feed, itemsOf, settingsOf, type Feed } from '../support/variants.ts';

const TOPOLOGY = '0123456789abcdef';
const OUT_OF_ORDER_MS = 9;
const END_MS = 8e15;

interface Layout {
  readonly sources: number;
  readonly targets: number;
  readonly seed: number;
}

const layout = fc.record<Layout>({
  sources: fc.integer({ min: 1, max: 4 }),
  targets: fc.integer({ min: 1, max: 8 }),
  seed: fc.nat(),
});

function settingsFor(options: Feed): StageSettings {
  const { windowMs, minAccounts, latenessMs, updateIntervalMs, simhash } = options;
  const settings = settingsOf({ windowMs, minAccounts, latenessMs, updateIntervalMs, families: { simhash } });
  return { ...settings, campaign: { ...settings.campaign, removalIntervalMs: 5, retractionsMax: 30 } };
}

/** The stages over frames in memory, with partitions rebuilt and states saved and read back at random. */
class Pipeline {
  readonly #random: Random;
  readonly #settings: StageSettings;
  readonly #layout: Layout;
  readonly #sources: SourcePartition[];
  /** The log of each partition of `fingerprints`. */
  readonly #logs: Uint8Array[][];
  #campaign: CampaignPartition;
  readonly #matches: MatchPartition[];
  readonly #pieces: Map<number, FingerprintsFrame>[];
  readonly #read: number[];
  readonly #links: LinksFrameBuilder;
  readonly #spoken: number[];
  readonly out: Revision[] = [];
  rebuilds = 0;
  late = 0;

  constructor(settings: StageSettings, shape: Layout) {
    const { sources, targets } = shape;
    this.#random = new Random(shape.seed);
    this.#settings = settings;
    this.#layout = shape;
    this.#sources = Array.from(
      { length: sources },
      (_, source) =>
        new SourcePartition(
          new FingerprintStage(settings.fingerprint),
          { topology: TOPOLOGY, source, sources, targets },
          OUT_OF_ORDER_MS,
        ),
    );
    this.#logs = Array.from({ length: targets }, () => []);
    this.#matches = Array.from({ length: targets }, (_, target) => this.#newMatch(target));
    this.#pieces = Array.from({ length: targets }, () => new Map<number, FingerprintsFrame>());
    this.#read = Array.from({ length: targets }, () => 0);
    this.#spoken = Array.from({ length: targets }, () => 0);
    this.#links = new LinksFrameBuilder();
    this.#campaign = this.#newCampaign();
  }

  #newMatch(target: number): MatchPartition {
    const { sources, targets } = this.#layout;
    return new MatchPartition(this.#settings.match, { topology: TOPOLOGY, sources, target, targets });
  }

  #newCampaign(saved?: {
    stage: CampaignStage;
    chain: string;
    pending: CampaignPartition['pending'];
  }): CampaignPartition {
    const route = { topology: TOPOLOGY, sources: this.#layout.targets, target: 0, targets: 1 };
    return new CampaignPartition(this.#settings.campaign, route, evidenceOf, saved);
  }

  run(items: readonly Item[]): void {
    const random = this.#random;
    const { sources } = this.#layout;
    const queues: Item[][] = Array.from({ length: sources }, () => []);
    for (const item of items) queues[random.below(sources)]!.push(item);
    const offsets = queues.map(() => 0);
    for (const [i, queue] of queues.entries()) queues[i] = jittered(queue, random);
    while (queues.some((queue) => queue.length > 0)) {
      const source = random.below(sources);
      const batch = queues[source]!.splice(0, random.below(12));
      this.#send(source, offsets[source]!, batch, undefined);
      offsets[source]! += batch.length;
      if (random.below(3) === 0) this.#match(random.below(this.#layout.targets));
    }
    for (const [source, offset] of offsets.entries()) this.#send(source, offset, [], END_MS);
    for (let target = 0; target < this.#layout.targets; target++) this.#match(target);
  }

  #send(source: number, from: number, batch: readonly Item[], tick: number | undefined): void {
    const partition = this.#sources[source]!;
    partition.begin(from);
    for (const [i, item] of batch.entries()) {
      if (!isPost(item)) partition.delete(item, from + i);
      else if (partition.take(item, from + i, Buffer.from(JSON.stringify(item))) === 'late') this.late++;
    }
    if (tick !== undefined) partition.witness(tick);
    for (const [target, bytes] of partition.finish(from + batch.length).entries()) {
      this.#logs[target]!.push(bytes);
      if (this.#random.below(5) === 0) this.#logs[target]!.push(bytes);
    }
  }

  #match(target: number): void {
    if (this.#random.below(4) === 0) this.#rebuild(target);
    const match = this.#matches[target]!;
    const log = this.#logs[target]!;
    for (let position = this.#read[target]!; position < log.length; position++) {
      for (const { reference, bytes } of match.ingest(position, log[position]!)) {
        this.#pieces[target]!.set(reference, new FingerprintsFrame(bytes));
      }
    }
    this.#read[target] = log.length;
    const events: ReleasedEvent[] = [];
    match.release(events);
    const route = { topology: TOPOLOGY, source: target, sources: this.#layout.targets, target: 0, targets: 1 };
    for (const event of events) this.#links.add(linksEvent(event, (reference) => this.#post(target, reference)));
    const span = { from: this.#spoken[target]!, to: match.released, watermark: match.watermark };
    this.#spoken[target] = match.released;
    const frame = this.#links.finish(route, span);
    this.#campaign.ingest(frame);
    if (this.#random.below(4) === 0) this.#campaign.ingest(frame);
    if (this.#random.below(2) === 0) this.#campaign.release(this.out);
    if (this.#random.below(4) === 0) this.#saveCampaign();
    if (match.watermark === END_MS) this.#campaign.release(this.out);
  }

  #rebuild(target: number): void {
    this.rebuilds++;
    const old = this.#matches[target]!;
    const match = this.#newMatch(target);
    const low = match.restore(old.checkpoint());
    same(low, old.low);
    const log = this.#logs[target]!;
    for (let position = low; position < this.#read[target]!; position++) {
      match.ingest(position, log[position]!);
      const dice = this.#random.below(4);
      // Whether what was said is said to nobody or not even looked for.
      if (dice === 0) match.release([]);
      else if (dice === 1) match.recall();
    }
    match.recall();
    same([match.released, match.pending, match.checkpoint()], [old.released, old.pending, old.checkpoint()]);
    this.#matches[target] = match;
  }

  #saveCampaign(): void {
    const old = this.#campaign;
    const lines = Array.from(encodeCampaignState(old.stage.state));
    const settings = this.#settings.campaign;
    const stage = new CampaignStage(settings, decodeCampaignState(lines, settings.limits));
    same(Array.from(encodeCampaignState(stage.state)), lines);
    this.#campaign = this.#newCampaign({ stage, chain: old.chain.encode(), pending: old.pending });
  }

  /** From what the partition has kept. */
  #post(target: number, reference: number): FramedPost {
    const first = pieceOf(reference);
    return framedPost({ frame: this.#pieces[target]!.get(first)!, index: reference - first });
  }
}

/** @throws Error if a part built anew is not what it was */
function same(found: unknown, wanted: unknown): void {
  if (isDeepStrictEqual(found, wanted)) return;
  throw new Error(`found ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`);
}

/** As far out of order as is allowed. */
function jittered(items: readonly Item[], random: Random): Item[] {
  return items
    .map((item) => ({ item, at: item.createdAt + random.below(OUT_OF_ORDER_MS) }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

describe('stages over frames of several sources and partitions', () => {
  test('say what the engine says, byte for byte, though they are rebuilt, saved and read, and frames come twice', () => {
    let rebuilds = 0;
    let alerts = 0;
    fc.assert(
      fc.property(feed, layout, (options, shape) => {
        const settings = settingsFor(options);
        const items = itemsOf(options);
        const steps = inTotalOrder(stepsOf(settings, items));
        const expected = runSteps(settings, steps).map(({ alert }) => JSON.stringify(alert));
        const pipeline = new Pipeline(settings, shape);
        pipeline.run(items);
        expect(pipeline.late).toBe(0);
        expect(pipeline.out.map(({ alert }) => JSON.stringify(alert))).toEqual(expected);
        rebuilds += pipeline.rebuilds;
        alerts += expected.length;
      }),
      { numRuns: 100 },
    );
    expect(rebuilds).toBeGreaterThan(50);
    expect(alerts).toBeGreaterThan(50);
  });
});
