/**
 * One seeded run of a deployment with everything going wrong that may (faults.ts): batches cut anywhere, rebalances,
 * instances that go on writing after they have lost a partition, crashes between any two effects and while state is
 * restored, lost and old disks, trimmed logs, idle sources, late and equal times, posts sent twice. In the end the alerts
 * must be those of one process over the sorted posts, byte for byte.
 */
import { Buffer } from 'node:buffer';
import { FRAME_HEADER_BYTES } from '../../src/frames/frame.ts';
import { FingerprintTask } from '../../src/runtime/fingerprint-task.ts';
import { perform, type Beginning, type LogRecord, type Output } from '../../src/runtime/task.ts';
import { Random } from '../../src/simulate/random.ts';
import { differenceOf } from './difference.ts';
import { Fired, type Fault } from './faults.ts';
import { SimulatedFeed } from './feed.ts';
import { Crash, Runner, type Effect } from './runner.ts';
import { Scenario } from './scenario.ts';
import { Refusal, STAGES, World, type Committed, type Membership, type StageName } from './world.ts';

/** A run that has not come to its end by then goes round in circles. */
const MOVES_MAX = 100_000;
/** Only a frame cut because it was full is so long. */
const FULL_FRAME_BYTES = 500_000;

export interface Outcome {
  readonly faults: Fired;
  /** Revisions published. */
  readonly alerts: number;
  /** What differs from one process over the sorted posts, or what failed; undefined if nothing does. */
  readonly difference: string | undefined;
}

export async function simulateRun(seed: number): Promise<Outcome> {
  const run = new Run(seed);
  try {
    await run.play();
    return run.outcome();
  } catch (error) {
    return {
      faults: run.faults,
      alerts: 0,
      difference: `failed: ${error instanceof Error ? error.stack : String(error)}`,
    };
  }
}

const CRASH_FAULTS: { readonly [E in Effect]: Fault } = {
  produce: 'crash before produce',
  store: 'crash before store',
  commit: 'crash before commit',
  log: 'crash while reading the log',
  disk: 'crash while reading the disk',
};
const ZOMBIE_FAULTS: { readonly [Stage in StageName]: Fault } = {
  fingerprint: 'zombie wrote fingerprints',
  match: 'zombie wrote links',
  campaign: 'zombie wrote alerts',
};

class Run {
  readonly faults = new Fired();
  readonly #random: Random;
  readonly #scenario: Scenario;
  readonly #world: World;
  readonly #feed: SimulatedFeed;
  readonly #runners: Runner[] = [];
  /** Outputs of dead instances that the broker is still to take, each with its order. */
  readonly #underWay: (readonly Output[])[] = [];
  #calm = false;
  #moves = 0;

  constructor(seed: number) {
    const random = new Random(seed);
    const scenario = new Scenario(random);
    this.#random = random;
    this.#scenario = scenario;
    this.#world = new World(scenario.sources, scenario.targets, scenario.instances);
    this.#feed = new SimulatedFeed(random, scenario, this.#world.logs.posts, this.faults);
  }

