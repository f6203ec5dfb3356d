/**
 * The words of Chorus as types: what passes between a feed, the three stages and a reader of alerts.
 *
 * The glossary in ARCHITECTURE.md explains each of them. Times are milliseconds since 1970 (UTC), integers; intervals
 * of event time are half open, `(t - window, t]` for a sliding window.
 */

/** One message by one account on one platform, as every decoder hands it on. Ids are strings and never coerced. */
export interface Post {
  readonly id: string;
  readonly platform: string;
  /** The stable id of the account on its platform, not its display name. */
  readonly account: string;
  readonly text: string;
  /** Event time in ms. */
  readonly createdAt: number;
  readonly handle?: string;
  /** BCP 47 tag as the platform gave it; never trusted for a decision. */
  readonly lang?: string;
  /** Links of the post, expanded where the platform says what a short link stands for. */
  readonly urls?: readonly string[];
  /** Id of the post that this one natively reposts ("unknown" where only the fact is known). Such posts make no text links. */
  readonly repostOf?: string;
  readonly replyTo?: string;
  readonly quoteOf?: string;
  /** When the account was made, ms. */
  readonly accountCreatedAt?: number;
}

/** Why a line or record of input is not a post. A fixed list, because each is a counter and a documented word. */
export const REJECTION_REASONS = [
  'not_json',
  'not_an_object',
  'nested_too_deep',
  'line_too_long',
  'invalid_utf8',
  'missing_field',
  'wrong_type',
  'empty_field',
  'field_too_long',
  'text_too_long',
  'invalid_time',
  'invalid_character',
  'unknown_schema',
  'unusable_schema',
  'invalid_avro',
  'time_ahead',
] as const;
export type RejectionReason = (typeof REJECTION_REASONS)[number];

/** What a decoder makes of one record: a post, or the reason why it is none. Never an exception. */
export type Decoded =
  | { readonly kind: 'post'; readonly post: Post }
  | {
      readonly kind: 'rejection';
      readonly reason: RejectionReason;
      /** Names the field and the bound, holds no text of the post. */ readonly detail: string;
    };

/** A post as the campaign stage keeps it: the post and its key, a hash of platform and id (16 hexadecimal digits). */
export interface Evidence {
  readonly key: string;
  readonly post: Post;
}

export const ALERT_STATUSES = ['open', 'updated', 'merged', 'closed'] as const;
export type AlertStatus = (typeof ALERT_STATUSES)[number];

/** How two posts of a campaign came to be compared: one normalised text, or a bucket of a key family. */
export const FINDERS = ['text', 'shingle', 'simhash'] as const;
export type Finder = (typeof FINDERS)[number];

/**
 * The published state of a campaign; `schemas/alert.v1.schema.json` is its contract. Times are ISO 8601, UTC, milliseconds.
 * Lists are bounded; `leftOut` says how many elements a list lacks.
 */
export interface Alert {
  readonly schema: 'chorus.alert.v1';
  readonly id: string;
  /** 1, 2, 3 ... without gaps. */
  readonly revision: number;
  readonly status: AlertStatus;
  readonly mergedInto?: string;
  readonly finding: 'coordinated posting';
  /** Event time of this revision. */
  readonly revisedAt: string;
  readonly openedAt: string;
  readonly firstPostAt: string;
  readonly lastPostAt: string;
  readonly windowMs: number;
  /** The variant that most accounts posted, as its first post wrote it. */
  readonly text: string;
  readonly accountCount: number;
  readonly postCount: number;
  readonly variantCount: number;
  /** Posts that forward another by hand ("RT @name: ..."). */
  readonly forwardCount: number;
  readonly platforms: Readonly<Record<string, number>>;
  readonly foundBy: readonly Finder[];
  readonly variants: { readonly listed: readonly AlertVariant[]; readonly leftOut: number };
  readonly accounts: { readonly listed: readonly AlertAccount[]; readonly leftOut: number };
  readonly samples: { readonly listed: readonly AlertSample[]; readonly leftOut: number };
  readonly engine: string;
  readonly topology: string;
}

export interface AlertVariant {
  readonly text: string;
  readonly postCount: number;
  readonly accountCount: number;
  readonly firstPostAt: string;
  readonly lastPostAt: string;
  /** SimHash64 of the normalised text, 16 hexadecimal digits. */
  readonly simhash: string;
  /** R to the representative text, 0 to 1; a long text has a higher R to itself than a short one. */
  readonly similarity: number;
}

export interface AlertAccount {
  readonly platform: string;
  readonly account: string;
  readonly handle?: string;
  readonly accountCreatedAt?: string;
  readonly postCount: number;
  readonly firstPostAt: string;
  readonly lastPostAt: string;
}

export interface AlertSample {
  readonly platform: string;
  readonly id: string;
  readonly account: string;
  readonly createdAt: string;
  readonly text: string;
  readonly urls?: readonly string[];
}
