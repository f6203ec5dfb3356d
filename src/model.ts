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
  /** Ids that the platform gave to pictures and videos. */
  readonly media?: readonly string[];
  /** When the account was made, ms. */
  readonly accountCreatedAt?: number;
  /** Of an edited post with the id of the first version: when it was edited, ms. Older versions are retracted. */
  readonly editedAt?: number;
  /** Ids of earlier versions, where each version has an id of its own. They are retracted. */
  readonly replaces?: readonly string[];
}

/** A post has been deleted, in all its versions; it may not have come yet. */
export interface Deletion {
  readonly platform: string;
  readonly id: string;
  /** Event time of the deletion in ms. */
  readonly createdAt: number;
}

/** Why a record that can be read says nothing that Chorus uses. A fixed list, because each is a counter and a documented word. */
export const IGNORED_REASONS = [
  /** Blank lines and heartbeats. */
  'keep_alive',
  /** Likes, follows, profile changes, notices of the platform. */
  'other_event',
  /** A post without a text: a picture alone, or one that was removed by its author or a moderator. */
  'no_text',
  /** A post whose author is not told. */
  'no_account',
  /** A post to some people only. */
  'not_public',
] as const;
export type IgnoredReason = (typeof IGNORED_REASONS)[number];

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

/** What a decoder makes of one record: a post, a deletion, or the reason why it is neither. Never an exception. */
export type Decoded =
  | { readonly kind: 'post'; readonly post: Post }
  | { readonly kind: 'deletion'; readonly deletion: Deletion }
  | { readonly kind: 'ignored'; readonly reason: IgnoredReason }
  | {
      readonly kind: 'rejection';
      readonly reason: RejectionReason;
      /** Names the field and the bound, holds no text of the post. */ readonly detail: string;
    };

/** A post as the campaign stage keeps it: the post and its key, a hash of platform and id (16 hexadecimal digits). */
export interface Evidence {
  readonly key: string;
  readonly post: Post;
  /** Absent where it does not come from a feed topic. */
  readonly place?: RecordPlace | undefined;
}

/** A record of a feed topic. */
export interface RecordPlace {
  readonly partition: number;
  readonly offset: number;
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
  /** Posts that were deleted or edited away since. Their texts and accounts are shown nowhere. */
  readonly removedCount: number;
  /** Accounts of the campaign that disclose an affiliation in a post of it ("#ad", "paid for by"). */
  readonly disclosedCount: number;
  readonly severity: AlertSeverity;
  readonly timing: AlertTiming;
  readonly platforms: Readonly<Record<string, number>>;
  readonly foundBy: readonly Finder[];
  readonly variants: { readonly listed: readonly AlertVariant[]; readonly leftOut: number };
  /** Absent where the variants have no skeleton in common. */
  readonly template?: AlertTemplate;
  readonly accounts: { readonly listed: readonly AlertAccount[]; readonly leftOut: number };
  readonly samples: { readonly listed: readonly AlertSample[]; readonly leftOut: number };
  /** Absent where too few creation dates are known. */
  readonly creation?: AlertCreation;
  /** Why the campaign may be innocent, the largest share first. Nothing is dropped because of them. */
  readonly explanations: readonly AlertExplanation[];
  /** Candidates only: what the pattern of posting is consistent with. */
  readonly techniques: readonly AlertTechnique[];
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
  /** From the representative text to this one, in words: `same` and `added` joined are this text, `same` and `removed` the other. */
  readonly diff: readonly DiffPart[];
}

export const DIFF_OPS = ['same', 'added', 'removed'] as const;
export interface DiffPart {
  readonly op: (typeof DIFF_OPS)[number];
  readonly text: string;
}

export interface AlertAccount {
  readonly platform: string;
  readonly account: string;
  readonly handle?: string;
  readonly accountCreatedAt?: string;
  readonly postCount: number;
  readonly firstPostAt: string;
  readonly lastPostAt: string;
  /** Closed alerts of this deployment in which the account took part before; a bounded memory. */
  readonly earlierCampaigns: number;
  /** The phrase by which it discloses an affiliation. */
  readonly disclosure?: string;
}

