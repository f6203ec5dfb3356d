/** The alert rules and the runbook, as far as tests look into them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { ROOT } from './command.ts';

export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export const RULES = join(ROOT, 'deploy/prometheus/rules/chorus.yaml');

export function alertRules(): AlertRule[] {
  const { groups } = parse(readFileSync(RULES, 'utf8')) as { groups: { rules: AlertRule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

/** The sections of docs/runbook.md, each with its text. */
export function runbookSections(): { readonly name: string; readonly text: string }[] {
  const [, ...sections] = readFileSync(join(ROOT, 'docs/runbook.md'), 'utf8').split(/^## /m);
  return sections.map((section) => {
    const end = section.indexOf('\n');
    return { name: section.slice(0, end), text: section.slice(end + 1) };
  });
}
