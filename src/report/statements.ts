/** What an alert says in words where a format has room for a text only: reasons, limits, provenance. */
import type { Evidence } from './evidence.ts';
import { explanationWords } from './page-overview.ts';
import { counted, lengthOf, percent, rangeOf } from './words.ts';

export const LIMITS =
  'A pattern of posting, not a verdict. It does not show who wrote the text or whether anybody asked for it to be posted, that an ' +
  'account is fake, or that what the posts say is false. Look at the posts, and for where the text comes from, before acting on it.';

export function innocenceOf({ alert }: Evidence): string {
  const { explanations } = alert;
  if (explanations === undefined) return 'Why it may be innocent: nobody has looked yet.';
  if (explanations.length === 0)
    return 'Why it may be innocent: none of the known explanations was found, which proves nothing.';
  const told = explanations.map(({ name, share, evidence }) => {
    return `${percent(share)} ${explanationWords(name).toLowerCase()} (${evidence})`;
  });
  return `Why it may be innocent: ${told.join('; ')}`;
}

export function summaryOf({ alert }: Evidence): string {
  const { accountCount, postCount, variantCount, firstMs, lastMs, platforms, severity } = alert;
  const where = platforms.map(([name]) => name).join(', ');
  return (
    `${counted(accountCount, 'account')} posted near-identical text on ${where || 'no platform'}: ${counted(postCount, 'post')}, ` +
    `${counted(variantCount, 'variant')}, ${rangeOf(firstMs, lastMs)} UTC.` +
    (severity === undefined ? '' : ` Severity ${severity.score} of 100, for sorting only.`)
  );
}

export function provenanceOf({ alert, mergedIds }: Evidence): string {
  const merged = mergedIds.length === 0 ? '' : `, with ${mergedIds.join(', ')} merged into it`;
  return `Alert ${alert.id}, revision ${alert.revision}${merged}; window ${lengthOf(alert.windowMs)}; engine ${alert.engine}; topology ${alert.topology}.`;
}
