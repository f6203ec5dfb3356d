/** What the simulator planted, held beside what was found. */
import type { Post } from '../model.ts';
import type { SimulatedPost } from '../simulate/feed.ts';
import type { Level } from '../simulate/mutate.ts';

export interface Planted {
  readonly name: string;
  readonly level: Level;
  /** Keys of its posts. */
  readonly posts: Set<string>;
  readonly accounts: Set<string>;
}

/** What most members of an alert are. */
export type Origin =
  | { readonly kind: 'planted'; readonly planted: Planted }
  | { readonly kind: 'copying'; readonly name: string }
  | { readonly kind: 'chatter' };

export class DemoTruth {
  postCount = 0;
  readonly #planted = new Map<string, Planted>();
  readonly #origins = new Map<string, Origin>();

  get planted(): readonly Planted[] {
    return Array.from(this.#planted.values());
  }

  add({ post, campaign, level, copying }: SimulatedPost): void {
    this.postCount++;
    if (copying !== undefined) this.#origins.set(keyOf(post), { kind: 'copying', name: copying });
    if (campaign === undefined || level === undefined) return;
    const planted = this.#planted.get(campaign) ?? { name: campaign, level, posts: new Set(), accounts: new Set() };
    planted.posts.add(keyOf(post));
    planted.accounts.add(accountOf(post));
    this.#planted.set(campaign, planted);
    this.#origins.set(keyOf(post), { kind: 'planted', planted });
  }

  /** Where the greatest part of the posts comes from. */
  originOf(posts: readonly Post[]): Origin {
    const counts = new Map<string, { count: number; origin: Origin }>();
    for (const post of posts) {
      const origin = this.#origins.get(keyOf(post)) ?? { kind: 'chatter' };
      const name = origin.kind === 'planted' ? origin.planted.name : origin.kind === 'copying' ? origin.name : '';
      const known = counts.get(name) ?? { count: 0, origin };
      known.count++;
      counts.set(name, known);
    }
    const ranked = Array.from(counts.values()).sort((a, b) => b.count - a.count);
    return ranked[0]?.origin ?? { kind: 'chatter' };
  }

  /** Accounts of the planted campaign among the posts. */
  accountsFound(planted: Planted, posts: readonly Post[]): number {
    return new Set(posts.filter((post) => planted.posts.has(keyOf(post))).map(accountOf)).size;
  }
}

function keyOf(post: Post): string {
  return `${post.platform} ${post.id}`;
}

function accountOf(post: Post): string {
  return `${post.platform} ${post.account}`;
}
