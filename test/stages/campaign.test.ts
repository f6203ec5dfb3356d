/** The campaign stage by events made by hand: what a random feed meets too rarely. */
import { describe, expect, test } from 'vitest';
import type { Evidence } from '../../src/model.ts';
import { stageSettings } from '../../src/runtime/engine.ts';
import { DEFAULTS, type Settings } from '../../src/settings.ts';
import { CampaignStage, type CampaignEvent, type Revision } from '../../src/stages/campaign.ts';
import type { NodeRef } from '../../src/stages/match.ts';
import { tableBytes } from '../support/table.ts';

const TABLE = tableBytes({ natsPerLevel: 1 });
const WINDOW_MS = 100;
/** Eight words of 15 nats. */
const TEXT = 'river stone lantern meadow copper violin harbour thistle';

function stageOf(changes: Partial<Settings>): CampaignStage {
  const settings = { ...DEFAULTS, windowMs: WINDOW_MS, updateIntervalMs: 10_000, ...changes };
  return new CampaignStage(stageSettings({ settings, table: TABLE, engine: 'test' }).campaign);
}

/** Feeds a stage and keeps what it says. */
class Story {
  readonly out: Revision[] = [];
  readonly stage: CampaignStage;
  readonly #first = new Map<number, Evidence>();
  readonly #repeated = new Set<number>();

  constructor(stage: CampaignStage) {
    this.stage = stage;
  }

