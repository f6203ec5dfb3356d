/**
 * The dashboards without Grafana: what is committed is what is generated, every expression is PromQL over metrics that there are,
 * every panel says what to do, and nothing lies over anything else. What they show of a running deployment is in
 * prometheus.test.ts.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { METRICS } from '../../src/metrics.ts';
import { dashboardFiles } from '../../scripts/dashboards/files.ts';
import { ROOT } from '../support/command.ts';
import { committedDashboards, queriesOf, type DashboardJson, type PanelJson } from '../support/dashboards.ts';
import { knownSeries, parsed, problemsOf } from '../support/promql.ts';
import { runbookSections } from '../support/rules.ts';

const FOLDER = join(ROOT, 'deploy/grafana/dashboards');
const COLUMNS = 24;
const known = knownSeries();
const dashboards = committedDashboards();
const panels = dashboards.flatMap((dashboard) => dashboard.panels.map((panel) => ({ dashboard, panel })));
const shown = panels.filter(({ panel }) => panel.type !== 'row');

test('the files are what scripts/dashboards writes: run it, and commit them', async () => {
  const files = await dashboardFiles();
  expect(readdirSync(FOLDER).sort()).toEqual(Array.from(files.keys()).sort());
  for (const [name, text] of files) expect(readFileSync(join(FOLDER, name), 'utf8')).toBe(text);
});

describe('expressions', () => {
  test('are PromQL over metrics and labels that there are', () => {
    const queries = dashboards.flatMap(queriesOf);
    expect(queries.length).toBeGreaterThan(120);
    expect(queries.flatMap(({ expr }) => problemsOf(withoutVariables(expr), known))).toEqual([]);
  });

  test.each([
    ['sum(rate(chorus_posts_acepted_total[5m]))', 'there is no metric chorus_posts_acepted_total'],
    ['sum(rate(chorus_batch_seconds[5m]))', 'there is no metric chorus_batch_seconds'],
    ['sum(rate(chorus_links_total[5m])', 'no PromQL at'],
    ['sum by (familly) (chorus_links_total)', 'no metric here has a label familly'],
    ['chorus_links_total{stage="match"}', 'chorus_links_total has no label stage'],
    ['{job="chorus"}', 'a selector without a name'],
  ])('a misspelt one is seen: %s', (expr, problem) => {
    expect(problemsOf(expr, known).join('\n')).toContain(problem);
  });

  test('keep to the deployment and the instances that are chosen', () => {
    const selectors = dashboards.flatMap(queriesOf).flatMap(({ expr }) => parsed(withoutRanges(expr)).selectors);
    // Rules sum over instances.
    const wide = selectors.filter(
      ({ name, text }) => name !== 'ALERTS' && !text.startsWith(`${name}{job="$job", instance=~"$instance"`),
    );
    expect(wide).toEqual([]);
  });

  test('lines are called by labels that they have', () => {
    for (const { expr, legend } of dashboards.flatMap(queriesOf)) {
      const { grouped } = parsed(withoutVariables(expr));
      for (const [, label] of legend.matchAll(/\{\{(\w+)\}\}/g))
        expect(grouped, `${legend} of ${expr}`).toContain(label);
    }
  });

  test('show every metric of Chorus', () => {
    const named = new Set(
      dashboards
        .flatMap(queriesOf)
        .flatMap(({ expr }) => parsed(withoutVariables(expr)).selectors.map(({ name }) => name)),
    );
    const isShown = (name: string): boolean => named.has(`chorus_${name}`) || named.has(`chorus_${name}_bucket`);
    expect(Object.keys(METRICS).filter((name) => !isShown(name))).toEqual([]);
  });
});

describe('panels', () => {
  test('have a title of their own, a description that says what to do, a unit and limits in order', () => {
    for (const { dashboard, panel } of shown) {
      const where = `${dashboard.uid}: ${panel.title}`;
      const same = shown.filter((one) => one.dashboard === dashboard && one.panel.title === panel.title);
      expect(same, where).toHaveLength(1);
      expect(panel.description, where).toMatch(/^[^ ].{19,}\.$/);
      expect(panel.fieldConfig?.defaults.unit, where).toMatch(/^(s|bytes|Bps|cps|short|percentunit)$/);
      const steps = panel.fieldConfig!.defaults.thresholds.steps.map(({ value }) => value ?? Number.NEGATIVE_INFINITY);
      expect(steps, where).toEqual([...steps].sort((a, b) => a - b));
    }
  });

  test('read from the data source that is chosen', () => {
    for (const { panel } of shown) {
      for (const { datasource } of [panel, ...(panel.targets ?? [])]) {
        expect(datasource).toEqual({ type: 'prometheus', uid: '${datasource}' });
      }
    }
  });

  test('link to sections of the runbook that there are', () => {
    const sections = new Set(runbookSections().map(({ name }) => name.toLowerCase()));
    const links = shown.flatMap(({ panel }) => panel.links ?? []);
    expect(links.length).toBeGreaterThan(40);
    for (const { url } of links) {
      const [base, section] = url.split('#') as [string, string];
      expect(base).toBe('${runbook}');
      expect(sections).toContain(section);
    }
  });

  test.each(dashboards.map((dashboard) => [dashboard.uid, dashboard] as const))(
    'of %s do not overlap',
    (_, dashboard) => {
      const ids = dashboard.panels.map(({ id }) => id);
      expect(new Set(ids).size).toBe(ids.length);
      const taken = new Set<string>();
      for (const panel of dashboard.panels) {
        for (const cell of cells(panel)) {
          expect(taken, panel.title).not.toContain(cell);
          taken.add(cell);
        }
        expect(panel.gridPos.x + panel.gridPos.w).toBeLessThanOrEqual(COLUMNS);
      }
    },
  );
});

test('the choices at the top are data source, deployment and instance, and the links lead to the others', () => {
  expect(new Set(dashboards.map(({ uid }) => uid)).size).toBe(5);
  for (const { templating, tags, links, schemaVersion } of dashboards) {
    expect(templating.list.map(({ name }) => name)).toEqual(['datasource', 'job', 'instance', 'runbook']);
    expect(schemaVersion).toBeGreaterThanOrEqual(39);
    expect(tags).toEqual(['chorus']);
    expect(links[0]).toMatchObject({ type: 'dashboards', tags: ['chorus'], includeVars: true, keepTime: true });
  }
});

/** With what Grafana would put in the place of its own variables. */
function withoutRanges(expr: string): string {
  return expr.replaceAll('$__rate_interval', '5m').replaceAll('$__range', '1h');
}

function withoutVariables(expr: string): string {
  return withoutRanges(expr).replaceAll(/\$(job|instance)/g, 'x');
}

function cells({ gridPos: { x, y, w, h } }: PanelJson): string[] {
  return Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`);
}

test('a panel that lies over another would be seen', () => {
  const [first, second] = (dashboards[0] as DashboardJson).panels.slice(1, 3) as [PanelJson, PanelJson];
  const moved = { ...second, gridPos: { ...second.gridPos, x: first.gridPos.x + 1 } };
  expect(cells(moved).some((cell) => cells(first).includes(cell))).toBe(true);
});