  async play(): Promise<void> {
    for (const stage of STAGES) {
      for (const partition of this.#world.groups[stage].keys()) await this.#assign(stage, partition);
    }
    while (!this.#feed.isEmpty) await this.#move();
    this.#feed.finish();
    for (let i = this.#random.below(100); i > 0; i--) await this.#move();
    this.#calm = true;
    for (const outputs of this.#underWay.splice(0)) this.#world.produce(outputs);
    while (await this.#isUnfinished()) await this.#advanceAny();
    for (const runner of this.#runners.slice()) await this.#kill(runner);
  }

  async #move(): Promise<void> {
    const random = this.#random;
    const dice = random.below(1000);
    const trouble = this.#scenario.trouble * 10;
    if (dice < 160) this.#feed.append();
    else if (dice < 190) this.#trim();
    else if (dice < 230) await this.#tick();
    else if (dice < 250) await this.#restartDead();
    else if (dice < 260) this.#arriveLate();
    else if (dice < 260 + trouble) await this.#rebalance();
    else if (dice < 260 + trouble + trouble / 2) await this.#crash();
    else await this.#advanceAny();
  }

  // --- groups

  #owns({ stage, partition, generation }: Runner): boolean {
    return this.#world.groups[stage][partition]!.generation === generation;
  }

  #ownerOf(stage: StageName, partition: number): Runner | undefined {
    return this.#runners.find(
      (runner) => runner.stage === stage && runner.partition === partition && this.#owns(runner),
    );
  }

  /** Another member gets a partition; the old one may not notice for a while. */
  async #rebalance(): Promise<void> {
    const stage = this.#random.pick(STAGES);
    const partition = this.#random.below(this.#world.groups[stage].length);
    this.faults.note('rebalance');
    const old = this.#ownerOf(stage, partition);
    if (old !== undefined && !old.isDead && !old.isRestored) this.faults.note('rebalance while restoring');
    if (old !== undefined && this.#random.below(3) === 0) await this.#kill(old);
    await this.#assign(stage, partition);
  }

  /** A task that failed ends its instance's hold on the partition sooner or later. */
  async #restartDead(): Promise<void> {
    const dead = this.#runners.filter(({ isDead }) => isDead);
    if (dead.length === 0) return;
    const runner = this.#random.pick(dead);
    const isOwner = this.#owns(runner);
    await this.#kill(runner);
    if (isOwner) await this.#assign(runner.stage, runner.partition);
  }

  async #assign(stage: StageName, partition: number): Promise<void> {
    const membership = this.#world.groups[stage][partition]!;
    membership.generation++;
    membership.instance = this.#random.below(this.#world.disks.length);
    // Two tasks of one partition never run in one instance: it ends the old one before it begins the new one.
    for (const runner of this.#runners.slice()) {
      const isSame =
        runner.stage === stage && runner.partition === partition && runner.instance === membership.instance;
      if (isSame) await this.#kill(runner);
    }
    await this.#start(stage, partition, membership);
  }

