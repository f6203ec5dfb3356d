/**
 * Alert rules, the runbook, and the configurations around them, with the tools of Prometheus themselves: what fires and what does
 * not is in deploy/prometheus/tests.
 */
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { ROOT } from '../support/command.ts';
import { temporaryFolder } from '../support/feeds.ts';
import { knownSeries, parsed, problemsOf } from '../support/promql.ts';
import { alertRules, RULES, runbookSections } from '../support/rules.ts';
import { debianTool, TOOL_TIMEOUT_MS } from '../support/tools.ts';

const DEPLOY = join(ROOT, 'deploy');
const PROMETHEUS = join(DEPLOY, 'prometheus');
const TESTS = readdirSync(join(PROMETHEUS, 'tests'));
const RUNBOOK = 'https://chorus.example/docs/runbook.md';
const rules = alertRules();
const known = knownSeries();
const folder = temporaryFolder();

let promtool: string;
let amtool: string;
let jsonnet: string;
beforeAll(async () => {
  promtool = await debianTool('promtool', 'prometheus');
  amtool = await debianTool('amtool', 'prometheus-alertmanager');
  jsonnet = await debianTool('jsonnet', 'jsonnet');
}, TOOL_TIMEOUT_MS);

interface Outcome {
  readonly code: number;
  readonly said: string;
  readonly stdout: string;
}

function run(command: string, args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(command, args, { cwd: ROOT }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : ((error.code as number | undefined) ?? -1), said: stdout + stderr, stdout });
    });
  });
}

describe('rules', () => {
  test.each(rules.map((rule) => [`${rule.alert} ${rule.labels.bound ?? ''}`, rule] as const))(
    '%s is over metrics that there are, and says what it is about',
    (_, { alert, expr, labels, annotations }) => {
      expect(problemsOf(expr, known)).toEqual([]);
      expect(['critical', 'warning', 'info']).toContain(labels.severity);
      expect(annotations.summary?.length).toBeGreaterThan(10);
      expect(annotations.description).toMatch(/\.$/);
      expect(annotations.runbook_url).toBe(`${RUNBOOK}#${alert.toLowerCase()}`);
    },
  );

  test('promtool takes them and the configuration around them', async () => {
    const { code, said } = await run(promtool, ['check', 'config', '--lint-fatal', join(PROMETHEUS, 'prometheus.yml')]);
    expect(code, said).toBe(0);
    expect(said).toContain(`${rules.length} rules found`);
  });

  test('fire when they should, and not otherwise', async () => {
    const { code, said } = await run(promtool, [
      'test',
      'rules',
      ...TESTS.map((name) => join(PROMETHEUS, 'tests', name)),
    ]);
    expect(code, said).toBe(0);
  });

  interface RuleTests {
    readonly tests: readonly {
      readonly name: string;
      readonly input_series: readonly { readonly series: string }[];
      readonly promql_expr_test: readonly {
        readonly expr: string;
        readonly exp_samples: readonly { readonly labels: string }[];
      }[];
    }[];
  }
  const groups = TESTS.flatMap(
    (name) => (parse(readFileSync(join(PROMETHEUS, 'tests', name), 'utf8')) as RuleTests).tests,
  );

  test('each is expected to fire somewhere, and to be quiet where all is well with the same metrics', () => {
    // All that fires is asked for, so each of these tests holds all rules to silence but for those that it names.
    const asked = groups.flatMap((group) => group.promql_expr_test);
    expect(new Set(asked.map(({ expr }) => expr))).toEqual(new Set(['ALERTS{alertstate="firing"}']));
    const fired = asked.flatMap(({ exp_samples }) => exp_samples.map(({ labels }) => labels));
    const well = groups.filter(({ name }) => name === 'all is well');
    const quiet = new Set(well.flatMap(({ input_series }) => input_series.map(({ series }) => series.split('{')[0])));
    for (const { alert, expr, labels } of rules) {
      const bound = labels.bound === undefined ? '' : `bound="${labels.bound}"`;
      expect(fired.filter((sample) => sample.includes(`alertname="${alert}"`) && sample.includes(bound))).not.toEqual(
        [],
      );
      for (const { name } of parsed(expr).selectors) expect(quiet, alert).toContain(name);
    }
    for (const { input_series } of groups)
      for (const { series } of input_series) expect(problemsOf(series, known)).toEqual([]);
  });

  /** With one change of the rules, in a copy. */
  async function changed(name: string, from: string, to: string): Promise<Outcome> {
    const copy = mkdtempSync(join(folder, 'changed-'));
    cpSync(PROMETHEUS, copy, { recursive: true });
    const text = readFileSync(RULES, 'utf8');
    expect(text.split(from)).toHaveLength(2);
    writeFileSync(join(copy, 'rules/chorus.yaml'), text.replace(from, to));
    return run(promtool, ['test', 'rules', join(copy, 'tests', name)]);
  }

  const fed = 'group_left sum by (job) (rate(chorus_records_consumed_total{stage="fingerprint"}[10m])) >';
  const restoring = 'expr: chorus_task_state{state="restoring"} == 1\n        for:';
  test.each([
    ['a metric that is not there', 'flow.yaml', 'deriv(chorus_lag_seconds', 'deriv(chorus_lag_sconds'],
    ['a bound that is off', 'flow.yaml', `${fed} 0.05`, `${fed} 0.04`],
    ['a time that is too short', 'state.yaml', `${restoring} 15m`, `${restoring} 5m`],
    ['a label that is lost', 'flow.yaml', 'and on (job, instance, stage, partition) changes', 'and on (job) changes'],
    ['another text', 'instances.yaml', 'has not answered for 2 minutes', 'has not answered for long'],
  ])('%s fails them', async (_, name, from, to) => {
    const { code, said } = await changed(name, from, to);
    expect(code).toBe(1);
    expect(said).toContain('FAILED');
  });
});

