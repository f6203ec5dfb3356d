import type { Outcome } from '../../../src/consumers/formats/json-record.ts';
import type { Decoded, Post } from '../../../src/model.ts';

/** `record` with some of its values changed, by path ("commit.record.text"); undefined takes the name out. */
export function changed(record: string, changes: Readonly<Record<string, unknown>>): string {
  const value = JSON.parse(record) as Record<string, unknown>;
  for (const [path, change] of Object.entries(changes)) {
    const names = path.split('.');
    const last = names.pop()!;
    const holder = names.reduce((object, name) => object[name] as Record<string, unknown>, value);
    holder[last] = change;
  }
  return JSON.stringify(value);
}

/** The post of an outcome that is one; fails the test with the outcome otherwise. */
export function onlyPost(outcome: Outcome): Post {
  if (!('kind' in outcome) || outcome.kind !== 'post') throw new Error(JSON.stringify(outcome));
  return outcome.post;
}

/** "post", "deletion", or the reason; of a page, each of its results. */
export function summary(outcome: Outcome): string {
  const list: readonly Decoded[] = 'kind' in outcome ? [outcome] : outcome;
  return list.map((decoded) => ('reason' in decoded ? decoded.reason : decoded.kind)).join(' ');
}
