/**
 * One seeded run of a deployment with everything going wrong that may: batches cut anywhere, rebalances, instances that go
 * on writing after they have lost a partition, crashes between any two effects, lost disks, trimmed logs, idle sources,
 * late and equal times, posts sent twice. In the end the alerts must be those of one process over the sorted posts, byte
 * for byte.
 */
import { hashStrings } from '../../src/fingerprints/hash.ts';
import { ENTRY } from '../../src/frames/entry.ts';
import type { Post } from '../../src/model.ts';
import { alertBytes, CampaignTask } from '../../src/runtime/campaign-task.ts';
import type { StageSettings } from '../../src/runtime/engine.ts';
import { FingerprintTask, TICK_HEADER } from '../../src/runtime/fingerprint-task.ts';
import { MatchTask } from '../../src/runtime/match-task.ts';
import { perform, type Effects, type Task } from '../../src/runtime/task.ts';
import { decodeCanonical } from '../../src/consumers/formats/canonical.ts';
import { Random } from '../../src/simulate/random.ts';
import { FingerprintStage } from '../../src/stages/fingerprint.ts';
import { postsOf, runEngine, settingsOf, type Feed } from '../support/variants.ts';
import { gatedEffects, STAGES, World, type Membership, type StageName } from './world.ts';

const TOPOLOGY = '00112233445566ff';
const END_MS = 8e15;
const OUT_OF_ORDER_MS = 6;

export const FAULTS = [
  'crash before produce',
  'crash while producing',
  'crash before store',
  'crash before commit',
  'crash after commit',
  'crash while restoring',
  'lost disk',
  'rebalance',
  'zombie wrote',
  'zombie commit refused',
  'restored from disk',
  'restored from log',
  'restored from snapshot',
  'trimmed log',
  'idle tick',
  'late post',
  'post sent twice',
  'equal times',
  'hole in the log',
  'frame sent twice',
] as const;
export type Fault = (typeof FAULTS)[number];

export interface Outcome {
  readonly faults: Map<Fault, number>;
  readonly alerts: number;
  /** What differs from one process over the sorted posts; undefined if nothing does. */
  readonly difference: string | undefined;
}

class Crash extends Error {}

/** A task of one instance, at work on one partition. */
interface Runner {
  readonly stage: StageName;
  readonly partition: number;
  readonly instance: number;
  readonly generation: number;
  task: Task | undefined;
  position: number;
  /** What it is waiting at, and how to let it on; undefined while it has nothing to do. */
  gate: { readonly effect: string; readonly open: () => void; readonly fail: (error: Error) => void } | undefined;
  /** Resolves at the next gate, or at the end of what it does. */
  settled: Promise<void>;
  settle: () => void;
  isBusy: boolean;
  isDead: boolean;
}

export async function simulateRun(seed: number): Promise<Outcome> {
  const run = new Run(seed);
  await run.play();
  return run.outcome();
}

class Run {
  readonly #random: Random;
  readonly #settings: StageSettings;
  readonly #sources: number;
  readonly #targets: number;
  readonly #world: World;
  readonly #feeds: Post[][];
  readonly #faults = new Map<Fault, number>();
  readonly #runners: Runner[] = [];
  readonly #snapshotBytes: number;
  /** Faults come more often in some runs than in others. */
  readonly #trouble: number;
  /** Posts as the rule of lateness takes them, and the watermark of each source. */
  readonly #taken: Post[] = [];
  readonly #watermarks: number[];
  #calm = false;

