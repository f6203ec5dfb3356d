/** What of the planted campaigns one setting has found, by level and size, and what it has mixed up. */
import type { Post } from '../model.ts';
import type { Revision } from '../stages/campaign.ts';
import { plantedIndex, type PlantedCampaign, type PlantLevel } from './planting.ts';

/** Planted campaigns of an alert count as mixed up if it has so many posts of each. */
const MIXED_POSTS_MIN = 5;

/** Shares are 0 to 1. */
export interface Recall {
  readonly campaigns: number;
  /** Campaigns of which one alert holds at least as many accounts as the setting asks for. */
  readonly found: number;
  readonly recall: number;
  /** 95 % interval of the recall (Wilson 1927). */
  readonly interval: readonly [low: number, high: number];
  readonly posts: number;
  /** Of all posts of these campaigns, the share that lies in the one alert that has most of its campaign. */
  readonly coverage: number;
}

export interface RecallOf extends Recall {
  readonly level: PlantLevel;
}

export interface RecallOfSize extends RecallOf {
  readonly accounts: number;
}

export interface RecallFigures {
  readonly byLevel: readonly RecallOf[];
  readonly bySize: readonly RecallOfSize[];
  /** Alerts with planted posts in them. */
  readonly alertsWithPlants: number;
  /** Of these, alerts in which as many accounts of the archive as make an alert lie together with planted posts. */
  readonly mixedWithOrganic: number;
  /** Of these, alerts of two or more planted campaigns with five posts or more each. */
  readonly mixedCampaigns: number;
  /** Alerts without planted posts. */
  readonly organicAlerts: number;
}

interface Best {
  posts: number;
  /** Largest number of accounts in one alert. */
  accounts: number;
}

/** Of one setting. */
export class RecallTally {
  readonly #campaigns: readonly PlantedCampaign[];
  readonly #seed: number;
  readonly #minAccounts: number;
  readonly #best: Best[];
  #alertsWithPlants = 0;
  #mixedWithOrganic = 0;
  #mixedCampaigns = 0;
  #organicAlerts = 0;

  constructor(campaigns: readonly PlantedCampaign[], seed: number, minAccounts: number) {
    this.#campaigns = campaigns;
    this.#seed = seed;
    this.#minAccounts = minAccounts;
    this.#best = campaigns.map(() => ({ posts: 0, accounts: 0 }));
  }

  add({ members }: Revision): void {
    const planted = new Map<number, Post[]>();
    const organic = new Set<string>();
    for (const post of members ?? []) {
      const index = plantedIndex(post, this.#seed);
      if (index === undefined) organic.add(`${post.platform}\u0000${post.account}`);
      else planted.set(index, [...(planted.get(index) ?? []), post]);
    }
    if (planted.size === 0) {
      this.#organicAlerts++;
      return;
    }
    this.#alertsWithPlants++;
    if (organic.size >= this.#minAccounts) this.#mixedWithOrganic++;
    if ([...planted.values()].filter((posts) => posts.length >= MIXED_POSTS_MIN).length > 1) this.#mixedCampaigns++;
    for (const [index, posts] of planted) {
      const best = this.#best[index]!;
      best.posts = Math.max(best.posts, posts.length);
      best.accounts = Math.max(best.accounts, new Set(posts.map(({ account }) => account)).size);
    }
  }

  figures(): RecallFigures {
    const kinds = new Map<string, number[]>();
    const levels = new Map<PlantLevel, number[]>();
    for (const [index, { level, accounts }] of this.#campaigns.entries()) {
      push(kinds, `${level} ${accounts}`, index);
      push(levels, level, index);
    }
    return {
      byLevel: Array.from(levels, ([level, indexes]) => ({ level, ...this.#recall(indexes) })),
      bySize: Array.from(kinds.values(), (indexes) => {
        const { level, accounts } = this.#campaigns[indexes[0]!]!;
        return { level, accounts, ...this.#recall(indexes) };
      }),
      alertsWithPlants: this.#alertsWithPlants,
      mixedWithOrganic: this.#mixedWithOrganic,
      mixedCampaigns: this.#mixedCampaigns,
      organicAlerts: this.#organicAlerts,
    };
  }

  #recall(indexes: readonly number[]): Recall {
    const found = indexes.filter((index) => this.#best[index]!.accounts >= this.#minAccounts).length;
    const posts = indexes.reduce((sum, index) => sum + this.#campaigns[index]!.accounts, 0);
    const covered = indexes.reduce((sum, index) => sum + this.#best[index]!.posts, 0);
    const campaigns = indexes.length;
    return {
      campaigns,
      found,
      recall: found / campaigns,
      interval: wilson(found, campaigns),
      posts,
      coverage: covered / posts,
    };
  }
}

/** Quantile of the normal distribution for 95 %. */
const Z = 1.959964;

/** Wilson's score interval for `found` of `count`; from 0 to 1 if there are none. */
export function wilson(found: number, count: number): [low: number, high: number] {
  if (count === 0) return [0, 1];
  const share = found / count;
  const shrink = 1 + (Z * Z) / count;
  const middle = (share + (Z * Z) / (2 * count)) / shrink;
  const half = (Z / shrink) * Math.sqrt((share * (1 - share)) / count + (Z * Z) / (4 * count * count));
  // At the ends rounding would leave the bounds a hair off.
  return [found === 0 ? 0 : middle - half, found === count ? 1 : middle + half];
}

function push<Key>(lists: Map<Key, number[]>, key: Key, value: number): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
