/**
 * One campaign as reports and exports take it: its last alert, the ids merged into it, and its posts where a file of members was given.
 *
 * An alert lists a bounded part of its accounts and posts. Members name all of them, without texts and handles, so the two are
 * put together here: what is known of an account or a post from either.
 */
import { compareText } from '../windows/alert.ts';
import type { Member, ReportAlert, ReportSample } from './alert.ts';

export interface Evidence {
  readonly alert: ReportAlert;
  /** Ids of the alerts that were merged into this one, sorted. */
  readonly mergedIds: readonly string[];
  /** All posts in order of time; undefined where no file of members was given, or it has none of this campaign. */
  readonly members: readonly Member[] | undefined;
}

/** An account in one campaign. Times are ms. */
export interface AccountRow {
  /** `platform/account`. Names of platforms have no slash, so no two accounts share one. */
  readonly key: string;
  readonly platform: string;
  readonly account: string;
  readonly handle: string | undefined;
  readonly createdMs: number | undefined;
  readonly postCount: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly earlierCampaigns: number | undefined;
  readonly disclosure: string | undefined;
  /** Known times of its posts here, in order; at most `TIMES_MAX`, the earliest. */
  readonly times: readonly number[];
}

/** A post in one campaign; `sample` is there if its text is known. */
export interface PostRow {
  readonly platform: string;
  readonly id: string;
  readonly account: string;
  readonly createdMs: number;
  readonly sample: ReportSample | undefined;
}

/** Enough to see how close two accounts post; an account with thousands of posts would make each comparison dear. */
const TIMES_MAX = 64;

export function accountKey({ platform, account }: { readonly platform: string; readonly account: string }): string {
  return `${platform}/${account}`;
}

/** Those listed and those of the members, in order of their first posts. */
export function accountRows({ alert, members }: Evidence): AccountRow[] {
  const rows = new Map<string, Mutable<AccountRow> & { times: number[] }>();
  for (const listed of alert.accounts.listed) {
    rows.set(accountKey(listed), { ...listed, key: accountKey(listed), times: [] });
  }
  for (const { platform, account, createdMs } of members ?? alert.samples.listed) {
    const key = accountKey({ platform, account });
    let row = rows.get(key);
    if (row === undefined) {
      row = { key, platform, account, ...UNLISTED, postCount: 0, firstMs: createdMs, lastMs: createdMs, times: [] };
      rows.set(key, row);
    }
    row.times.push(createdMs);
  }
  const isListed = new Set(alert.accounts.listed.map(accountKey));
  for (const row of rows.values()) {
    if (members === undefined) row.times.push(row.firstMs, row.lastMs);
    row.times = Array.from(new Set(row.times.sort(byNumber)));
    if (!isListed.has(row.key)) {
      row.postCount = row.times.length;
      row.firstMs = row.times[0]!;
      row.lastMs = row.times.at(-1)!;
    }
    row.times.length = Math.min(row.times.length, TIMES_MAX);
  }
  return Array.from(rows.values()).sort((a, b) => a.firstMs - b.firstMs || compareText(a.key, b.key));
}

const UNLISTED = { handle: undefined, createdMs: undefined, earlierCampaigns: undefined, disclosure: undefined };

type Mutable<Row> = { -readonly [Field in keyof Row]: Row[Field] };

/** Those of the members, else the samples, in order of time. */
export function postRows({ alert, members }: Evidence): PostRow[] {
  const samples = new Map(alert.samples.listed.map((sample) => [postKey(sample.platform, sample.id), sample]));
  const rows: PostRow[] = (members ?? []).map(({ platform, post, account, createdMs }) => {
    const key = postKey(platform, post);
    const sample = samples.get(key);
    samples.delete(key);
    return { platform, id: post, account, createdMs, sample };
  });
  for (const sample of samples.values()) rows.push({ ...sample, sample });
  return rows.sort(
    (a, b) => a.createdMs - b.createdMs || compareText(a.platform, b.platform) || compareText(a.id, b.id),
  );
}

function postKey(platform: string, id: string): string {
  return `${platform}/${id}`;
}

/** Milliseconds between the two closest of their known posts. */
export function smallestGapMs(a: readonly number[], b: readonly number[]): number {
  let smallest = Infinity;
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    const gap = a[i]! - b[j]!;
    smallest = Math.min(smallest, Math.abs(gap));
    if (gap < 0) i++;
    else j++;
  }
  return smallest;
}

function byNumber(a: number, b: number): number {
  return a - b;
}
