/** The overlays of deploy/kubernetes as kubectl makes them: schemas, and what must be the same in several of their files. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { readConfig } from '../../src/cli/config.ts';
import { internalTopics } from '../../src/cli/config-together.ts';
import { topicSpecs } from '../../src/runtime/topic-specs.ts';
import { temporaryFolder } from '../support/feeds.ts';
import { debianTool, TOOL_TIMEOUT_MS } from '../support/tools.ts';
import { DEPLOY, deployYaml, documents } from './files.ts';
import { npmFolder, outcome, pythonTool } from './registry-tools.ts';

interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  // oxlint-disable-next-line typescript/no-explicit-any -- each kind has another
  readonly spec: any;
  readonly data?: Readonly<Record<string, string>>;
}

const OVERLAYS = ['small', 'production'] as const;
const folder = temporaryFolder();
const made = new Map<string, readonly Resource[]>();

/** The kustomize of 1.20 is of 2019 and knows neither labels nor components. */
const KUBECTL = 'kubectl of version 1.27 or newer on PATH';

beforeAll(async () => {
  const kubectl = await debianTool('kubectl', 'kubernetes-client');
  for (const overlay of OVERLAYS) {
    const { code, text } = await outcome(kubectl, ['kustomize', join(DEPLOY, 'kubernetes/overlays', overlay)]);
    if (code !== 0) throw new Error(`the tests need ${KUBECTL}, or the overlay ${overlay} is wrong: ${text}`);
    writeFileSync(join(folder, `${overlay}.yaml`), text);
    made.set(overlay, documents<Resource>(text));
  }
}, TOOL_TIMEOUT_MS);

function one(overlay: string, kind: string): Resource {
  const found = made.get(overlay)!.filter((resource) => resource.kind === kind);
  expect(found, kind).toHaveLength(1);
  return found[0]!;
}

function settingsOf(overlay: string): ReturnType<typeof readConfig> {
  const file = join(folder, `${overlay}-chorus.yaml`);
  writeFileSync(file, one(overlay, 'ConfigMap').data!['chorus.yaml']!);
  return readConfig({ file });
}

describe.each(OVERLAYS)('overlay %s', (overlay) => {
  test(
    'has no field that Kubernetes does not know',
    async () => {
      const validate = (file: string) =>
        pythonTool('kubernetes-validate==1.37.0', 'kubernetes-validate', ['--strict', file]);
      const { code, text } = await validate(join(folder, `${overlay}.yaml`));
      expect(code, text).toBe(0);
      // Those that are not its own it passes over, and says so.
      const own = made.get(overlay)!.filter(({ apiVersion }) => !/strimzi|keda|coreos/.test(apiVersion));
      expect(text.match(/passed for resource/g)).toHaveLength(own.length);
      const wrong = join(folder, `${overlay}-wrong.yaml`);
      writeFileSync(wrong, JSON.stringify({ ...one(overlay, 'StatefulSet'), spec: { replica: 1 } }));
      expect((await validate(wrong)).code).not.toBe(0);
    },
    TOOL_TIMEOUT_MS,
  );

  test('selects its own pods and no others', () => {
    const own = { 'app.kubernetes.io/name': 'chorus' };
    const { spec } = one(overlay, 'StatefulSet');
    expect(spec.template.metadata.labels).toMatchObject(own);
    expect(spec.selector.matchLabels).toEqual(own);
    expect(one(overlay, 'Service').spec.selector).toEqual(own);
    expect(one(overlay, 'PodDisruptionBudget').spec.selector.matchLabels).toEqual(own);
    expect(one(overlay, 'NetworkPolicy').spec.podSelector.matchLabels).toEqual(own);
  });

  test('runs without rights, on a root file system that it cannot write', () => {
    const { spec } = one(overlay, 'StatefulSet').spec.template;
    expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    expect(spec.automountServiceAccountToken).toBe(false);
    for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) {
      expect(container.securityContext, container.name).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      expect(container.resources.limits, container.name).toHaveProperty('memory');
      expect(container.image, container.name).toMatch(/^registry\.example\/chorus:\d/);
    }
  });

  test('asks for life and readiness where Chorus answers, and gives it the time that it takes to stop', () => {
    const { spec } = one(overlay, 'StatefulSet').spec.template;
    const [container] = spec.containers;
    const { settings: _settings, shell } = settingsOf(overlay);
    expect(container.ports).toEqual([{ name: 'http', containerPort: shell.http.port }]);
    expect(container.livenessProbe.httpGet.path).toBe('/livez');
    expect(container.startupProbe.httpGet.path).toBe('/livez');
    expect(container.readinessProbe.httpGet.path).toBe('/readyz');
    expect(spec.terminationGracePeriodSeconds * 1000).toBeGreaterThan(shell.run.stopTimeoutMs);
  });

  test('has settings that Chorus takes, whose files are mounted', () => {
    const { problems, shell } = settingsOf(overlay);
    expect(problems).toEqual([]);
    const [container] = one(overlay, 'StatefulSet').spec.template.spec.containers;
    const mounted = (container.volumeMounts as { mountPath: string }[]).map(({ mountPath }) => mountPath);
    const { tls, sasl } = shell.kafka;
    for (const path of [shell.state.folder, tls.ca, sasl.passwordFile].filter((each) => each !== undefined)) {
      expect(
        mounted.some((mount) => path === mount || path.startsWith(`${mount}/`)),
        path,
      ).toBe(true);
    }
    const ports = one(overlay, 'NetworkPolicy').spec.egress.flatMap((rule: { ports: { port: number }[] }) =>
      rule.ports.map(({ port }) => port),
    );
    for (const broker of shell.kafka.brokers!) expect(ports).toContain(Number(broker.split(':')[1]));
  });
});

