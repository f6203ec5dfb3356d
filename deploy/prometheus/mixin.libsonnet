// For those who gather dashboards and rules as mixins (monitoring.mixins.dev): the same files, in the shape that they take.
// jsonnet -J deploy -e '(import "prometheus/mixin.libsonnet").prometheusAlerts'
{
  _config+:: {
    // Where the runbook is read.
    runbook: 'https://chorus.example/docs/runbook.md',
  },

  local config = self._config,
  local asConfigured(text) = std.strReplace(text, 'https://chorus.example/docs/runbook.md', config.runbook),

  grafanaDashboards+:: {
    'chorus-overview.json': std.parseJson(asConfigured(importstr '../grafana/dashboards/overview.json')),
    'chorus-stages.json': std.parseJson(asConfigured(importstr '../grafana/dashboards/stages.json')),
    'chorus-state.json': std.parseJson(asConfigured(importstr '../grafana/dashboards/state.json')),
    'chorus-kafka.json': std.parseJson(asConfigured(importstr '../grafana/dashboards/kafka.json')),
    'chorus-process.json': std.parseJson(asConfigured(importstr '../grafana/dashboards/process.json')),
  },

  prometheusAlerts+:: std.parseYaml(asConfigured(importstr 'rules/chorus.yaml')),
  prometheusRules+:: { groups: [] },
}