  constructor(seed: number) {
    const random = new Random(seed);
    this.#random = random;
    const feed: Feed = {
      seed: random.below(2 ** 31),
      posts: random.between(20, 160),
      texts: random.between(1, 3),
      accounts: random.between(4, 20),
      windowMs: random.between(5, 60),
      minAccounts: random.between(2, 6),
      latenessMs: random.below(2) * 7,
      updateIntervalMs: [3, 11, 1000][random.below(3)]!,
      duplicates: random.below(2) === 0,
      simhash: random.below(2) === 0,
    };
    const { windowMs, minAccounts, latenessMs, updateIntervalMs, simhash } = feed;
    this.#settings = settingsOf({ windowMs, minAccounts, latenessMs, updateIntervalMs, families: { simhash } }, 16);
    this.#sources = random.between(1, 3);
    this.#targets = random.between(1, 4);
    this.#world = new World(this.#sources, this.#targets, random.between(1, 3));
    this.#snapshotBytes = random.between(500, 20_000);
    this.#trouble = random.between(2, 40);
    this.#feeds = Array.from({ length: this.#sources }, () => []);
    this.#watermarks = this.#feeds.map(() => -Infinity);
    for (const post of postsOf(feed)) this.#feeds[random.below(this.#sources)]!.push(post);
    for (const [source, posts] of this.#feeds.entries()) this.#feeds[source] = this.#shuffled(posts);
  }

  #fired(fault: Fault, times = 1): void {
    this.#faults.set(fault, (this.#faults.get(fault) ?? 0) + times);
  }