export interface AlertSample {
  readonly platform: string;
  readonly id: string;
  readonly account: string;
  readonly createdAt: string;
  readonly text: string;
  readonly urls?: readonly string[];
  /** The record of the feed topic that the post was read from, where alerts tell it (`alerts.provenance`). */
  readonly source?: RecordPlace & { readonly topic: string };
}

/** What the severity is the sum of, in this order. `explained` takes points away, the others add them. */
export const SEVERITY_PARTS = [
  'accounts',
  'speed',
  'likeness',
  'obfuscation',
  'freshness',
  'repeats',
  'explained',
] as const;
export type SeverityPart = (typeof SEVERITY_PARTS)[number];

/** How urgently somebody should look, for sorting a list; docs/alerts.md has the formula. */
export interface AlertSeverity {
  /** 0 to 100, an integer: the sum of the parts, but never below 0 or above 100. */
  readonly score: number;
  /** Points, integers; `explained` is 0 or negative. */
  readonly parts: Readonly<Record<SeverityPart, number>>;
}

export interface AlertTiming {
  /** Posts in each minute with any, in order of time; the earliest minutes. `leftOut` counts the posts of the others. */
  readonly perMinute: {
    readonly listed: readonly { readonly minute: string; readonly postCount: number }[];
    readonly leftOut: number;
  };
  /** Between one post and the next, ms; 0 where there is one post. */
  readonly medianGapMs: number;
  readonly smallestGapMs: number;
  /** Accounts that posted within 60 s of the first post. */
  readonly firstMinuteAccountCount: number;
  /** From the first post to the last. */
  readonly spanMs: number;
}

/** The words that variants have in common, with slots where they differ: "{1} votes for {2}". */
export interface AlertTemplate {
  /** In order. A slot is named by its number, 1 for the first element of `slots`. */
  readonly parts: readonly ({ readonly text: string } | { readonly slot: number })[];
  readonly slots: readonly {
    /** What stood there, the most frequent first; an empty text where there was nothing. */
    readonly fills: readonly { readonly text: string; readonly postCount: number }[];
    /** Further fills. */
    readonly leftOut: number;
  }[];
  /** Posts whose text fits the template, as a share of the posts, 0 to 1. */
  readonly share: number;
}

/** How close together the accounts were made. */
export interface AlertCreation {
  /** Accounts of the campaign whose creation date is known. */
  readonly knownCount: number;
  /** 0: as expected of accounts that have nothing to do with each other; 1: all of them on the same days. */
  readonly concentration: number;
  /** The stretch of days, from midnight of `from` (a date, UTC), in which most of them stand out. */
  readonly within: { readonly days: number; readonly accountCount: number; readonly from: string };
  /** What the number says, and against what it was measured. */
  readonly meaning: string;
}

/** Kinds of explanation that come with Chorus; users may define more. */
export const EXPLANATIONS = [
  'forwarded_by_hand',
  'link_headline',
  'app_template',
  'quotation',
  'greeting',
  'petition',
  'same_event',
  'cross_posts',
] as const;

export interface AlertExplanation {
  /** One of `EXPLANATIONS`, or a name of the user's. */
  readonly name: string;
  /** Of the posts looked at, 0 to 1. */
  readonly share: number;
  readonly postCount: number;
  readonly description: string;
  /** What was found in the posts. */
  readonly evidence: string;
  /** Posts that show it, the earliest; a bounded list. */
  readonly posts: readonly { readonly platform: string; readonly id: string }[];
}

export interface AlertTechnique {
  readonly framework: 'DISARM';
  /** Of the framework. */
  readonly version: string;
  readonly id: string;
  readonly name: string;
  /** The pattern that makes it a candidate. */
  readonly because: string;
}
