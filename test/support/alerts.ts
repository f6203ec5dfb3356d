/** Alerts by hand: the published state of a campaign made of given posts, as the engine would list it. */
import { hashStrings, hex64 } from '../../src/fingerprints/hash.ts';
import type { Alert } from '../../src/model.ts';
import { compareText } from '../../src/windows/alert.ts';

const START_MS = Date.UTC(2025, 1, 4, 9);

export interface AlertPost {
  readonly account: string;
  readonly text: string;
  readonly seconds: number;
}

export interface AlertChanges extends Partial<Alert> {
  readonly accountsListed?: number;
  readonly variantsListed?: number;
  readonly samplesListed?: number;
}

/** The id is that of its number. */
export function alertId(number: number): string {
  return hex64(0, number);
}

export function alertOf(id: string, posts: readonly AlertPost[], changes: AlertChanges = {}): Alert {
  const { accountsListed = 100, variantsListed = 20, samplesListed = 10, ...fields } = changes;
  const ordered = posts.toSorted((a, b) => a.seconds - b.seconds || compareText(a.account, b.account));
  const accounts = Array.from(groupedBy(ordered, 'account'), ([account, own]) => {
    return { platform: 'example', account, postCount: own.length, ...spanOf(own), earlierCampaigns: 0 };
  });
  const variants = Array.from(groupedBy(ordered, 'text'), ([text, own]) => {
    const { hi, lo } = hashStrings('simhash', text);
    const accountCount = new Set(own.map(({ account }) => account)).size;
    return {
      text,
      postCount: own.length,
      accountCount,
      ...spanOf(own),
      simhash: hex64(hi, lo),
      similarity: 0.8,
      diff: [],
    };
  }).toSorted((a, b) => b.accountCount - a.accountCount || b.postCount - a.postCount || compareText(a.text, b.text));
  const samples = ordered.map(({ account, text, seconds }) => {
    return { platform: 'example', id: `${account} ${seconds} ${text}`, account, createdAt: iso(seconds), text };
  });
  return {
    schema: 'chorus.alert.v1',
    id,
    revision: 1,
    status: 'closed',
    finding: 'coordinated posting',
    revisedAt: iso(86_400),
    openedAt: iso(ordered[0]!.seconds),
    ...spanOf(ordered),
    windowMs: 3_600_000,
    text: variants[0]!.text,
    accountCount: accounts.length,
    postCount: posts.length,
    variantCount: variants.length,
    forwardCount: 0,
    removedCount: 0,
    disclosedCount: 0,
    severity: {
      score: 40,
      parts: { accounts: 20, speed: 10, likeness: 10, obfuscation: 0, freshness: 0, repeats: 0, explained: 0 },
    },
    timing: {
      perMinute: { listed: [], leftOut: posts.length },
      medianGapMs: 0,
      smallestGapMs: 0,
      firstMinuteAccountCount: 1,
      spanMs: 1000 * (ordered.at(-1)!.seconds - ordered[0]!.seconds),
    },
    platforms: { example: accounts.length },
    foundBy: ['text'],
    variants: listed(variants, variantsListed),
    accounts: listed(accounts, accountsListed),
    samples: listed(samples, samplesListed),
    explanations: [],
    techniques: [],
    engine: 'chorus/test',
    topology: '00000000000000aa',
    ...fields,
  };
}

function groupedBy(posts: readonly AlertPost[], field: 'account' | 'text'): Map<string, AlertPost[]> {
  const groups = new Map<string, AlertPost[]>();
  for (const post of posts) {
    const known = groups.get(post[field]);
    if (known === undefined) groups.set(post[field], [post]);
    else known.push(post);
  }
  return groups;
}

function listed<Element>(elements: readonly Element[], count: number): { listed: Element[]; leftOut: number } {
  return { listed: elements.slice(0, count), leftOut: Math.max(0, elements.length - count) };
}

function spanOf(posts: readonly AlertPost[]): { firstPostAt: string; lastPostAt: string } {
  return { firstPostAt: iso(posts[0]!.seconds), lastPostAt: iso(posts.at(-1)!.seconds) };
}

function iso(seconds: number): string {
  return new Date(START_MS + seconds * 1000).toISOString();
}