  /** Out of order within the bound, and now and then beyond it. */
  #shuffled(posts: readonly Post[]): Post[] {
    const random = this.#random;
    return posts
      .map((post) => ({ post, at: post.createdAt + random.below(random.below(12) === 0 ? 40 : OUT_OF_ORDER_MS) }))
      .sort((a, b) => a.at - b.at)
      .map(({ post }) => post);
  }

  async play(): Promise<void> {
    for (const stage of STAGES) {
      for (const partition of this.#world.groups[stage].keys()) await this.#assign(stage, partition);
    }
    while (this.#feeds.some((posts) => posts.length > 0)) await this.#move();
    for (const log of this.#world.logs.posts) log.append(null, END_MS, { [TICK_HEADER]: String(END_MS) });
    for (let i = this.#random.below(60); i > 0; i--) await this.#move();
    this.#calm = true;
    while (await this.#isUnfinished()) await this.#advanceAny();
    for (const runner of this.#runners) await this.#kill(runner);
  }

  async #move(): Promise<void> {
    const random = this.#random;
    const dice = random.below(100);
    if (dice < 18) this.#append();
    else if (dice < 18 + this.#trouble / 8) await this.#rebalance();
    else if (dice < 18 + this.#trouble / 4) await this.#crash();
    else if (dice < 26 + this.#trouble / 4) this.#trim();
    else if (dice < 29 + this.#trouble / 4) await this.#tick();
    else await this.#advanceAny();
  }

  #append(): void {
    const random = this.#random;
    const source = random.below(this.#sources);
    const posts = this.#feeds[source]!;
    for (let i = random.below(6); i > 0 && posts.length > 0; i--) {
      const post = posts.shift()!;
      if (this.#taken.at(-1)?.createdAt === post.createdAt) this.#fired('equal times');
      this.#write(source, post);
      if (random.below(15) === 0) {
        this.#fired('post sent twice');
        this.#write(random.below(this.#sources), post);
      }
    }
  }

  #write(source: number, post: Post): void {
    const hole = this.#random.below(10) === 0 ? this.#random.between(1, 3) : 0;
    if (hole > 0) this.#fired('hole in the log');
    this.#world.logs.posts[source]!.append(Buffer.from(JSON.stringify(post)), post.createdAt, {}, hole);
    // The rule as a sentence of the design: late is what lies behind the watermark of its source.
    if (post.createdAt < this.#watermarks[source]!) {
      this.#fired('late post');
      return;
    }
    this.#watermarks[source] = Math.max(this.#watermarks[source]!, post.createdAt - OUT_OF_ORDER_MS);
    this.#taken.push(post);
  }

  /** Another member gets a partition; the old one may not notice for a while. */
  async #rebalance(): Promise<void> {
    const stage = this.#random.pick(STAGES);
    const partition = this.#random.below(this.#world.groups[stage].length);
    this.#fired('rebalance');
    const old = this.#runners.find(
      (runner) => runner.stage === stage && runner.partition === partition && this.#owns(runner),
    );
    if (old !== undefined && this.#random.below(2) === 0) await this.#kill(old);
    await this.#assign(stage, partition);
  }

  #owns({ stage, partition, generation }: Runner): boolean {
    return this.#world.groups[stage][partition]!.generation === generation;
  }

  async #assign(stage: StageName, partition: number): Promise<void> {
    const membership = this.#world.groups[stage][partition]!;
    membership.generation++;
    membership.instance = this.#random.below(this.#world.disks.length);
    // Two tasks of one partition never run in one instance: it ends the old one before it begins the new one.
    for (const runner of this.#runners) {
      const isSame =
        runner.stage === stage && runner.partition === partition && runner.instance === membership.instance;
      if (isSame) await this.#kill(runner);
    }
    await this.#start(stage, partition, membership);
  }

  async #start(stage: StageName, partition: number, membership: Membership): Promise<void> {
    const { instance, generation, committed } = membership;
    const runner: Runner = {
      stage,
      partition,
      instance,
      generation,
      task: undefined,
      position: 0,
      gate: undefined,
      settled: Promise.resolve(),
      settle: () => undefined,
      isBusy: false,
      isDead: false,
    };
    this.#runners.push(runner);
    const log = this.#world.input(stage, partition);
    const task = await this.#newTask(stage, partition, instance);
    runner.task = task;
    const isCrashing = !this.#calm && this.#random.below(12) === 0;
    let reads = 0;
    const random = this.#random;
    const before = committed;
    try {
      runner.position = await task.restore({
        committed,
        low: log.low,
        high: log.high,
        signal: new AbortController().signal,
        onProgress: () => undefined,
        // eslint-disable-next-line require-await
        read: async function* (from, to) {
          const records = log.between(from, to);
          while (records.length > 0) {
            if (isCrashing && random.below(2) === 0) throw new Crash();
            reads++;
            yield records.splice(0, random.between(1, 9));
          }
        },
      });
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      this.#fired('crash while restoring');
      await this.#kill(runner);
      await this.#assign(stage, partition);
      return;
    }
    if (before !== undefined && stage === 'match') this.#fired(reads > 0 ? 'restored from log' : 'restored from disk');
    if (before?.metadata.endsWith(';s') === true) this.#fired('restored from snapshot');
  }

  async #newTask(stage: StageName, partition: number, instance: number): Promise<Task> {
    const settings = this.#settings;
    const sources = this.#sources;
    const targets = this.#targets;
    if (stage === 'fingerprint') {
      return new FingerprintTask(
        {
          fingerprint: settings.fingerprint,
          route: { topology: TOPOLOGY, source: partition, sources, targets },
          outOfOrdernessMs: OUT_OF_ORDER_MS,
          eventTime: 'payload',
          deadLettersOf: undefined,
        },
        { decode: (value) => decodeCanonical(Buffer.from(value).toString('utf8')) },
      );
    }
    if (stage === 'match') {
      const route = { topology: TOPOLOGY, sources, target: partition, targets };
      const store = await this.#world.disks[instance]!.open(`match-${partition}`, TOPOLOGY);
      return new MatchTask({ match: settings.match, route, cacheBytes: 4096 }, store);
    }
    return new CampaignTask({
      campaign: settings.campaign,
      route: { topology: TOPOLOGY, sources: targets, target: 0, targets: 1 },
      snapshotBytes: this.#snapshotBytes,
      encode: (revision) => ({ key: revision.alert.id, value: alertBytes(revision) }),
    });
  }

  /** An instance goes down between two effects of one of its tasks, and all its partitions move. */
  async #crash(): Promise<void> {
    const instance = this.#random.below(this.#world.disks.length);
    const runners = this.#runners.filter((runner) => runner.instance === instance);
    for (const runner of runners) {
      if (runner.gate !== undefined) this.#fired(`crash before ${runner.gate.effect}` as Fault);
      await this.#kill(runner);
    }
    if (this.#random.below(3) === 0) {
      this.#fired('lost disk');
      for (let target = 0; target < this.#targets; target++) this.#world.disks[instance]!.wipe(`match-${target}`);
    }
    for (const { stage, partition, generation } of runners) {
      if (this.#world.groups[stage][partition]!.generation === generation) await this.#assign(stage, partition);
    }
  }

  async #kill(runner: Runner): Promise<void> {
    runner.isDead = true;
    runner.gate?.fail(new Crash());
    await runner.settled;
    await runner.task?.close();
    const at = this.#runners.indexOf(runner);
    if (at >= 0) this.#runners.splice(at, 1);
  }

  /** Retention removes what the commits say is not needed. */
  #trim(): void {
    const { groups, logs } = this.#world;
    const needed = (metadata: string, part: number): number => Number.parseInt(metadata.split(';')[part]!, 36);
    this.#fired('trimmed log');
    for (const [source, { committed }] of groups.fingerprint.entries()) {
      if (committed !== undefined) logs.posts[source]!.trim(committed.offset);
    }
    for (const [target, { committed }] of groups.match.entries()) {
      if (committed !== undefined)
        logs.fingerprints[target]!.trim(Math.min(committed.offset, needed(committed.metadata, 1)));
    }
    const { committed } = groups.campaign[0]!;
    if (committed !== undefined) logs.links[0]!.trim(Math.min(committed.offset, needed(committed.metadata, 1)));
  }

  /** A promise that nothing earlier will come, made by the owner of an idle source. */
  async #tick(): Promise<void> {
    const source = this.#random.below(this.#sources);
    const log = this.#world.logs.posts[source]!;
    const runner = this.#runners.find(
      (candidate) => candidate.stage === 'fingerprint' && candidate.partition === source && this.#owns(candidate),
    );
    if (runner === undefined || runner.isBusy || runner.position < log.high) return;
    // As the owner would by the clock: what the source has still to send is not behind it.
    const earliest = Math.min(...this.#feeds[source]!.map((post) => post.createdAt));
    const tick = earliest - this.#random.below(20);
    if (!Number.isFinite(tick)) return;
    const task = runner.task as FingerprintTask;
    this.#begin(runner, async (effects) => {
      const step = await task.tick(tick, effects.commit);
      if (step === undefined) return;
      this.#fired('idle tick');
      await perform(step, effects, true);
    });
    await runner.settled;
  }

  async #advanceAny(): Promise<void> {
    if (this.#runners.length === 0) return;
    const runner = this.#random.pick(this.#runners);
    if (!runner.isBusy) {
      this.#take(runner);
    } else if (runner.gate !== undefined) {
      const { open } = runner.gate;
      runner.gate = undefined;
      this.#rearm(runner);
      open();
    }
    await runner.settled;
  }

  #take(runner: Runner): void {
    const log = this.#world.input(runner.stage, runner.partition);
    const available = log.between(runner.position, log.high);
    if (available.length === 0 && runner.position === log.high) return;
    const records = available.slice(0, this.#random.between(1, 8));
    // A batch that ends behind the last record covers the hole at the end, too.
    const next = records.length === available.length ? log.high : records.at(-1)!.offset + 1;
    const isCommitted = this.#calm || this.#random.below(3) > 0;
    this.#begin(runner, async (effects) => {
      const step = await runner.task!.process(records, next);
      await perform(step, effects, isCommitted);
      runner.position = next;
    });
  }

  #rearm(runner: Runner): void {
    runner.settled = new Promise((resolve) => {
      runner.settle = resolve;
    });
  }

  #begin(runner: Runner, work: (effects: Effects) => Promise<void>): void {
    runner.isBusy = true;
    this.#rearm(runner);
    void work(this.#effects(runner))
      .then(
        () => {
          runner.isBusy = false;
        },
        (error: unknown) => {
          // Dead, or refused: E2 says that it never goes on. What is owned is started anew by `isUnfinished` or a rebalance.
          if (!(error instanceof Crash) && !isRefusal(error)) this.#errors.push(error);
          runner.isDead = true;
        },
      )
      .finally(() => {
        runner.gate = undefined;
        runner.settle();
      });
  }

  readonly #errors: unknown[] = [];

  #effects(runner: Runner): Effects {
    const { stage, partition, generation } = runner;
    const store = runner.task instanceof MatchTask ? runner.task.store : undefined;
    return gatedEffects(
      {
        pass: (effect) =>
          new Promise((resolve, reject) => {
            if (runner.isDead) {
              reject(new Crash());
              return;
            }
            runner.gate = { effect, open: resolve, fail: reject };
            runner.settle();
          }),
      },
      (outputs) => {
        if (!this.#owns(runner)) this.#fired('zombie wrote');
        if (!this.#calm && outputs.length > 1 && this.#random.below(60) === 0) {
          this.#fired('crash while producing');
          this.#world.produce(outputs.slice(0, this.#random.between(1, outputs.length - 1)));
          throw new Crash();
        }
        this.#world.produce(outputs);
        if (this.#random.below(25) === 0 && stage !== 'campaign') {
          // A producer that retries after a lost answer, without idempotence.
          this.#fired('frame sent twice');
          this.#world.produce(outputs);
        }
      },
      store,
      (offset, metadata) => {
        if (!this.#owns(runner)) this.#fired('zombie commit refused');
        this.#world.commit(stage, partition, generation, offset, metadata);
        if (!this.#calm && this.#random.below(80) === 0) {
          this.#fired('crash after commit');
          throw new Crash();
        }
      },
    );
  }

  /** Are there records that nobody has taken? Partitions whose task has died get a new one. */
  async #isUnfinished(): Promise<boolean> {
    if (this.#errors.length > 0) throw this.#errors[0];
    for (const runner of this.#runners.filter(({ isDead }) => isDead)) await this.#kill(runner);
    let isUnfinished = this.#runners.some(({ isBusy }) => isBusy);
    for (const stage of STAGES) {
      for (const partition of this.#world.groups[stage].keys()) {
        const runner = this.#runners.find(
          (one) => one.stage === stage && one.partition === partition && this.#owns(one),
        );
        if (runner === undefined) await this.#assign(stage, partition);
        else if (runner.position >= this.#world.input(stage, partition).high) continue;
        isUnfinished = true;
      }
    }
    return isUnfinished;
  }

  outcome(): Outcome {
    if (this.#errors.length > 0) throw this.#errors[0];
    const expected = runEngine(this.#settings, inTotalOrder(this.#settings, this.#taken)).map((revision) =>
      alertBytes(revision).toString(),
    );
    const published = new Map<string, string>();
    let difference: string | undefined;
    for (const { value } of this.#world.logs.alerts[0]!.records) {
      const text = Buffer.from(value!).toString();
      const { id, revision } = JSON.parse(text) as { id: string; revision: number };
      const known = published.get(`${id} ${revision}`);
      if (known !== undefined && known !== text)
        difference = `revision ${revision} of ${id} was published with other bytes`;
      published.set(`${id} ${revision}`, known ?? text);
    }
    difference ??= firstDifference(expected, Array.from(published.values()));
    return { faults: this.#faults, alerts: expected.length, difference };
  }
}

function firstDifference(expected: readonly string[], published: readonly string[]): string | undefined {
  for (let i = 0; i < Math.max(expected.length, published.length); i++) {
    if (expected[i] === published[i]) continue;
    return `revision ${i + 1} of ${expected.length} differs:\n  expected  ${expected[i]}\n  published ${published[i]}`;
  }
  return undefined;
}

function isRefusal(error: unknown): boolean {
  return error instanceof Error && error.message === 'the commit of an old generation';
}

/** The order in which a sorted file would hold the posts. */
export function inTotalOrder(settings: StageSettings, posts: readonly Post[]): Post[] {
  const stage = new FingerprintStage(settings.fingerprint);
  const rows = posts.map((post) => {
    stage.process(post);
    const { hi, lo } = hashStrings(post.platform, post.id);
    const order = [post.createdAt, hi, lo, stage.words[ENTRY.textHi]!, stage.words[ENTRY.textLo]!];
    return { post, order, bytes: JSON.stringify(post) };
  });
  rows.sort((a, b) => {
    for (const [i, value] of a.order.entries()) if (value !== b.order[i]) return value - b.order[i]!;
    return a.bytes < b.bytes ? -1 : 1;
  });
  return rows.map(({ post }) => post);
}
