/** What was published, against what had to be. */
import { Buffer } from 'node:buffer';
import type { LogRecord } from '../../src/runtime/task.ts';

/**
 * Undefined where a reader of the topic, who knows an alert by its id and revision, reads what was expected in the same order, and
 * sees other bytes under one of these names never.
 */
export function differenceOf(expected: readonly string[], alerts: readonly LogRecord[]): string | undefined {
  const published = new Map<string, string>();
  for (const { value } of alerts) {
    const text = Buffer.from(value!).toString();
    const { id, revision } = JSON.parse(text) as { id: string; revision: number };
    const known = published.get(`${id} ${revision}`) ?? text;
    if (known !== text) return `revision ${revision} of ${id} was published with other bytes`;
    published.set(`${id} ${revision}`, known);
  }
  const texts = Array.from(published.values());
  for (let i = 0; i < Math.max(expected.length, texts.length); i++) {
    if (expected[i] === texts[i]) continue;
    return `revision ${i + 1} of ${expected.length} differs:\n  expected  ${expected[i]}\n  published ${texts[i]}`;
  }
  return undefined;
}
