/** What lies in deploy/, read as what it is. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { ROOT } from '../support/command.ts';

export const DEPLOY = join(ROOT, 'deploy');

export function deployText(path: string): string {
  return readFileSync(join(DEPLOY, path), 'utf8');
}

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller knows what a file has
export function deployYaml<T>(path: string): T {
  // Merge keys are what Compose has for settings in common.
  return parse(deployText(path), { merge: true }) as T;
}

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- likewise
export function documents<T>(yaml: string): T[] {
  return parseAllDocuments(yaml).map((document) => document.toJS() as T);
}

export interface ComposeService {
  readonly image: string;
  readonly build?: { readonly args: Readonly<Record<string, string>> };
  readonly command?: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
}

export interface Compose {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

export const compose = (): Compose => deployYaml<Compose>('compose.yaml');

/** The services that run the image of Chorus. */
export function chorusServices(): [name: string, service: ComposeService][] {
  return Object.entries(compose().services).filter(([, { image }]) => image.startsWith('chorus:'));
}
