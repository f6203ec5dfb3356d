/**
 * Writes deploy/kubernetes/components/monitoring/prometheusrule.yaml from the rules of deploy/prometheus/rules:
 *
 *   npx tsx scripts/prometheus-rule.ts
 *
 * The Prometheus Operator takes the same groups, wrapped in a resource. test/deploy/kubernetes.test.ts tells when it is out of date.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'prettier';
import { parse, stringify } from 'yaml';

const DEPLOY = join(import.meta.dirname, '../deploy');
const RULES = join(DEPLOY, 'prometheus/rules');

const files = readdirSync(RULES)
  .filter((name) => name.endsWith('.yaml'))
  .sort();
const groups = files.flatMap(
  (name) => (parse(readFileSync(join(RULES, name), 'utf8')) as { groups: unknown[] }).groups,
);
const rule = {
  apiVersion: 'monitoring.coreos.com/v1',
  kind: 'PrometheusRule',
  metadata: { name: 'chorus', labels: { 'app.kubernetes.io/name': 'chorus' } },
  spec: { groups },
};
const head = '# Made from deploy/prometheus/rules by scripts/prometheus-rule.ts, not by hand.\n';
const text = await format(head + stringify(rule, { lineWidth: 0 }), {
  parser: 'yaml',
  printWidth: 120,
  singleQuote: true,
});
writeFileSync(join(DEPLOY, 'kubernetes/components/monitoring/prometheusrule.yaml'), text);
