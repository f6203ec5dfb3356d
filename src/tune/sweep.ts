/** What each setting of a grid finds in one archive, and how that differs from the configured setting. */
import { hashStrings } from '../fingerprints/hash.ts';
import type { Alert } from '../model.ts';
import type { Revision } from '../stages/campaign.ts';
import { runGrid, type GridRunOptions, type GridRunResult } from './grid-run.ts';
import { cellValues, type CellValues, type Grid } from './grid.ts';

/** An alert is taken for explained if one explanation covers so much of its posts. */
const EXPLAINED_SHARE = 0.5;
/** Alerts of this severity or more are counted as severe: half of the scale. */
export const SEVERE_SCORE = 50;

/** What one setting finds. Shares are 0 to 1; null where there is nothing to take a share or a median of. */
export interface SweepCell extends CellValues {
  /** Campaigns in the end. */
  readonly alerts: number;
  /** Distinct accounts in any of them. */
  readonly accounts: number;
  /** Posts in any of them. */
  readonly posts: number;
  /** Alerts of which one explanation covers half of the posts or more. */
  readonly explained: number;
  readonly explainedShare: number | null;
  readonly medianSeverity: number | null;
  /** Alerts of severity 50 or more. */
  readonly severe: number;
  /** Against the configured setting. */
  readonly change: {
    readonly alerts: number;
    /** Of the accounts that the configured setting finds, the share that this one finds too. */
    readonly accountsKeptShare: number | null;
    /** Accounts that the configured setting does not find. */
    readonly accountsNew: number;
  };
}

export interface SweepResult {
  readonly cells: readonly SweepCell[];
  readonly run: GridRunResult;
}

export type SweepOptions = Omit<GridRunOptions, 'cells' | 'onClosed' | 'onEntry' | 'onRead'> & { readonly grid: Grid };

/** @throws as `runGrid` */
export async function sweep({ grid, ...options }: SweepOptions): Promise<SweepResult> {
  const tallies = grid.cells.map(() => new Tally());
  const onClosed = (cell: number, closed: Revision): void => tallies[cell]!.add(closed);
  const run = await runGrid({ ...options, cells: grid.cells, onClosed });
  const configured = tallies[grid.configured]!;
  const cells = grid.cells.map((cell, i): SweepCell => {
    const tally = tallies[i]!;
    return { ...cellValues(cell), ...tally.figures(), change: tally.against(configured) };
  });
  return { cells, run };
}

/** Of one cell. Accounts are kept as numbers of 53 bits: two of a million are one by chance in one archive of 18,000. */
class Tally {
  readonly #accounts = new Set<number>();
  readonly #scores = new Float64Array(101);
  #alerts = 0;
  #posts = 0;
  #explained = 0;

  add({ alert, members }: Revision): void {
    this.#alerts++;
    this.#posts += alert.postCount;
    this.#scores[alert.severity.score]!++;
    if (isExplained(alert)) this.#explained++;
    for (const { platform, account } of members ?? []) this.#accounts.add(accountNumber(platform, account));
  }

  figures(): Omit<SweepCell, keyof CellValues | 'change'> {
    const alerts = this.#alerts;
    return {
      alerts,
      accounts: this.#accounts.size,
      posts: this.#posts,
      explained: this.#explained,
      explainedShare: alerts === 0 ? null : this.#explained / alerts,
      medianSeverity: alerts === 0 ? null : this.#medianScore(),
      severe: this.#scores.subarray(SEVERE_SCORE).reduce((sum, count) => sum + count, 0),
    };
  }

  against(configured: Tally): SweepCell['change'] {
    let kept = 0;
    for (const account of this.#accounts) if (configured.#accounts.has(account)) kept++;
    const { size } = configured.#accounts;
    return {
      alerts: this.#alerts - configured.#alerts,
      accountsKeptShare: size === 0 ? null : kept / size,
      accountsNew: this.#accounts.size - kept,
    };
  }

  /** The lower one of two in the middle. */
  #medianScore(): number {
    let below = 0;
    return this.#scores.findIndex((count) => {
      below += count;
      return 2 * below >= this.#alerts;
    });
  }
}

export function isExplained({ explanations }: Alert): boolean {
  return (explanations[0]?.share ?? 0) >= EXPLAINED_SHARE;
}

function accountNumber(platform: string, account: string): number {
  const { hi, lo } = hashStrings(platform, account);
  return (hi >>> 11) * 2 ** 32 + lo;
}
