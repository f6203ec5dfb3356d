/** All accounts of a file of alerts: who they are, and which campaigns each took part in. Campaigns are numbered in order of output. */
import { compareText } from '../windows/alert.ts';
import type { AccountRow } from './evidence.ts';

/** An account over all campaigns. Times are ms. */
export interface BookedAccount {
  readonly key: string;
  readonly platform: string;
  readonly account: string;
  readonly handle: string | undefined;
  readonly createdMs: number | undefined;
  readonly disclosure: string | undefined;
  readonly earlierCampaigns: number | undefined;
  readonly postCount: number;
  readonly firstMs: number;
  /** The last post of the last of its campaigns, by anyone: until then the account is part of something that goes on. */
  readonly activeUntilMs: number;
  /** Numbers, ascending. */
  readonly campaigns: readonly number[];
}

type Entry = { -readonly [Field in keyof BookedAccount]: BookedAccount[Field] } & { campaigns: number[] };

export class AccountBook {
  readonly #accounts = new Map<string, Entry>();

  /** Campaigns come in order of their numbers. */
  add(campaign: number, rows: readonly AccountRow[], campaignLastMs: number): void {
    for (const row of rows) {
      const known = this.#accounts.get(row.key);
      if (known === undefined) this.#accounts.set(row.key, entryOf(row, campaign, campaignLastMs));
      else extend(known, row, campaign, campaignLastMs);
    }
  }

  get(key: string): BookedAccount | undefined {
    return this.#accounts.get(key);
  }

  get size(): number {
    return this.#accounts.size;
  }

  /** By key. */
  accounts(): BookedAccount[] {
    return Array.from(this.#accounts.values()).sort((a, b) => compareText(a.key, b.key));
  }

  /** How many campaigns besides `campaign` both took part in; of an account in very many, the first ones are compared. */
  sharedCount(a: string, b: string, campaign: number): number {
    const [one, other] = [this.#accounts.get(a)?.campaigns, this.#accounts.get(b)?.campaigns];
    if (one === undefined || other === undefined) return 0;
    const [oneEnd, otherEnd] = [Math.min(one.length, COMPARED_MAX), Math.min(other.length, COMPARED_MAX)];
    let count = 0;
    for (let i = 0, j = 0; i < oneEnd && j < otherEnd;) {
      if (one[i] === other[j] && one[i] !== campaign) count++;
      if (one[i]! <= other[j]!) i++;
      else j++;
    }
    return count;
  }
}

const COMPARED_MAX = 200;

function entryOf(row: AccountRow, campaign: number, campaignLastMs: number): Entry {
  const { key, platform, account, handle, createdMs, disclosure, earlierCampaigns, postCount, firstMs } = row;
  const identity = { key, platform, account, handle, createdMs, disclosure, earlierCampaigns };
  return { ...identity, postCount, firstMs, activeUntilMs: campaignLastMs, campaigns: [campaign] };
}

function extend(entry: Entry, row: AccountRow, campaign: number, campaignLastMs: number): void {
  entry.handle ??= row.handle;
  entry.createdMs ??= row.createdMs;
  entry.disclosure ??= row.disclosure;
  if (row.earlierCampaigns !== undefined) {
    entry.earlierCampaigns = Math.max(entry.earlierCampaigns ?? 0, row.earlierCampaigns);
  }
  entry.postCount += row.postCount;
  entry.firstMs = Math.min(entry.firstMs, row.firstMs);
  entry.activeUntilMs = Math.max(entry.activeUntilMs, campaignLastMs);
  entry.campaigns.push(campaign);
}
