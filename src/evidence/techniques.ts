/**
 * Techniques of the DISARM framework that a pattern of posting can support. Candidates only: a framework of this kind describes
 * intent, and posts alone show none.
 *
 * Ids and names are those of the Red framework, version 1.6 (DISARM Foundation, CC BY 4.0).
 */
import type { AlertTechnique } from '../model.ts';

const VERSION = '1.6';
const HOUR_MS = 3_600_000;
/** Flooding takes so many accounts, and half of the posts within an hour. */
const FLOOD_ACCOUNTS_MIN = 20;
const SHARE_MIN = 0.5;
/** Disguised posts: so many, and so large a share. */
const DISGUISED_POSTS_MIN = 2;
const DISGUISED_SHARE_MIN = 0.1;

export interface TechniqueFacts {
  readonly accountCount: number;
  readonly variantCount: number;
  readonly halfSpanMs: number;
  /** The tag that most posts have, and their share; undefined without tags. */
  readonly tag: readonly [tag: string, share: number] | undefined;
  /** The account or post that most posts speak to, and their share. */
  readonly addressee: readonly [addressee: string, share: number] | undefined;
  readonly disguisedCount: number;
  readonly disguisedShare: number;
}

export function techniquesOf(facts: TechniqueFacts): AlertTechnique[] {
  const { accountCount, variantCount, halfSpanMs, tag, addressee, disguisedCount, disguisedShare } = facts;
  const wordings = variantCount === 1 ? 'one text' : `${variantCount} near-identical texts`;
  const found = [technique('T0084.001', 'Use Copypasta', `${accountCount} accounts posted ${wordings}`)];
  const isFlood = accountCount >= FLOOD_ACCOUNTS_MIN && halfSpanMs <= HOUR_MS;
  if (isFlood) {
    const because = `half of the posts came within ${duration(halfSpanMs)}, from ${accountCount} accounts in all`;
    found.push(technique('T0049', 'Flood Information Space', because));
    if (tag !== undefined && tag[1] >= SHARE_MIN) {
      found.push(technique('T0049.002', 'Flood Existing Hashtag', `${percent(tag[1])} of the posts carry ${tag[0]}`));
    }
    if (addressee !== undefined && addressee[1] >= SHARE_MIN) {
      const speaks = `${percent(addressee[1])} of the posts speak to ${addressee[0]}`;
      found.push(technique('T0049.005', 'Conduct Swarming', speaks));
    }
  }
  if (disguisedCount >= DISGUISED_POSTS_MIN && disguisedShare >= DISGUISED_SHARE_MIN) {
    const because = `${percent(disguisedShare)} of the posts have disguised letters`;
    found.push(technique('T0049.004', 'Utilise Spamoflauge', because));
    found.push(technique('T0121.001', 'Bypass Content Blocking', because));
  }
  return found;
}

function technique(id: string, name: string, because: string): AlertTechnique {
  return { framework: 'DISARM', version: VERSION, id, name, because };
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

function duration(ms: number): string {
  return ms < 60_000 ? `${Math.ceil(ms / 1000)} s` : `${Math.ceil(ms / 60_000)} min`;
}
