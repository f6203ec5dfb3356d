/** What a run is about: how large the deployment is, what its settings are, how much goes wrong; and the tasks that run in it. */
import { Buffer } from 'node:buffer';
import { decodeCanonical } from '../../src/consumers/formats/canonical.ts';
import { alertBytes, CampaignTask } from '../../src/runtime/campaign-task.ts';
import type { StageSettings } from '../../src/runtime/engine.ts';
import { FingerprintTask, type EventTime } from '../../src/runtime/fingerprint-task.ts';
import { MatchTask } from '../../src/runtime/match-task.ts';
import type { Task } from '../../src/runtime/task.ts';
import { DEFAULTS } from '../../src/settings.ts';
import type { Random } from '../../src/simulate/random.ts';
import type { StoreProvider } from '../../src/state/store.ts';
import { settingsOf, type Feed } from '../support/variants.ts';
import { OUT_OF_ORDER_MS, type FeedOptions } from './feed.ts';
import type { Runner } from './runner.ts';
import { gatedStore } from './world.ts';

const TOPOLOGY = '00112233445566ff';

export class Scenario implements FeedOptions {
  readonly settings: StageSettings;
  readonly feed: Feed;
  readonly eventTime: EventTime;
  readonly isBulky: boolean;
  readonly sources: number;
  readonly targets: number;
  readonly instances: number;
  /** Faults come more often in some runs than in others. */
  readonly trouble: number;
  readonly #snapshotBytes: number;
  readonly #snapshotEveryMs: number;

  constructor(random: Random) {
    this.isBulky = random.below(15) === 0;
    this.feed = {
      seed: random.below(2 ** 31),
      posts: this.isBulky ? random.between(250, 400) : random.between(20, 160),
      texts: random.between(1, 3),
      accounts: random.between(4, 20),
      windowMs: random.between(5, 60),
      minAccounts: random.between(2, 6),
      latenessMs: random.below(2) * 7,
      updateIntervalMs: [3, 11, 1000][random.below(3)]!,
      duplicates: random.below(2) === 0,
      simhash: random.below(2) === 0,
      retractions: random.below(3) > 0,
    };
    this.settings = settingsFor(this.feed);
    this.sources = this.isBulky ? 1 : random.between(1, 3);
    this.targets = random.between(1, 4);
    this.instances = random.between(1, 4);
    this.#snapshotBytes = random.between(500, 20_000);
    this.#snapshotEveryMs = random.between(20, 1000);
    this.trouble = random.between(1, 12);
    this.eventTime = random.below(2) === 0 ? 'record' : 'payload';
  }

  /** The task of a runner, which gets the store that is opened for it. */
  async taskOf(runner: Runner, disk: StoreProvider): Promise<Task> {
    const { settings, sources, targets } = this;
    const { stage, partition } = runner;
    if (stage === 'fingerprint') {
      return new FingerprintTask(
        {
          fingerprint: settings.fingerprint,
          route: { topology: TOPOLOGY, source: partition, sources, targets },
          outOfOrdernessMs: OUT_OF_ORDER_MS,
          eventTime: this.eventTime,
          deadLettersOf: 'posts',
        },
        { isCanonical: true, decode: (value) => decodeCanonical(Buffer.from(value).toString('utf8')) },
      );
    }
    if (stage === 'match') {
      const route = { topology: TOPOLOGY, sources, target: partition, targets };
      const store = await disk.open(`match-${partition}`, TOPOLOGY);
      runner.store = gatedStore(store, (effect) => runner.pass(effect));
      return new MatchTask({ match: settings.match, route, cacheBytes: 4096 }, runner.store);
    }
    return new CampaignTask({
      campaign: settings.campaign,
      route: { topology: TOPOLOGY, sources: targets, target: 0, targets: 1 },
      snapshotBytes: this.#snapshotBytes,
      snapshotEveryMs: this.#snapshotEveryMs,
      encode: (revision) => ({ key: revision.alert.id, value: alertBytes(revision) }),
    });
  }
}

/** The topology is a slow hash: made once, since it is no part of what is asked here. */
const BASE = settingsOf({}, 16);

function settingsFor({ windowMs, minAccounts, latenessMs, updateIntervalMs, simhash }: Feed): StageSettings {
  const { match, campaign } = BASE;
  const fingerprint = { ...BASE.fingerprint, simhash };
  const core = { ...campaign.core, strongAccounts: Math.min(DEFAULTS.core.strongAccounts, minAccounts) };
  const alert = { ...campaign.alert, windowMs, provenance: 'posts' };
  return {
    ...BASE,
    fingerprint,
    match: { ...match, windowMs, simhash },
    campaign: {
      ...campaign,
      windowMs,
      latenessMs,
      minAccounts,
      updateIntervalMs,
      removalIntervalMs: 5,
      retractionsMax: 40,
      core,
      alert,
      fingerprint,
    },
  };
}