  async #start(stage: StageName, partition: number, membership: Membership): Promise<void> {
    const runner = new Runner(stage, partition, membership);
    this.#runners.push(runner);
    const { committed } = membership;
    const log = this.#world.input(stage, partition);
    const beginning: Beginning = {
      committed,
      low: log.low,
      high: log.high,
      signal: new AbortController().signal,
      onProgress: () => undefined,
      read: (from, to) => this.#readGated(runner, from, to),
    };
    await runner.begin(async () => {
      const task = await this.#scenario.taskOf(runner, this.#world.disks[runner.instance]!);
      runner.task = task;
      if (committed !== undefined) this.#noteRestore(runner, committed, log.low);
      runner.position = await task.restore(beginning);
      runner.isRestored = true;
    });
  }

  #noteRestore({ stage, store }: Runner, committed: Committed, low: number): void {
    if (stage === 'campaign' && committed.metadata.endsWith(';s')) this.faults.note('restored from snapshot');
    if (stage !== 'match') return;
    const saved = store?.checkpoint;
    const position = saved === undefined ? Number.NaN : Number(Buffer.from(saved).toString().split(';')[1]);
    if (Number.isNaN(position)) this.faults.note('restored from log');
    else if (position < low) this.faults.note('disk older than the log');
    else if (position < committed.offset) this.faults.note('restored from an old disk');
    else if (position > committed.offset) this.faults.note('restored from a disk ahead of the commit');
    else this.faults.note('restored from disk');
  }

  async *#readGated(runner: Runner, from: number, to: number): AsyncGenerator<readonly LogRecord[]> {
    const log = this.#world.input(runner.stage, runner.partition);
    for (let position = from; ;) {
      await runner.pass('log');
      this.#checkRetention(runner, position);
      const records = log.between(position, to, this.#random.between(1, 9));
      if (records.length === 0) return;
      position = records.at(-1)!.offset + 1;
      yield records;
    }
  }

  /**
   * The broker says that what is asked for is gone. That may be told to one who has lost the partition without knowing, and to
   * one who reads on from an old disk, but not to one who reads what its commit says is needed.
   */
  #checkRetention(runner: Runner, position: number): void {
    const { stage, partition } = runner;
    if (position >= this.#world.input(stage, partition).low) return;
    const { committed } = this.#world.groups[stage][partition]!;
    if (this.#owns(runner) && position >= neededOf(stage, committed!))
      throw new Error(`retention has removed what ${stage} ${partition} needs`);
    this.faults.note('behind retention');
    throw new Crash();
  }

  // --- faults

  /** An instance goes down between two effects of its tasks, and its partitions move. */
  async #crash(): Promise<void> {
    const instance = this.#random.below(this.#world.disks.length);
    const runners = this.#runners.filter((runner) => runner.instance === instance);
    for (const runner of runners) {
      if (runner.waitsFor !== undefined) this.faults.note(CRASH_FAULTS[runner.waitsFor]);
      if (runner.unsent.length > 0 && this.#random.below(3) === 0) this.#underWay.push(runner.unsent);
      await this.#kill(runner);
    }
    if (this.#random.below(3) === 0) {
      this.faults.note('lost disk');
      for (let target = 0; target < this.#scenario.targets; target++)
        this.#world.disks[instance]!.wipe(`match-${target}`);
    }
    for (const runner of runners) if (this.#owns(runner)) await this.#assign(runner.stage, runner.partition);
  }

  async #kill(runner: Runner): Promise<void> {
    await runner.kill();
    this.#examine(runner);
    const at = this.#runners.indexOf(runner);
    if (at >= 0) this.#runners.splice(at, 1);
  }

  /** What the instance had sent reaches the log after its end, and after what others have written since. */
  #arriveLate(): void {
    const [outputs] = this.#underWay.splice(0, 1);
    if (outputs === undefined) return;
    this.faults.note('written after the crash');
    this.#world.produce(outputs);
  }

  /** Retention removes some of what the commits say is not needed. */
  #trim(): void {
    const { groups } = this.#world;
    this.faults.note('trimmed log');
    for (const stage of STAGES) {
      for (const [partition, { committed }] of groups[stage].entries()) {
        if (committed === undefined) continue;
        const needed = neededOf(stage, committed);
        const log = this.#world.input(stage, partition);
        if (needed > log.low) log.trim(this.#random.below(2) === 0 ? needed : this.#random.between(log.low, needed));
      }
    }
  }

  /** A promise that nothing earlier will come, made by the owner of an idle source. */
  async #tick(): Promise<void> {
    const random = this.#random;
    const source = random.below(this.#scenario.sources);
    const runner = this.#ownerOf('fingerprint', source);
    if (runner === undefined || runner.isDead || runner.isBusy) return;
    if (runner.position < this.#world.logs.posts[source]!.high) return;
    const earliestMs = this.#feed.earliestMs(source);
    if (earliestMs === Infinity) return;
    // A former owner that lives on does not know of the promise: it may be broken only where there is none.
    const others = this.#runners.some(
      (other) => other !== runner && !other.isDead && other.stage === 'fingerprint' && other.partition === source,
    );
    const tickMs = earliestMs - (others ? random.below(20) : random.between(-8, 12));
    const task = runner.task as FingerprintTask;
    runner.tickMs = tickMs;
    await runner.begin(async () => {
      const step = await task.tick(tickMs, (offset, metadata) => this.#commitGated(runner, { offset, metadata }));
      runner.tickMs = undefined;
      if (step === undefined) return;
      this.faults.note('idle tick');
      await this.#perform(runner, step, true);
      runner.due = undefined;
    });
  }

  // --- work

  async #advanceAny(): Promise<void> {
    if (this.#runners.length === 0) return;
    const runner = this.#random.pick(this.#runners);
    if (runner.isDead) return;
    if (runner.waitsFor !== undefined) await runner.advance();
    else if (runner.due !== undefined && this.#random.below(4) === 0) await this.#commitDue(runner);
    else await this.#take(runner);
  }

  async #take(runner: Runner): Promise<void> {
    const log = this.#world.input(runner.stage, runner.partition);
    const random = this.#random;
    if (runner.position === log.high) return;
    const records = log.between(runner.position, log.high, random.below(5) === 0 ? 1000 : random.between(1, 8));
    const lastOffset = records.at(-1)?.offset;
    // A batch that ends behind the last record covers the hole at the end, too.
    const isLast = lastOffset === undefined || lastOffset === log.records.at(-1)!.offset;
    const next = isLast ? log.high : lastOffset + 1;
    const isCommitted = this.#calm || random.below(3) < (this.#owns(runner) ? 2 : 1);
    await runner.begin(async () => {
      this.#checkRetention(runner, runner.position);
      const step = await runner.task!.process(records, next);
      this.#examine(runner);
      await this.#perform(runner, step, isCommitted);
      if (!isCommitted) this.faults.note('commit left out');
      runner.due = isCommitted ? undefined : step;
      runner.position = next;
    });
  }

  async #commitDue(runner: Runner): Promise<void> {
    const { position: offset, metadata } = runner.due!;
    runner.due = undefined;
    await runner.begin(async () => {
      await this.#commitGated(runner, { offset, metadata });
      this.faults.note('commit later');
    });
  }

  #perform(runner: Runner, step: Parameters<typeof perform>[0], isCommitted: boolean): Promise<void> {
    const effects = {
      produce: (outputs: readonly Output[]) => this.#produceGated(runner, outputs),
      store: runner.store,
      commit: (offset: number, metadata: string) => this.#commitGated(runner, { offset, metadata }),
    };
    return perform(step, effects, isCommitted);
  }

  async #produceGated(runner: Runner, outputs: readonly Output[]): Promise<void> {
    const random = this.#random;
    const kept = outputs.filter(({ topic }) => topic !== 'deadLetters');
    await runner.pass('produce', kept);
    if (kept.some(({ value }) => value.byteLength > FULL_FRAME_BYTES + FRAME_HEADER_BYTES))
      this.faults.note('full frame');
    if (!this.#owns(runner)) this.faults.note(ZOMBIE_FAULTS[runner.stage]);
    if (!this.#calm && kept.length > 1 && random.below(60) === 0) {
      this.faults.note('crash while producing');
      this.#world.produce(someOf(random, kept));
      throw new Crash();
    }
    this.#world.produce(kept);
    if (random.below(25) === 0 && runner.stage !== 'campaign') {
      // A producer that sends again after a lost answer, without idempotence.
      this.faults.note('frame sent twice');
      this.#world.produce(kept);
    }
  }

  async #commitGated(runner: Runner, committed: Committed): Promise<void> {
    await runner.pass('commit');
    const { stage, partition, generation } = runner;
    if (!this.#owns(runner)) this.faults.note('zombie commit refused');
    this.#world.commit(stage, partition, generation, committed);
    if (runner.tickMs !== undefined) this.#feed.promise(partition, committed.offset, runner.tickMs);
    if (!this.#calm && this.#random.below(80) === 0) {
      this.faults.note('crash after commit');
      throw new Crash();
    }
  }

  // --- the end

  /** Are there records that nobody has taken? Partitions whose task has died get a new one. */
  async #isUnfinished(): Promise<boolean> {
    if (++this.#moves > MOVES_MAX) throw new Error(`the run has not come to an end in ${MOVES_MAX} moves`);
    for (const runner of this.#runners.filter(({ isDead }) => isDead)) await this.#kill(runner);
    let isUnfinished = this.#runners.some(({ isBusy }) => isBusy);
    for (const stage of STAGES) {
      for (const partition of this.#world.groups[stage].keys()) {
        const runner = this.#ownerOf(stage, partition);
        if (runner === undefined) await this.#assign(stage, partition);
        else if (runner.isRestored && runner.position >= this.#world.input(stage, partition).high) continue;
        isUnfinished = true;
      }
    }
    return isUnfinished;
  }

  /** What no fault may cause. @throws what the runner died of, unless it was a fault */
  #examine({ task, error }: Runner): void {
    if (error !== undefined && !(error instanceof Crash) && !(error instanceof Refusal)) throw error;
    if (!(task instanceof FingerprintTask)) return;
    const { records, rejected, ignored, ...outcomes } = task.counters;
    const counts = [...Object.values(outcomes), ...rejected.values(), ...ignored.values()];
    const counted = counts.reduce((sum, count) => sum + count, 0);
    if (counted !== records) throw new Error(`${records} records were read, ${counted} are accounted for`);
  }

  outcome(): Outcome {
    const expected = this.#feed.expected(this.#scenario.settings);
    const difference = differenceOf(expected, this.#world.logs.alerts[0]!.records);
    return { faults: this.faults, alerts: expected.length, difference };
  }
}

/** The first position that a task which begins at this commit may have to read. */
function neededOf(stage: StageName, { offset, metadata }: Committed): number {
  return stage === 'fingerprint' ? offset : Math.min(offset, Number.parseInt(metadata.split(';')[1]!, 36));
}

/** What of it a broker has taken when its sender dies: of each partition the first records. */
function someOf(random: Random, outputs: readonly Output[]): Output[] {
  const cut = new Set<string>();
  return outputs.filter(({ topic, partition }) => {
    const log = `${topic} ${partition}`;
    if (random.below(2) === 0) cut.add(log);
    return !cut.has(log);
  });
}
