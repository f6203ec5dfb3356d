/**
 * How urgently somebody should look at an alert, 0 to 100: a sum of points whose parts are told, so that a list sorts well and
 * everybody can see why. It is no probability, and says nothing of who the accounts are.
 */
import type { AlertExplanation, AlertSeverity, SeverityPart } from '../model.ts';

export interface SeverityFacts {
  readonly accountCount: number;
  /** The shortest stretch of time with half of the posts. */
  readonly halfSpanMs: number;
  readonly windowMs: number;
  /** R to the representative text, weighted by posts, 0 to 1. */
  readonly likeness: number;
  /** Posts with disguised letters, 0 to 1. */
  readonly disguisedShare: number;
  /** Concentration of the creation dates, and the share of accounts whose date is known. */
  readonly concentration: number;
  readonly knownShare: number;
  /** Accounts that took part in campaigns before, 0 to 1. */
  readonly repeatShare: number;
  readonly explanations: readonly AlertExplanation[];
}

export const POINTS_MAX: Readonly<Record<SeverityPart, number>> = {
  accounts: 25,
  speed: 25,
  likeness: 20,
  obfuscation: 10,
  freshness: 10,
  repeats: 10,
  explained: 0,
};
const EXPLAINED_MIN = -25;
/** Accounts that give all points. */
const ACCOUNTS_ENOUGH = 128;
const MINUTE_MS = 60_000;

export function severityOf(facts: SeverityFacts): AlertSeverity {
  const explained = facts.explanations[0]?.share ?? 0;
  const parts: Record<SeverityPart, number> = {
    accounts: points('accounts', doublings(facts.accountCount) / doublings(ACCOUNTS_ENOUGH)),
    speed: points('speed', speedOf(facts)),
    likeness: points('likeness', facts.likeness),
    obfuscation: points('obfuscation', 2 * facts.disguisedShare),
    freshness: points('freshness', facts.concentration * facts.knownShare),
    repeats: points('repeats', 2 * facts.repeatShare),
    // Not -0, which JSON writes as 0 and a comparison tells from it.
    explained: Math.round(EXPLAINED_MIN * explained) + 0,
  };
  const sum = Object.values(parts).reduce((total, each) => total + each, 0);
  return { score: Math.max(0, Math.min(100, sum)), parts };
}

function points(part: SeverityPart, share: number): number {
  return Math.round(POINTS_MAX[part] * Math.max(0, Math.min(1, share)));
}

/** 1 for half of the posts within a minute, 0 for a stretch as long as the window; each halving counts the same. */
function speedOf({ halfSpanMs, windowMs }: SeverityFacts): number {
  const window = Math.max(windowMs, 2 * MINUTE_MS);
  return doublings(window / Math.max(halfSpanMs, MINUTE_MS)) / doublings(window / MINUTE_MS);
}

/** How often 1 must be doubled, in between on a straight line: Math.log2 may differ in its last digit between machines. */
function doublings(value: number): number {
  if (value <= 1) return 0;
  let count = 0;
  let rest = value;
  while (rest >= 2) {
    rest /= 2;
    count++;
  }
  return count + rest - 1;
}
