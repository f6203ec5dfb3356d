/** Deletions and edits in the campaign stage, by hand: what is shown, what is kept, and when it is told. */
import { describe, expect, test } from 'vitest';
import { hashStrings, hex64 } from '../../src/fingerprints/hash.ts';
import type { Evidence, Post } from '../../src/model.ts';
import { stageSettings } from '../../src/runtime/engine.ts';
import { DEFAULTS, type Settings } from '../../src/settings.ts';
import { CampaignStage, type CampaignEvent, type CampaignSettings, type Revision } from '../../src/stages/campaign.ts';
import { decodeCampaignState, encodeCampaignState } from '../../src/windows/campaign-state.ts';
import { tableBytes } from '../support/table.ts';

const TABLE = tableBytes({ natsPerLevel: 1 });
const WINDOW_MS = 100;
const TEXT = 'river stone lantern meadow copper violin harbour thistle';

function settingsFor(changes: Partial<Settings>, more: Partial<CampaignSettings> = {}): CampaignSettings {
  const settings = { ...DEFAULTS, windowMs: WINDOW_MS, updateIntervalMs: 10_000, ...changes };
  const { campaign } = stageSettings({ settings, table: TABLE, engine: 'test' });
  return { ...campaign, removalIntervalMs: 20, ...more };
}

function keyOf(...parts: string[]): string {
  const { hi, lo } = hashStrings(...parts);
  return hex64(hi, lo);
}

function evidenceOf(id: string, timeMs: number, changes: Partial<Post> = {}): Evidence {
  const post = { id, platform: 'x', account: `by-${id}`, text: TEXT, createdAt: timeMs, ...changes };
  const { editedAt } = post;
  return { key: editedAt === undefined ? keyOf('x', id) : keyOf('x', id, String(editedAt)), post };
}

/** Feeds a stage and keeps what it says. It is saved and read after every event. */
class Story {
  readonly out: Revision[] = [];
  stage: CampaignStage;
  readonly #settings: CampaignSettings;

  constructor(settings = settingsFor({})) {
    this.#settings = settings;
    this.stage = new CampaignStage(settings);
  }

  /** A post of a text node with two or more. */
  post(timeMs: number, id: string, changes: Partial<Post> = {}, node = 1): void {
    const evidence = evidenceOf(id, timeMs, changes);
    this.#process(timeMs, [{ kind: 'post', node: { hi: 0, lo: node }, evidence, first: false }]);
  }

  /** A new text node of one post, linked to others at R. */
  link(timeMs: number, id: string, node: number, links: Readonly<Record<number, number>>): void {
    const laterEvidence = evidenceOf(id, timeMs);
    const later = { hi: 0, lo: node };
    this.#process(
      timeMs,
      Object.entries(links).map(([other, similarity]) => {
        const earlier = { hi: 0, lo: Number(other) };
        return { kind: 'link', later, laterEvidence, earlier, earlierEvidence: undefined, similarity, families: 1 };
      }),
    );
  }

  retract(timeMs: number, id: string, beforeMs = Infinity): void {
    this.#process(timeMs, [{ kind: 'retraction', post: keyOf('x', id), beforeMs }]);
  }

  #process(timeMs: number, events: readonly CampaignEvent[]): void {
    this.stage.process(timeMs, events, this.out);
    const lines = this.state();
    this.stage = new CampaignStage(this.#settings, decodeCampaignState(lines, this.#settings.limits));
  }

  state(): string[] {
    return Array.from(encodeCampaignState(this.stage.state));
  }

  told(): string[] {
    return this.out.map(({ alert }) => {
      const { status, revisedAt, accountCount, postCount, removedCount } = alert;
      return `${status} ${Date.parse(revisedAt)} accounts=${accountCount} posts=${postCount} removed=${removedCount}`;
    });
  }

  finish(): string[] {
    this.stage.finish(this.out);
    return this.told();
  }
}

/** Five accounts with one text, at 0 to 4: an alert. */
function opened(settings?: CampaignSettings): Story {
  const story = new Story(settings);
  for (let i = 0; i < 5; i++) story.post(i, `p${i}`, { text: `${TEXT}${'!'.repeat(i)}` });
  return story;
}