describe('the production overlay', () => {
  const topic = (name: string): Resource =>
    made.get('production')!.find((each) => each.kind === 'KafkaTopic' && each.metadata.name === name)!;

  test('makes the topics as chorus topics check wants them', () => {
    const { settings, shell } = settingsOf('production');
    const { kafka } = shell;
    const topics = {
      feed: kafka.topic!,
      ...internalTopics(kafka.prefix),
      alerts: kafka.alertsTopic,
      deadLetters: kafka.deadLettersTopic,
    };
    const { checked } = topicSpecs({ ...kafka, topics, windowMs: settings.windowMs });
    expect(checked).toHaveLength(5);
    for (const { name, partitions, configs, atLeast = {} } of checked) {
      const { spec } = topic(name);
      if (partitions !== undefined) expect(spec.partitions, name).toBe(partitions);
      expect(spec.replicas, name).toBe(kafka.replicationFactor);
      for (const [key, value] of Object.entries(configs))
        expect(String(spec.config[key]), `${name} ${key}`).toBe(value);
      for (const [key, value] of Object.entries(atLeast)) expect(spec.config[key], key).toBeGreaterThanOrEqual(value);
    }
    expect(topic(topics.feed).spec.config['message.timestamp.type']).toBe('LogAppendTime');
  });

  test('lets the user do what is needed with the topics there are', () => {
    const { acls } = one('production', 'KafkaUser').spec.authorization;
    type AclResource = { readonly type: string; readonly name?: string; readonly patternType?: string };
    const allowed = (type: string, name: string, operation: string): boolean =>
      acls.some(
        ({ resource, operations }: { resource: AclResource; operations: string[] }) =>
          resource.type === type &&
          operations.includes(operation) &&
          (resource.patternType === 'prefix' ? name.startsWith(resource.name!) : name === resource.name),
      );
    expect(allowed('topic', 'posts', 'Read')).toBe(true);
    expect(allowed('topic', 'posts', 'Write')).toBe(false);
    for (const name of ['chorus.fingerprints', 'chorus.links', 'coordination-alerts', 'posts-dead-letters']) {
      expect(allowed('topic', name, 'Write'), name).toBe(true);
    }
    // Those that a deployment with a sink joins: test/broker/login.test.ts runs one with these rights on a real broker.
    for (const group of ['chorus.fingerprint', 'chorus.match', 'chorus.campaign', 'chorus.sinks.desk']) {
      expect(allowed('group', group, 'Read'), group).toBe(true);
      expect(allowed('group', group, 'Describe'), group).toBe(true);
    }
    expect(allowed('group', 'other.match', 'Read')).toBe(false);
  });

  test('never scales beyond the partitions, holds still while anything restores, and goes down slowly', () => {
    const { spec } = one('production', 'ScaledObject');
    const feed = topic('posts').spec.partitions;
    const statefulSet = one('production', 'StatefulSet');
    expect(spec.scaleTargetRef).toMatchObject({ kind: 'StatefulSet', name: statefulSet.metadata.name });
    expect(spec.maxReplicaCount).toBe(feed);
    expect(spec.minReplicaCount).toBe(statefulSet.spec.replicas);
    expect(statefulSet.spec.replicas).toBeLessThanOrEqual(feed);
    const { scalingModifiers, horizontalPodAutoscalerConfig } = spec.advanced;
    expect(scalingModifiers.formula).toBe('restoring > 0 ? 0.0 : lag');
    expect(spec.triggers.map(({ name }: { name: string }) => name)).toEqual(['lag', 'restoring']);
    const { scaleUp, scaleDown } = horizontalPodAutoscalerConfig.behavior;
    expect(scaleDown.stabilizationWindowSeconds).toBeGreaterThanOrEqual(3600);
    for (const { policies } of [scaleUp, scaleDown]) expect(policies).toMatchObject([{ type: 'Pods', value: 1 }]);
    const { shell } = settingsOf('production');
    const [lag, restoring] = spec.triggers;
    expect(lag.metadata).toMatchObject({
      topic: shell.kafka.topic,
      consumerGroup: `${shell.kafka.prefix}.fingerprint`,
      bootstrapServers: shell.kafka.brokers!.join(','),
    });
    expect(restoring.metadata.query).toContain('chorus_task_state{');
  });

  test('has the rules of deploy/prometheus (npx tsx scripts/prometheus-rule.ts)', () => {
    const { groups } = deployYaml<{ groups: unknown[] }>('prometheus/rules/chorus.yaml');
    expect(one('production', 'PrometheusRule').spec.groups).toEqual(groups);
  });

  test(
    'has custom resources that KEDA and the Prometheus Operator take',
    async () => {
      const packages = await npmFolder('@kubernetes-models/keda@2.0.0', '@kubernetes-models/prometheus-operator@6.0.0');
      const load = async (path: string): Promise<Record<string, new (data: unknown) => { validate(): void }>> =>
        (await import(
          pathToFileURL(join(packages, 'node_modules/@kubernetes-models', path, 'index.js')).href
        )) as never;
      const models = {
        ...(await load('keda/keda.sh/v1alpha1')),
        ...(await load('prometheus-operator/monitoring.coreos.com/v1')),
      };
      for (const kind of ['ScaledObject', 'TriggerAuthentication', 'PodMonitor', 'PrometheusRule']) {
        const resource = one('production', kind);
        const Model = models[kind]!;
        expect(() => new Model(resource).validate(), kind).not.toThrow();
        const first = Object.keys(resource.spec)[0]!;
        expect(() => new Model({ ...resource, spec: { ...resource.spec, [first]: 7 } }).validate(), kind).toThrow(
          /must be/,
        );
      }
    },
    TOOL_TIMEOUT_MS,
  );
});
