/** When the accounts of a feed were made: each account once, by month. */
import type { CreationBaseline } from '../evidence/creation.ts';
import { hashStrings } from '../fingerprints/hash.ts';
import type { Post } from '../model.ts';
import { TextSet } from './text-set.ts';

/** As many accounts are remembered for counting each once as texts are. */
const ACCOUNT_BUCKET_BITS = 20;

export class CreationTrainer {
  accounts = 0;
  readonly #months = new Map<string, number>();
  readonly #known = new TextSet(ACCOUNT_BUCKET_BITS);

  /** A date after the post is a mistake of the platform and tells nothing. */
  take({ platform, account, accountCreatedAt, createdAt }: Post): void {
    if (accountCreatedAt === undefined || accountCreatedAt > createdAt) return;
    const { hi, lo } = hashStrings(platform, account);
    if (!this.#known.add(hi, lo)) return;
    this.accounts++;
    const month = new Date(accountCreatedAt).toISOString().slice(0, 7);
    this.#months.set(month, (this.#months.get(month) ?? 0) + 1);
  }

  finish(): CreationBaseline {
    const months = Array.from(this.#months).sort(([a], [b]) => (a < b ? -1 : 1));
    return { schema: 'chorus.creation.v1', months: Object.fromEntries(months) };
  }
}