describe('a post that is deleted', () => {
  test('is shown no more, nor is its account; what is left is, and how many have gone', () => {
    const story = opened();
    story.retract(30, 'p0');
    const { alert } = story.out.at(-1)!;
    expect(story.told()).toEqual(['open 4 accounts=5 posts=5 removed=0', 'updated 30 accounts=4 posts=4 removed=1']);
    expect(JSON.stringify(alert)).not.toContain('by-p0');
    expect(alert.text).toBe(`${TEXT}!`);
    expect(alert.variants.listed.map(({ text, postCount }) => [text, postCount])).toEqual([[`${TEXT}!`, 4]]);
    expect(alert.firstPostAt).toBe(new Date(1).toISOString());
    expect(story.finish().at(-1)).toBe('closed 104 accounts=4 posts=4 removed=1');
    expect(story.out.at(-1)!.members!.map(({ id }) => id)).toEqual(['p1', 'p2', 'p3', 'p4']);
  });

  test('is kept no more: neither its text nor its account is in the state', () => {
    const story = new Story();
    for (let i = 0; i < 6; i++) story.post(i, `p${i}`, { text: `${TEXT} ${'secret'.repeat(i === 0 ? 1 : 0)}` });
    expect(story.state().join()).toMatch(/secret.*by-p0|by-p0.*secret/su);
    story.retract(30, 'p0');
    expect(story.state().join()).not.toMatch(/secret|by-p0/u);
    expect(story.state().join()).toContain('by-p1');
  });

  test('is kept no more outside of a campaign either, also when the window has left it', () => {
    const story = new Story();
    story.post(0, 'p0', { text: `${TEXT} secret` });
    story.post(90, 'p1');
    // The text is that of a post which has left.
    story.post(150, 'p2');
    expect(story.state().join()).toContain('secret');
    story.retract(160, 'p0');
    expect(story.state().join()).not.toContain('secret');
    expect(story.stage.state.nodes.get(hex64(0, 1))!.text).toBe(TEXT);
  });

  test('counts no more for a threshold, unless its account has another one', () => {
    const story = new Story();
    for (let i = 0; i < 4; i++) story.post(i, `p${i}`);
    story.retract(10, 'p0');
    story.post(11, 'q');
    expect(story.told()).toEqual([]);
    story.post(12, 'r', { account: 'by-p0' });
    expect(story.told()).toEqual(['open 12 accounts=5 posts=5 removed=0']);
    story.post(13, 's', { account: 'by-p0' });
    story.retract(14, 'r');
    expect(story.finish().at(-1)).toBe('closed 113 accounts=5 posts=5 removed=1');
  });

  test('takes the last time with it', () => {
    const story = opened();
    story.post(50, 'late');
    story.retract(60, 'late');
    expect(story.finish()).toEqual([
      'open 4 accounts=5 posts=5 removed=0',
      'updated 60 accounts=5 posts=5 removed=1',
      'closed 104 accounts=5 posts=5 removed=1',
    ]);
  });

  test('as the last of all closes the alert at once, with no text', () => {
    const story = opened();
    for (let i = 0; i < 5; i++) story.retract(10 + i, `p${i}`);
    expect(story.told().at(-1)).toBe('closed 14 accounts=0 posts=0 removed=5');
    const { alert, members } = story.out.at(-1)!;
    expect(alert).toMatchObject({
      text: '',
      variantCount: 0,
      platforms: {},
      firstPostAt: alert.openedAt,
      lastPostAt: alert.openedAt,
      variants: { listed: [], leftOut: 0 },
      accounts: { listed: [], leftOut: 0 },
      samples: { listed: [], leftOut: 0 },
      explanations: [],
    });
    expect(members).toEqual([]);
    // The text starts anew, and shows what is posted now.
    for (let i = 0; i < 5; i++) story.post(20 + i, `q${i}`, { text: `${TEXT}?` });
    expect(story.finish().slice(-2)).toEqual([
      'open 24 accounts=5 posts=5 removed=0',
      'closed 124 accounts=5 posts=5 removed=0',
    ]);
    expect(story.out.at(-1)!.alert.text).toBe(`${TEXT}?`);
  });
});