describe('runbook', () => {
  const sections = runbookSections();

  test('each alert has its section, and each section its alert', () => {
    expect(sections.map(({ name }) => name).sort()).toEqual(
      Array.from(new Set(rules.map(({ alert }) => alert))).sort(),
    );
  });

  test.each(sections.map(({ name, text }) => [name, text] as const))('%s says all four things', (_, text) => {
    const parts = Array.from(text.matchAll(/^\*\*(.+?)\*\*/gm), ([, part]) => part);
    expect(parts).toEqual(['What it means.', 'What to look at.', 'What to do.', 'What it costs to ignore.']);
    for (const [, link] of text.matchAll(/\(#(\w+)\)/g)) {
      expect(sections.map(({ name }) => name.toLowerCase())).toContain(link);
    }
  });
});

describe('configurations', () => {
  const read = (path: string): unknown => parse(readFileSync(join(DEPLOY, path), 'utf8'));

  test('amtool takes that of Alertmanager, which tells the right people', async () => {
    const config = join(DEPLOY, 'alertmanager/alertmanager.yml');
    const { code, said } = await run(amtool, ['check-config', config]);
    expect(code, said).toBe(0);
    for (const { alert, labels } of rules) {
      const given = Object.entries({ alertname: alert, ...labels }).map(([name, value]) => `${name}=${value}`);
      const told = await run(amtool, ['config', 'routes', 'test', '--config.file', config, ...given]);
      const pager = labels.severity === 'critical' ? 'pager' : 'operators';
      expect(told.stdout.trim(), alert).toBe(labels.audience ?? pager);
    }
  });

  test('rules that silence others name alerts that there are', () => {
    const { inhibit_rules } = read('alertmanager/alertmanager.yml') as {
      inhibit_rules: { source_matchers: string[]; target_matchers: string[] }[];
    };
    const matchers = inhibit_rules.flatMap(({ source_matchers, target_matchers }) => [
      ...source_matchers,
      ...target_matchers,
    ]);
    const names = matchers.flatMap((matcher) => matcher.match(/Chorus[A-Z]\w+/g) ?? []);
    expect(names.length).toBeGreaterThan(5);
    for (const name of names) expect(rules.map(({ alert }) => alert)).toContain(name);
  });

  test('Grafana counts with the interval that Prometheus scrapes at, and finds the dashboards', () => {
    const { global } = read('prometheus/prometheus.yml') as { global: { scrape_interval: string } };
    const { datasources } = read('grafana/provisioning/datasources/prometheus.yaml') as {
      datasources: { type: string; isDefault: boolean; jsonData: { timeInterval: string } }[];
    };
    expect(datasources).toMatchObject([
      { type: 'prometheus', isDefault: true, jsonData: { timeInterval: global.scrape_interval } },
    ]);
    const { providers } = read('grafana/provisioning/dashboards/chorus.yaml') as { providers: object[] };
    expect(providers).toMatchObject([{ type: 'file', options: { path: '/var/lib/grafana/dashboards' } }]);
  });

  test('the mixin has the same rules and dashboards', async () => {
    const mixin = '(import "prometheus/mixin.libsonnet") + { _config+:: { runbook: "https://else.example" } }';
    const { code, said } = await run(jsonnet, [
      '-J',
      DEPLOY,
      '-e',
      `local mixin = ${mixin}; { rules: mixin.prometheusAlerts, dashboards: mixin.grafanaDashboards }`,
    ]);
    expect(code, said).toBe(0);
    const files = readdirSync(join(DEPLOY, 'grafana/dashboards'));
    const dashboards = files.map((name) => [`chorus-${name}`, read(`grafana/dashboards/${name}`)]);
    const expected = { rules: read('prometheus/rules/chorus.yaml'), dashboards: Object.fromEntries(dashboards) };
    expect(JSON.parse(said)).toEqual(JSON.parse(JSON.stringify(expected).replaceAll(RUNBOOK, 'https://else.example')));
  });
});

test('every metric that is named anywhere in deploy/ is one', () => {
  const named = new Map<string, string>();
  for (const file of filesUnder(DEPLOY)) {
    for (const [name] of readFileSync(file, 'utf8').matchAll(/\bchorus_[a-z0-9_]+/g))
      named.set(name, relative(ROOT, file));
  }
  expect(named.size).toBeGreaterThan(100);
  expect(Array.from(named).filter(([name]) => !known.has(name))).toEqual([]);
});

function filesUnder(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path).flatMap((name) => filesUnder(join(path, name)));
}
