/** What PromQL expressions name, by the grammar that Prometheus itself edits with. */
import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';
import { Registry } from 'prom-client';
import { METRICS, type MetricSpec } from '../../src/metrics.ts';
import { collectProcessMetrics } from '../../src/runtime/health.ts';

export interface Selector {
  /** The metric. */
  readonly name: string;
  /** Labels of its matchers. */
  readonly labels: readonly string[];
  /** As it is written, without a range. */
  readonly text: string;
}

export interface Parsed {
  readonly selectors: readonly Selector[];
  /** Labels that it groups or matches series by. */
  readonly grouped: readonly string[];
}

/** @throws Error where it is no PromQL, or selects series by something other than a name */
export function parsed(expr: string): Parsed {
  const selectors: Selector[] = [];
  const grouped: string[] = [];
  parser.parse(expr).iterate({
    enter: ({ type, node, from, to }) => {
      if (type.isError) throw new Error(`no PromQL at ${from}: ${expr}`);
      if (type.name === 'GroupingLabels') grouped.push(...texts(expr, node.getChildren('LabelName')));
      if (type.name !== 'VectorSelector') return;
      const name = node.getChild('Identifier');
      if (name === null) throw new Error(`a selector without a name: ${expr}`);
      const matchers = node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? [];
      const labels = texts(
        expr,
        matchers.map((matcher) => matcher.getChild('LabelName')!),
      );
      selectors.push({ name: expr.slice(name.from, name.to), labels, text: expr.slice(from, to) });
    },
  });
  return { selectors, grouped };
}

function texts(expr: string, nodes: readonly SyntaxNode[]): string[] {
  return nodes.map(({ from, to }) => expr.slice(from, to));
}

/** Labels that come with each scrape. */
const SCRAPED = ['job', 'instance'];

/** Every series that there can be, with its labels. */
export function knownSeries(): ReadonlyMap<string, readonly string[]> {
  const known = new Map<string, readonly string[]>([
    ['up', SCRAPED],
    // Of Prometheus itself, with whatever labels the rules give.
    ['ALERTS', [...SCRAPED, 'alertname', 'alertstate']],
  ]);
  for (const [name, { kind, labels }] of Object.entries<MetricSpec>(METRICS)) {
    add(known, `chorus_${name}`, kind, [...SCRAPED, ...labels]);
  }
  const registry = new Registry();
  collectProcessMetrics(registry, 'chorus_');
  for (const metric of registry.getMetricsAsArray()) {
    // What is not in the types: the names of the labels.
    const { name, type, labelNames = [] } = metric as unknown as { name: string; type: string; labelNames?: string[] };
    add(known, name, type, [...SCRAPED, ...labelNames]);
  }
  registry.clear();
  return known;
}

function add(known: Map<string, readonly string[]>, name: string, kind: string, labels: readonly string[]): void {
  if (kind !== 'histogram') {
    known.set(name, labels);
    return;
  }
  known.set(`${name}_bucket`, [...labels, 'le']);
  for (const part of ['sum', 'count']) known.set(`${name}_${part}`, labels);
}

/** What is wrong with an expression: its grammar, a metric that there is not, a label that its metrics do not have. */
export function problemsOf(expr: string, known: ReadonlyMap<string, readonly string[]>): string[] {
  let found: Parsed;
  try {
    found = parsed(expr);
  } catch (error) {
    return [(error as Error).message];
  }
  const problems: string[] = [];
  const all = new Set<string>();
  for (const { name, labels } of found.selectors) {
    const has = known.get(name);
    if (has === undefined) problems.push(`there is no metric ${name}: ${expr}`);
    for (const label of has ?? []) all.add(label);
    for (const label of labels) {
      if (has !== undefined && !has.includes(label)) problems.push(`${name} has no label ${label}: ${expr}`);
    }
  }
  for (const label of found.grouped) if (!all.has(label)) problems.push(`no metric here has a label ${label}: ${expr}`);
  return problems;
}
