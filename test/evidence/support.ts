/** Posts of a campaign by hand, with their marks. */
import type { MarkedPost } from '../../src/evidence/explanations.ts';
import { explain } from '../../src/evidence/explanations.ts';
import { Marker, NO_RULES, type EvidenceRules, type PostMarks } from '../../src/evidence/marks.ts';
import { Normaliser } from '../../src/fingerprints/normalise.ts';
import type { AlertExplanation, Post } from '../../src/model.ts';

const START_MS = Date.UTC(2025, 1, 4, 9);

export type Sent = string | (Partial<Post> & { readonly text: string });

function posts(sent: readonly Sent[]): Post[] {
  return sent.map((each, i) => ({
    id: `p${i}`,
    platform: 'one',
    account: `a${i}`,
    createdAt: START_MS + 1000 * i,
    ...(typeof each === 'string' ? { text: each } : each),
  }));
}

export function marked(sent: readonly Sent[], rules: EvidenceRules = NO_RULES): MarkedPost[] {
  const marker = new Marker(new Normaliser(), rules);
  return posts(sent).map((post) => ({ post, marks: marker.marksOf(post) }));
}

export function marksOf(sent: Sent, rules: EvidenceRules = NO_RULES): PostMarks {
  return marked([sent], rules)[0]!.marks;
}

export function explained(sent: readonly Sent[], rules: EvidenceRules = NO_RULES): AlertExplanation[] {
  return explain(marked(sent, rules), rules);
}

/** Share of the posts that an explanation covers; 0 where it is not told. */
export function shareOf(name: string, sent: readonly Sent[]): number {
  return explained(sent).find((each) => each.name === name)?.share ?? 0;
}
