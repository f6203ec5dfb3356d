/**
 * What people post without any plan: chatter, answers, links, forwards, reposts, check-ins, short words, and a few accounts
 * that repeat themselves. Owns a bounded memory of recent posts, the ones that can be answered, forwarded and reposted.
 */
import type { Account, Platform, Population } from './accounts.ts';
import { checkIn, EMOJI, shortLink, stickers, utterance } from './chatter.ts';
import type { Random } from './random.ts';
import { VOCABULARIES } from './vocabulary/index.ts';

/** A post before it has an id and a time. */
export interface Draft {
  readonly account: Account;
  readonly text: string;
  readonly repostOf?: string;
  readonly replyTo?: string;
  readonly quoteOf?: string;
}

interface Remembered {
  readonly id: string;
  readonly handle: string;
  readonly text: string;
}

interface Recent {
  readonly posts: Remembered[];
  next: number;
  /** The one that is being reposted by everybody. */
  viral: Remembered | undefined;
}

const RECENT_PER_PLATFORM = 512;
/** Numbers no ordinary account reaches. */
const REPEATER_BASE = 2 ** 29;
const REPEATERS = 12;

export class Organic {
  readonly #population: Population;
  readonly #random: Random;
  readonly #recent = new Map<Platform, Recent>();
  readonly #repeaters: Draft[] = [];

  constructor(population: Population, random: Random) {
    this.#population = population;
    this.#random = random;
    for (let number = 0; number < REPEATERS; number += 1) {
      const account = population.account(REPEATER_BASE + number);
      this.#repeaters.push({ account, text: utterance(VOCABULARIES[account.language], random) });
    }
  }

  draft(): Draft {
    const random = this.#random;
    const kind = random.below(1000);
    if (kind < 12) return random.pickEarly(this.#repeaters);
    const account = this.#population.account(this.#population.active(random));
    const recent = this.#recent.get(account.platform);
    if (recent !== undefined && kind < 180) return this.#response(account, recent, kind);
    return { account, text: this.#own(account, kind) };
  }

  /** Repost, reply, forward by hand or quote, by the kind's range. */
  #response(account: Account, recent: Recent, kind: number): Draft {
    const random = this.#random;
    const target = random.pick(recent.posts);
    const vocabulary = VOCABULARIES[account.language];
    if (kind < 92) {
      const reposted = random.chance(500) && recent.viral !== undefined ? recent.viral : target;
      const text = account.platform === 'twitter' ? `RT @${reposted.handle}: ${reposted.text}` : reposted.text;
      return { account, text, repostOf: reposted.id };
    }
    if (kind < 152) return { account, text: `@${target.handle} ${utterance(vocabulary, random)}`, replyTo: target.id };
    if (kind < 164) {
      if (account.platform === 'weibo')
        return { account, text: `${random.pick(vocabulary.short)}//@${target.handle}:${target.text}` };
      return { account, text: `RT @${target.handle}: ${target.text}` };
    }
    return { account, text: utterance(vocabulary, random), quoteOf: target.id };
  }

  #own(account: Account, kind: number): string {
    const random = this.#random;
    const vocabulary = VOCABULARIES[account.language];
    if (kind < 230) return this.#decorated(account, random.pickEarly(vocabulary.short));
    if (kind < 250) return this.#decorated(account, random.pickEarly(vocabulary.greetings));
    if (kind < 256) return `${checkIn(vocabulary, random)} ${shortLink(random)}`;
    const text = this.#decorated(account, utterance(vocabulary, random));
    return kind < 350 ? `${text} ${shortLink(random)}` : text;
  }

  #decorated(account: Account, text: string): string {
    const random = this.#random;
    let decorated = text;
    if (account.platform === 'weibo' && random.chance(200)) decorated += stickers(random, random.between(1, 3));
    else if (random.chance(150)) decorated += ` ${random.pickEarly(EMOJI)}`;
    if (random.chance(110)) {
      const tag = random.pickEarly(VOCABULARIES[account.language].tags);
      decorated += account.platform === 'weibo' ? ` #${tag}#` : ` #${tag}`;
    }
    return decorated;
  }

  /** Makes a post available to responses; the oldest one of its platform is forgotten. */
  remember(id: string, draft: Draft): void {
    // The texts of repeaters would be picked ten times as often as others.
    if (this.#repeaters.includes(draft)) return;
    // Nobody passes on a forward of a forward or a bare "thank you" here: chains of them would be copying in all but name.
    if (draft.repostOf !== undefined || draft.text.length < 20 || /^RT @|\/\/@/.test(draft.text)) return;
    const { platform, handle } = draft.account;
    let recent = this.#recent.get(platform);
    if (recent === undefined) {
      recent = { posts: [], next: 0, viral: undefined };
      this.#recent.set(platform, recent);
    }
    const remembered = { id, handle, text: draft.text };
    recent.posts[recent.next] = remembered;
    recent.next = (recent.next + 1) % RECENT_PER_PLATFORM;
    if (recent.next === 0) recent.viral = remembered;
  }
}