  /** A post of text node `node` that links it, if it is new, to other nodes at their R. */
  post(
    timeMs: number,
    node: number,
    id: string,
    links: Readonly<Record<number, number>> = {},
    account = `by-${id}`,
  ): void {
    const evidence = { key: id, post: { id, platform: 'x', account, text: TEXT, createdAt: timeMs } };
    const events: CampaignEvent[] = [];
    const first = this.#first.get(node);
    if (first === undefined) {
      this.#first.set(node, evidence);
    } else {
      if (!this.#repeated.has(node)) events.push({ kind: 'post', node: ref(node), evidence: first, first: true });
      this.#repeated.add(node);
      events.push({ kind: 'post', node: ref(node), evidence, first: false });
    }
    for (const [other, similarity] of Object.entries(links)) {
      const earlier = Number(other);
      events.push({
        kind: 'link',
        later: ref(node),
        laterEvidence: evidence,
        earlier: ref(earlier),
        earlierEvidence: this.#repeated.has(earlier) ? undefined : this.#first.get(earlier),
        similarity,
        families: 1,
      });
    }
    this.stage.process(timeMs, events, this.out);
  }

  finish(): string[] {
    this.stage.finish(this.out);
    return this.out.map(
      ({ alert }) =>
        `${alert.status} ${Date.parse(alert.revisedAt)} accounts=${alert.accountCount} posts=${alert.postCount}`,
    );
  }

  members(): string[][] {
    return this.out.flatMap(({ members }) => (members === undefined ? [] : [members.map((post) => post.id)]));
  }
}

function ref(node: number): NodeRef {
  return { hi: 0, lo: node };
}

describe('the campaign stage', () => {
  test('a text kept alive by a post delivered again outlives its alert, and a new text may still link to it', () => {
    const story = new Story(stageOf({}));
    for (let i = 0; i < 5; i++) story.post(i, 1, `p${i}`);
    story.post(90, 1, 'p4');
    story.post(150, 2, 'q', { 1: 0.5 });
    expect(story.finish()).toEqual(['open 4 accounts=5 posts=5', 'closed 104 accounts=5 posts=5']);
    expect(story.stage.duplicates).toBe(1);
  });

  test('a text may still be linked to when its alert was closed by its longest duration', () => {
    const story = new Story(stageOf({ durationMaxMs: 50 }));
    for (let i = 0; i < 5; i++) story.post(i, 1, `p${i}`);
    story.post(50, 1, 'r');
    story.post(70, 2, 'q', { 1: 0.5 });
    expect(story.finish()).toEqual(['open 4 accounts=5 posts=5', 'closed 54 accounts=6 posts=6']);
  });

  test('an alert taken over by a larger campaign that has none is still revised and closed', () => {
    const story = new Story(stageOf({ minAccounts: 6 }));
    story.post(0, 11, 'l0');
    story.post(1, 12, 'l1', { 11: 0.5 });
    story.post(2, 13, 'l2', { 11: 0.5, 12: 0.5 });
    story.post(3, 14, 'l3', { 11: 0.5, 12: 0.5, 13: 0.5 });
    story.post(4, 15, 'l4', { 11: 0.5, 12: 0.5, 13: 0.5, 14: 0.5 });
    for (let i = 0; i < 6; i++) story.post(5 + i, 1, `s${i}`);
    story.post(20, 2, 'bridge', { 1: 0.5, 11: 0.5 });
    expect(story.finish()).toEqual([
      'open 10 accounts=6 posts=6',
      'updated 20 accounts=12 posts=12',
      'closed 120 accounts=12 posts=12',
    ]);
    expect(story.members()[0]).toHaveLength(12);
  });

  test('a neighbour that has left the window hangs on no core', () => {
    const story = new Story(stageOf({ minAccounts: 3 }));
    story.post(0, 1, 'old');
    story.post(10, 2, 'c0', { 1: 0.32 });
    story.post(105, 2, 'c1');
    story.post(106, 2, 'c2');
    expect(story.finish()).toEqual(['open 106 accounts=3 posts=3', 'closed 206 accounts=3 posts=3']);
  });

  test('a border node brings its posts in the window, no others', () => {
    const story = new Story(stageOf({ minAccounts: 5 }));
    story.post(0, 1, 'old');
    story.post(90, 1, 'new');
    story.post(91, 2, 'c0', { 1: 0.32 });
    story.post(92, 3, 't0', { 2: 0.5 });
    for (let i = 1; i < 4; i++) story.post(104 + i, 3, `t${i}`);
    expect(story.finish().at(-1)).toBe('closed 207 accounts=6 posts=6');
    expect(story.members()).toEqual([['new', 'c0', 't0', 't1', 't2', 't3']]);
  });

  test('an alert closes one window after its last post, also when a border node has taken a later one away', () => {
    const story = new Story(stageOf({}));
    for (let i = 0; i < 5; i++) story.post(i, 1, `a${i}`);
    story.post(50, 2, 'border', { 1: 0.33 });
    story.post(120, 3, 'b0', { 2: 0.4 });
    for (let i = 1; i < 5; i++) story.post(120 + i, 3, `b${i}`);
    expect(story.finish().toSorted()).toEqual([
      'closed 124 accounts=5 posts=5',
      'closed 224 accounts=6 posts=6',
      'open 124 accounts=6 posts=6',
      'open 4 accounts=5 posts=5',
    ]);
  });

  test('of two cores equally similar a border node hangs on that of the smaller id, also when it comes later', () => {
    const story = new Story(stageOf({}));
    for (let i = 0; i < 5; i++) story.post(i, 2, `a${i}`);
    story.post(10, 3, 'border', { 2: 0.33 });
    story.post(20, 1, 'b0', { 3: 0.33 });
    for (let i = 1; i < 5; i++) story.post(20 + i, 1, `b${i}`);
    story.finish();
    expect(story.members()).toEqual([
      ['a0', 'a1', 'a2', 'a3', 'a4'],
      ['border', 'b0', 'b1', 'b2', 'b3', 'b4'],
    ]);
  });

  test('a text whose only post is known under another text is no variant', () => {
    const story = new Story(stageOf({}));
    for (let i = 0; i < 5; i++) story.post(i, 1, `p${i}`);
    story.post(6, 2, 'p4', { 1: 0.5 });
    expect(story.finish()).toEqual(['open 4 accounts=5 posts=5', 'closed 104 accounts=5 posts=5']);
    expect(story.out.map(({ alert }) => alert.variantCount)).toEqual([1, 1]);
    expect(story.out.at(-1)!.alert.variants.listed).toHaveLength(1);
  });

  test('a post that comes again is known for a window from then on, and may be sent once more as evidence', () => {
    const story = new Story(stageOf({}));
    for (let i = 0; i < 5; i++) story.post(i, 1, `p${i}`);
    story.post(50, 1, 'q');
    story.post(60, 1, 'p4');
    // A match partition that has been built anew since does not know that the text was repeated before 20.
    const evidenceOf = (id: string, createdAt: number): Evidence => ({
      key: id,
      post: { id, platform: 'x', account: `by-${id}`, text: TEXT, createdAt },
    });
    const link: CampaignEvent = {
      kind: 'link',
      later: ref(2),
      laterEvidence: evidenceOf('r', 120),
      earlier: ref(1),
      earlierEvidence: evidenceOf('p4', 60),
      similarity: 0.5,
      families: 1,
    };
    story.stage.process(120, [link], story.out);
    expect(story.finish().at(-1)).toBe('closed 220 accounts=7 posts=7');
  });

  test('when event time is moved on in between, nothing comes out differently', () => {
    const told = [undefined, 92].map((tickMs) => {
      const story = new Story(stageOf({}));
      for (let i = 0; i < 5; i++) story.post(i, 1, `p${i}`);
      if (tickMs !== undefined) story.stage.advance(tickMs, story.out);
      story.post(95, 1, 'q');
      story.post(105, 1, 'p3');
      return story.finish();
    });
    expect(told[1]).toEqual(told[0]);
  });

  test('one account that posts a text 500 times is one account', () => {
    const story = new Story(stageOf({ minAccounts: 2 }));
    for (let i = 0; i < 500; i++) story.post(i, 1, `p${i}`, {}, 'one');
    expect(story.finish()).toEqual([]);
  });

  test('one text by five accounts opens at the fifth, and at its own time', () => {
    const story = new Story(stageOf({}));
    for (const [i, timeMs] of [0, 10, 20, 30, 40, 50].entries()) story.post(timeMs, 1, `p${i}`);
    expect(story.finish()).toEqual(['open 40 accounts=5 posts=5', 'closed 150 accounts=6 posts=6']);
  });

  test('five accounts of which the first has left the window are four', () => {
    const story = new Story(stageOf({}));
    for (const [i, timeMs] of [0, 25, 50, 75, 100].entries()) story.post(timeMs, 1, `p${i}`);
    expect(story.finish()).toEqual([]);
    const within = new Story(stageOf({}));
    for (const [i, timeMs] of [0, 25, 50, 75, 99].entries()) within.post(timeMs, 1, `p${i}`);
    expect(within.finish()[0]).toBe('open 99 accounts=5 posts=5');
  });
});
