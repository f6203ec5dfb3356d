/** Every page of the project: its links, its words, and the options of the commands that it shows. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { chorus, ROOT } from '../support/command.ts';
import { blocksOf } from '../support/guide.ts';

const PAGES = [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'bench/README.md',
  ...readdirSync(join(ROOT, 'docs')).flatMap((name) => (name.endsWith('.md') ? [`docs/${name}`] : [])),
];
const textOf = (page: string): string => readFileSync(join(ROOT, page), 'utf8');
const proseOf = (page: string): string => textOf(page).replaceAll(/^```.*?^```$/gms, '');

/** As GitHub makes it of a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

test.each(PAGES)('%s: each link leads to a file that is there, and to a heading in it', (page) => {
  for (const [, target] of proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^https?:/.test(target!)) continue;
    const [path, anchor] = target!.split('#') as [string, string?];
    const file = path === '' ? page : join(dirname(page), path);
    expect(existsSync(join(ROOT, file)), `${page} links to ${target}`).toBe(true);
    if (anchor === undefined) continue;
    const anchors = Array.from(proseOf(file).matchAll(/^#+ (.+)$/gm), ([, heading]) => anchorOf(heading!));
    expect(anchors, `${page} links to ${target}`).toContain(anchor);
  }
});

test.each(PAGES)('%s: calls nobody names', (page) => {
  // The README says which words it does not use.
  const text = proseOf(page).replace('never _bot_ or _inauthentic_', '');
  expect(text).not.toMatch(/\b(ro)?bots?\b|\b(in)?authentic/i);
});

test('the README leads to every page', () => {
  const readme = textOf('README.md');
  for (const page of PAGES.filter((each) => each !== 'README.md')) expect(readme).toContain(`](${page})`);
});

/** Names of all properties that a JSON Schema describes, at any depth. */
function propertiesOf(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  return Object.entries(schema).flatMap(([key, value]) => [
    ...(key === 'properties' ? Object.keys(value as object) : []),
    ...propertiesOf(value),
  ]);
}

test('the page on reading an alert names fields that an alert has', () => {
  const fields = propertiesOf(JSON.parse(textOf('schemas/alert.v1.schema.json')));
  const named = Array.from(
    proseOf('docs/reading-an-alert.md').matchAll(/`([a-z]+(?:[A-Z.][A-Za-z]*)*)`/g),
    ([, name]) => name!,
  );
  expect(named.length).toBeGreaterThan(8);
  for (const name of named.filter((each) => each !== 'alerts.ndjson')) {
    for (const field of name.split('.')) expect(fields, name).toContain(field);
  }
});

/** Words of a shell script that begin a command of Chorus, up to its end. */
function commandsIn(script: string): string[] {
  return script
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n')
    .flatMap((line) => line.replace(/(^|\s)#.*$/, '').split(/[|;&]+/))
    .flatMap((part) => /^\s*(?:\w+=\S+ )*(?:npx )?chorus ([a-z].*)$/.exec(part)?.[1] ?? []);
}

describe('commands that pages show', () => {
  const shown = PAGES.flatMap((page) =>
    [
      ...blocksOf(page).flatMap(({ language, content }) => (language === 'sh' ? commandsIn(content) : [])),
      ...Array.from(proseOf(page).matchAll(/`chorus ([a-z][^`]*)`/g), ([, command]) => command!),
    ].map((command) => ({ page, command })),
  );

  test('exist, with the options that are shown', { timeout: 300_000 }, async () => {
    expect(shown.length).toBeGreaterThan(60);
    const { stdout: commands } = await chorus(['--help']);
    const helps = new Map<string, string>();
    for (const { page, command } of shown) {
      const [name, second] = command.split(/\s+/) as [string, string?];
      expect(commands, `${page}: chorus ${command}`).toMatch(new RegExp(`^  ${name}\\b`, 'm'));
      const isNested = ['topics', 'schemas', 'config'].includes(name) && /^[a-z]+$/.test(second ?? '');
      const path = isNested ? [name, second!] : [name];
      let help = helps.get(path.join(' '));
      if (help === undefined) {
        help = (await chorus([...path, '--help'])).stdout;
        helps.set(path.join(' '), help);
      }
      for (const [option] of command.matchAll(/(?<=\s)--[a-z][a-z-]*/g)) {
        expect(help, `${page}: chorus ${command}`).toMatch(new RegExp(`^ +(-\\w, )?${option}\\b`, 'm'));
      }
    }
  });
});
