/** Where two alerts differ first, in the order of their fields. */
import type { Alert } from '../model.ts';

export interface FieldDifference {
  /** As a path: `variants.listed[2].text`. */
  readonly field: string;
  /** JSON; undefined for a field that one does not have. */
  readonly a: string | undefined;
  readonly b: string | undefined;
}

/**
 * Undefined if they are the same, but for the engine that published them, and for what they say of alerts that closed before:
 * a replay that begins later knows of fewer.
 */
export function firstDifference(a: Alert, b: Alert): FieldDifference | undefined {
  const [left, right] = [a, b].map(withoutHistory);
  const found = differenceOf(left, right, '');
  if (found !== undefined || JSON.stringify(left) === JSON.stringify(right)) return found;
  return { field: 'order of fields', a: Object.keys(a).join(), b: Object.keys(b).join() };
}

function withoutHistory(alert: Alert): Alert {
  const { accounts, severity } = alert;
  return {
    ...alert,
    engine: '',
    severity: { score: 0, parts: { ...severity.parts, repeats: 0 } },
    accounts: { ...accounts, listed: accounts.listed.map((account) => ({ ...account, earlierCampaigns: 0 })) },
  };
}

function differenceOf(a: unknown, b: unknown, path: string): FieldDifference | undefined {
  if (!isComposite(a) || !isComposite(b) || Array.isArray(a) !== Array.isArray(b)) {
    return Object.is(a, b) ? undefined : { field: path, a: JSON.stringify(a), b: JSON.stringify(b) };
  }
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const inner = Array.isArray(a) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`;
    const found = differenceOf(a[key], b[key], inner);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isComposite(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
