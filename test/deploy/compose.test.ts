/** deploy/compose.yaml: what Compose makes of it, and that all it mounts, calls and waits for is there. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { loadDeployment } from '../../src/cli/config-deployment.ts';
import { chorus } from '../support/command.ts';
import { debianTool, TOOL_TIMEOUT_MS } from '../support/tools.ts';
import { chorusServices, compose, DEPLOY, deployYaml } from './files.ts';
import { outcome } from './registry-tools.ts';

const { services, volumes } = compose();

describe('Compose', () => {
  let tool: string;
  beforeAll(async () => {
    tool = await debianTool('docker-compose', 'docker-compose');
  }, TOOL_TIMEOUT_MS);

  test('takes the file', async () => {
    const { code, text } = await outcome(tool, ['-f', join(DEPLOY, 'compose.yaml'), 'config', '--services']);
    expect(code, text).toBe(0);
    expect(text.trim().split('\n').sort()).toEqual(Object.keys(services).sort());
  });
});

describe('compose.yaml', () => {
  const mounts = Object.values(services).flatMap((service) =>
    (service.volumes ?? []).map((mount) => mount.split(':') as [from: string, to: string, mode?: string]),
  );

  test('mounts files that are there, without the right to write, and volumes that it makes', () => {
    expect(mounts.length).toBeGreaterThan(8);
    for (const [from, , mode] of mounts) {
      if (!from.startsWith('.')) expect(Object.keys(volumes), from).toContain(from);
      else expect([existsSync(join(DEPLOY, from)), mode], from).toEqual([true, 'ro']);
    }
  });

  test('waits for services that it has, and for no more than they can be', () => {
    for (const [name, { depends_on: waits = {} }] of Object.entries(services)) {
      for (const [other, { condition }] of Object.entries(waits)) {
        expect(Object.keys(services), name).toContain(other);
        if (condition === 'service_healthy') expect(services[other], other).toHaveProperty('healthcheck.test');
      }
    }
  });

  test('shows its ports to this machine alone, each once', () => {
    const ports = Object.values(services).flatMap(({ ports: own = [] }) => own);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
    expect(new Set(ports.map((port) => port.split(':')[1])).size).toBe(ports.length);
  });

  test('runs Chorus with nothing that it does not need', () => {
    expect(chorusServices().map(([name]) => name)).toEqual(['topics', 'chorus', 'feed']);
    for (const [name, service] of chorusServices()) {
      expect(service, name).toMatchObject({ read_only: true, cap_drop: ['ALL'] });
    }
  });

  test('calls commands and options that Chorus has', async () => {
    for (const [name, { command = [] }] of chorusServices()) {
      const words = command.slice(
        0,
        command.findIndex((word) => word.startsWith('--')),
      );
      const { code, stdout } = await chorus([...words, '--help']);
      expect(code, name).toBe(0);
      for (const word of command.filter((each) => each.startsWith('--'))) {
        expect(stdout, `${name}: ${word}`).toMatch(new RegExp(`${word.split('=')[0]}\\b`));
      }
    }
  });

  test('has settings that Chorus takes, for the broker, the topic and the registry beside it', () => {
    const { brokers, topics, registry } = loadDeployment({ file: join(DEPLOY, 'compose/chorus.yaml') }, {});
    expect(brokers).toEqual(['kafka:9092']);
    expect(services['kafka']!.environment!['KAFKA_ADVERTISED_LISTENERS']).toContain(`PLAINTEXT://${brokers[0]}`);
    expect(services['feed-topic']!.command).toContain(`--topic=${topics.feed}`);
    expect(services['feed-topic']!.command).toContain('--config=message.timestamp.type=LogAppendTime');
    expect(new URL(registry!.url).hostname in services).toBe(true);
  });

  test('gives Grafana what its provisioning looks for, and Prometheus what its rules and targets name', () => {
    const providers = deployYaml<{ providers: { options: { path: string } }[] }>(
      'grafana/provisioning/dashboards/chorus.yaml',
    );
    const sources = deployYaml<{ datasources: { url: string }[] }>('grafana/provisioning/datasources/prometheus.yaml');
    const targets = mounts.map(([, to]) => to);
    for (const { options } of providers.providers) expect(targets).toContain(options.path);
    for (const { url } of sources.datasources) expect(url).toBe('http://prometheus:9090');
    const home = services['grafana']!.environment!['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH']!;
    expect(existsSync(join(DEPLOY, 'grafana/dashboards', home.split('/').at(-1)!))).toBe(true);
    const prometheus = deployYaml<{ rule_files: string[]; alerting: { alertmanagers: object[] } }>(
      'prometheus/prometheus.yml',
    );
    expect(prometheus.rule_files).toEqual(['rules/*.yaml']);
    expect(targets).toContain('/etc/prometheus/rules');
    expect(JSON.stringify(prometheus.alerting)).toContain('alertmanager:9093');
    expect(services).toHaveProperty('alertmanager');
  });
});