describe('a deletion', () => {
  test('that comes before its post keeps it out, and the campaign that it would have belonged to counts it', () => {
    const story = opened();
    story.retract(10, 'next');
    story.post(11, 'next');
    expect(story.finish()).toEqual(['open 4 accounts=5 posts=5 removed=0', 'closed 104 accounts=5 posts=5 removed=1']);
    expect(story.stage.removed).toBe(0);
  });

  test('that comes before its post keeps its text out of a new node', () => {
    const story = new Story();
    story.retract(0, 'p0');
    story.post(1, 'p0', { text: `${TEXT} secret` });
    expect(story.state().join()).not.toContain('secret');
    for (let i = 1; i < 6; i++) story.post(1 + i, `p${i}`);
    expect(story.finish()[0]).toBe('open 6 accounts=5 posts=5 removed=0');
    expect(story.out[0]!.alert.text).toBe(TEXT);
  });

  test('that comes twice counts once', () => {
    const story = opened();
    story.retract(30, 'p0');
    story.retract(31, 'p0');
    story.retract(60, 'p0');
    expect(story.finish()).toEqual([
      'open 4 accounts=5 posts=5 removed=0',
      'updated 30 accounts=4 posts=4 removed=1',
      'closed 104 accounts=4 posts=4 removed=1',
    ]);
  });

  test('is not forgotten while its post may be sent as evidence again', () => {
    const story = opened();
    story.post(20, 'q');
    story.retract(30, 'p4');
    story.post(103, 'p4');
    expect(story.told().at(-1)).toBe('updated 30 accounts=5 posts=5 removed=1');
    expect(JSON.stringify(story.state())).not.toContain('by-p4');
  });

  test('of a post that nobody knows changes nothing, and is forgotten after a window and the lateness', () => {
    const story = new Story(settingsFor({ latenessMs: 7 }));
    for (let i = 0; i < 4; i++) story.post(50 + i, `p${i}`);
    story.retract(60, 'q');
    story.post(166, 'q');
    expect(story.state().join()).not.toContain('by-q');
    story.retract(200, 'r');
    story.post(307, 'r');
    expect(story.state().join()).toContain('by-r');
  });

  test('changes nothing of an alert that is closed', () => {
    const story = opened();
    story.stage.advance(150, story.out);
    story.retract(160, 'p0');
    expect(story.finish()).toEqual(['open 4 accounts=5 posts=5 removed=0', 'closed 104 accounts=5 posts=5 removed=0']);
  });

  test('without a time counts from the beginning on', () => {
    const story = new Story();
    story.retract(0, 'p0');
    for (let i = 0; i < 5; i++) story.post(1e12 + i, `p${i}`);
    expect(story.told()).toEqual([]);
    story.post(1e12 + 5, 'p5');
    expect(story.told()).toEqual([`open ${1e12 + 5} accounts=5 posts=5 removed=0`]);
  });

  test('is one of so many that are remembered', () => {
    const story = new Story(settingsFor({}, { retractionsMax: 2 }));
    for (const id of ['p0', 'p1', 'p2']) story.retract(1, id);
    for (let i = 0; i < 7; i++) story.post(2 + i, `p${i}`);
    // The first one has been let go for the third.
    expect(story.finish()[0]).toBe('open 8 accounts=5 posts=5 removed=0');
    expect(JSON.stringify(story.out[0])).toContain('by-p0');
  });
});

describe('an edit', () => {
  test('takes the versions before it away, whichever comes first', () => {
    for (const isLate of [false, true]) {
      const story = opened();
      if (isLate) story.retract(9, 'e', 8);
      story.post(10, 'e', { text: `${TEXT} old` });
      story.post(11, 'e', { text: `${TEXT} new`, editedAt: 8 });
      if (!isLate) story.retract(12, 'e', 8);
      story.finish();
      const { alert, members } = story.out.at(-1)!;
      expect([alert.accountCount, alert.postCount, alert.removedCount]).toEqual([6, 6, 1]);
      expect(members!.at(-1)!.text).toBe(`${TEXT} new`);
      expect(JSON.stringify(members)).not.toContain('old');
    }
  });

  test('of an edit takes that one away, not the newest', () => {
    const story = opened();
    story.post(10, 'e', { editedAt: 5, text: `${TEXT} five` });
    story.post(11, 'e', { editedAt: 8, text: `${TEXT} eight` });
    story.retract(12, 'e', 8);
    story.retract(13, 'e', 5);
    story.post(14, 'e', { editedAt: 6, text: `${TEXT} six` });
    story.finish();
    const { members } = story.out.at(-1)!;
    expect(members!.filter(({ id }) => id === 'e').map(({ text }) => text)).toEqual([`${TEXT} eight`]);
  });
});

describe('what has gone is told', () => {
  test('at once where the last revision is old enough, and else when it is', () => {
    const story = opened();
    story.retract(23, 'p0');
    story.retract(30, 'p1');
    story.retract(31, 'p2');
    story.post(60, 'q');
    expect(story.told().slice(1)).toEqual([
      'updated 24 accounts=4 posts=4 removed=1',
      'updated 44 accounts=2 posts=2 removed=3',
    ]);
  });

  test('not later than growth would be', () => {
    const story = opened(settingsFor({ updateIntervalMs: 1000 }, { removalIntervalMs: 5000 }));
    story.retract(30, 'p0');
    expect(story.finish().slice(1)).toEqual(['closed 104 accounts=4 posts=4 removed=1']);
  });

  test('by an alert that has let go of the text, too', () => {
    const story = opened();
    story.link(20, 'border', 2, { 1: 0.33 });
    story.link(25, 'b0', 3, { 2: 0.4 });
    for (let i = 1; i < 6; i++) story.post(25 + i, `b${i}`, {}, 3);
    story.post(26, 'a5');
    story.post(27, 'a6');
    const before = story.told().length;
    expect(before).toBeGreaterThan(1);
    story.retract(80, 'border');
    const after = story.told().slice(before);
    // Both the alert that it belongs to and the one that may still show it.
    expect(after.filter((line) => line.startsWith('updated 80'))).toHaveLength(2);
    for (const { alert } of story.out.slice(before)) expect(JSON.stringify(alert)).not.toContain('by-border');
  });
});
