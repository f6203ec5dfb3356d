import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ChorusError } from '../../src/errors.ts';
import { KeptPost } from '../../src/runtime/evidence.ts';
import { EvidenceRing } from '../../src/runtime/evidence-ring.ts';
import type { StageSettings } from '../../src/runtime/engine.ts';
import { hex64 } from '../../src/fingerprints/hash.ts';
import { ENTRY, entryTimeMs } from '../../src/frames/entry.ts';
import { CampaignStage, type CampaignEvent, type Revision } from '../../src/stages/campaign.ts';
import { MatchStage, type MatchEvent } from '../../src/stages/match.ts';
import { decodeCampaignState, emptyCampaignState, encodeCampaignState } from '../../src/windows/campaign-state.ts';
import { stepsOf, type Item } from '../support/steps.ts';
import { feed, itemsOf, settingsOf, type Feed } from '../support/variants.ts';

const BASE = settingsOf({});
const { limits } = BASE.campaign;

/** Small bounds, so that what is left out shows, and those of the feed. */
function settingsFor({ windowMs, minAccounts, latenessMs, updateIntervalMs }: Feed): StageSettings {
  const small = { postsMax: 12, variantsMax: 3, accountsMax: 6 };
  return {
    ...BASE,
    match: { ...BASE.match, windowMs },
    campaign: {
      ...BASE.campaign,
      windowMs,
      minAccounts,
      latenessMs,
      updateIntervalMs,
      limits: small,
      removalIntervalMs: 5,
    },
  };
}

interface Cause {
  readonly timeMs: number;
  readonly events: readonly CampaignEvent[];
}

/** What the match stage says of a feed. */
function causesOf(settings: StageSettings, items: readonly Item[]): Cause[] {
  const match = new MatchStage(settings.match);
  const ring = new EvidenceRing(settings.match.windowMs);
  const read = (reference: number): KeptPost => {
    const { key, timeMs, bytes } = ring.read(reference);
    return new KeptPost(key, timeMs, bytes.slice());
  };
  const causes: Cause[] = [];
  for (const { words, bytes } of stepsOf(settings, items)) {
    const timeMs = entryTimeMs(words, 0);
    const reference = ring.append(timeMs, words[ENTRY.postHi]!, words[ENTRY.postLo]!, bytes);
    const said: MatchEvent[] = [];
    match.process(words, 0, reference, said);
    const events = said.map((event): CampaignEvent => {
      if (event.kind === 'post') return { ...event, evidence: read(event.evidence) };
      if (event.kind === 'retraction') return { ...event, post: hex64(event.post.hi, event.post.lo) };
      const { laterEvidence, earlierEvidence } = event;
      const earlier = earlierEvidence < 0 ? undefined : read(earlierEvidence);
      return { ...event, laterEvidence: read(laterEvidence), earlierEvidence: earlier };
    });
    causes.push({ timeMs, events });
  }
  return causes;
}

const linesOf = (stage: CampaignStage): string[] => Array.from(encodeCampaignState(stage.state));
const bytesOf = (revisions: readonly Revision[]): string[] => revisions.map((revision) => JSON.stringify(revision));

describe('the state of the campaign stage as lines', () => {
  test('goes on as the state that was written, from any moment on', () => {
    let withAlert = 0;
    fc.assert(
      fc.property(feed, fc.nat(), (options, cut) => {
        const settings = settingsFor(options);
        const causes = causesOf(settings, itemsOf(options));
        const whole = new CampaignStage(settings.campaign);
        const before: Revision[] = [];
        const at = cut % (causes.length + 1);
        for (const { timeMs, events } of causes.slice(0, at)) whole.process(timeMs, events, before);
        const lines = linesOf(whole);
        const read = new CampaignStage(settings.campaign, decodeCampaignState(lines, settings.campaign.limits));
        expect(linesOf(read)).toEqual(lines);
        if (lines.some((line) => line.includes('"alert":'))) withAlert++;
        const expected: Revision[] = [];
        const said: Revision[] = [];
        for (const { timeMs, events } of causes.slice(at)) {
          whole.process(timeMs, events, expected);
          read.process(timeMs, events, said);
        }
        whole.finish(expected);
        read.finish(said);
        expect(bytesOf(said)).toEqual(bytesOf(expected));
        expect(read.duplicates).toBe(whole.duplicates);
      }),
      { numRuns: 300 },
    );
    expect(withAlert).toBeGreaterThan(20);
  });

  test('is written the same however often it is read', () => {
    const options = { ...fc.sample(feed, { seed: 5, numRuns: 1 })[0]!, posts: 150, minAccounts: 2, windowMs: 60 };
    const settings = settingsFor(options);
    const stage = new CampaignStage(settings.campaign);
    for (const { timeMs, events } of causesOf(settings, itemsOf(options))) stage.process(timeMs, events, []);
    let lines = linesOf(stage);
    for (let i = 0; i < 3; i++) {
      const read = new CampaignStage(settings.campaign, decodeCampaignState(lines, settings.campaign.limits));
      expect(linesOf(read)).toEqual(lines);
      lines = linesOf(read);
    }
  });

  test('of nothing is nothing', () => {
    const lines = Array.from(encodeCampaignState(emptyCampaignState()));
    const { nodes, known, nowMs, sweptMs, duplicates } = decodeCampaignState(lines, limits);
    expect([nodes.size, known.size, nowMs, sweptMs, duplicates]).toEqual([0, 0, -Infinity, -Infinity, 0]);
  });

  test('is kept for more post keys than fit a line', () => {
    const state = emptyCampaignState();
    for (let i = 0; i < 2500; i++) state.known.set(i.toString(16).padStart(16, '0'), i);
    const read = decodeCampaignState(Array.from(encodeCampaignState(state)), limits);
    expect(Array.from(read.known)).toEqual(Array.from(state.known));
  });

  test.each<[string, readonly string[]]>([
    ['no lines', []],
    ['a first line that is none', ['{']],
    ['campaigns that are missing', ['[1,1,0,1,0,0]']],
    ['nodes that are missing', ['[1,1,0,0,2,0]', '{"id":"a","text":"a","massNats":1,"numbers":[1]}']],
    ['a campaign of a node that is not there', ['[1,1,0,1,0,0]', '{"nodes":[0]}', '[]', '[]']],
    ['timers that are cut off', ['[1,1,0,0,0,0]', '[]', '[[0']],
  ])('is refused with %s', (_, lines) => {
    try {
      decodeCampaignState(lines, limits);
    } catch (error) {
      expect((error as ChorusError).code).toBe('snapshot_invalid');
      return;
    }
    expect.unreachable('it was read');
  });
});
