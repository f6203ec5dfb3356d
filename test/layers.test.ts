/**
 * Holds the folders apart: which may import which, and what may not occur in the pure ones (CORE).
 *
 * The compiler sees most of it (tsconfig.core.json has no types of Node), but lets `Date.now`, `Math.random` and an import
 * in the wrong direction pass. ARCHITECTURE.md has the reasons.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');

interface Layer {
  /** Imports nothing but other pure layers, reads no clock, no randomness, writes nowhere. */
  readonly core: boolean;
  /** Names of the layers that it may import, besides itself. */
  readonly imports: readonly string[];
  /** Packages that a pure layer may import: pure themselves. */
  readonly packages?: readonly string[];
}

const WORDS = ['model.ts', 'errors.ts'];
const STAGE_PARTS = ['windows', 'evidence', 'fingerprints', 'frames'];
const SHELL_PARTS = ['consumers', 'consumers/formats', 'kafka', 'registry', 'state', 'sinks'];

/** Folders and files directly below src/. The longest name that fits a path is its layer. */
const LAYERS: Readonly<Record<string, Layer>> = {
  'model.ts': { core: true, imports: [] },
  'errors.ts': { core: true, imports: [] },
  'settings.ts': { core: true, imports: WORDS },
  fingerprints: { core: true, imports: WORDS },
  frames: { core: true, imports: [...WORDS, 'fingerprints'] },
  evidence: { core: true, imports: [...WORDS, 'fingerprints'] },
  windows: { core: true, imports: [...WORDS, 'evidence', 'fingerprints', 'frames'] },
  stages: { core: true, imports: [...WORDS, 'settings.ts', ...STAGE_PARTS] },
  simulate: { core: true, imports: [...WORDS, 'fingerprints'] },
  'consumers/formats': { core: true, imports: WORDS, packages: ['htmlparser2'] },
  consumers: { core: false, imports: [...WORDS, 'consumers/formats', 'metrics.ts'] },
  kafka: { core: false, imports: [...WORDS, 'settings.ts', 'metrics.ts'] },
  registry: { core: false, imports: [...WORDS, 'settings.ts', 'metrics.ts', 'consumers', 'consumers/formats'] },
  state: { core: false, imports: [...WORDS, 'metrics.ts'] },
  sinks: { core: false, imports: [...WORDS, 'consumers/formats', 'metrics.ts'] },
  report: { core: false, imports: [...WORDS, ...STAGE_PARTS, 'consumers/formats'] },
  'metrics.ts': { core: false, imports: WORDS },
  runtime: {
    core: false,
    imports: [...WORDS, 'settings.ts', 'metrics.ts', ...STAGE_PARTS, 'stages', ...SHELL_PARTS],
  },
  // Runs the stages for other settings, and over posts of its own.
  tune: {
    core: false,
    imports: [
      ...WORDS,
      'settings.ts',
      ...STAGE_PARTS,
      'stages',
      'simulate',
      'consumers',
      'consumers/formats',
      'runtime',
    ],
  },
};
/** The outermost layer: it puts the others together, so it may import all of them. */
const OUTERMOST = 'cli';

/** What CORE may not name, and what it does instead. */
const IMPURE: Readonly<Record<string, string>> = {
  'Date.now': 'take the event time or the watermark as an argument',
  'new Date()': 'take a time in ms as an argument: new Date(ms)',
  'Date()': 'take a time in ms as an argument: new Date(ms)',
  'Math.random': 'take a seeded generator (simulate/random.ts) or a hash (fingerprints/hash.ts)',
  performance: 'measure in bench/ or in runtime/',
  setTimeout: 'return when to be woken (windows/timers.ts)',
  setInterval: 'return when to be woken (windows/timers.ts)',
  setImmediate: 'stay synchronous; runtime/ does the waiting',
  queueMicrotask: 'stay synchronous; runtime/ does the waiting',
  console: 'return the value; cli/ and runtime/ write',
  process: 'take the value as an argument or from the settings',
  crypto: 'hash with fingerprints/hash.ts; take secrets from the settings',
  fetch: 'put it behind a port in consumers/ or sinks/',
  globalThis: 'name what you need, so that this test can see it',
  Intl: 'use the tables of fingerprints/: the answer depends on the ICU of the machine',
  localeCompare: 'compare by code unit: the answer depends on the ICU of the machine',
};

/** The layer of a path below the root with "/", or undefined for one that no layer takes. */
function layerOf(path: string): string | undefined {
  const parts = path.split('/').slice(1);
  for (let length = parts.length; length > 0; length -= 1) {
    const name = parts.slice(0, length).join('/');
    if (name === OUTERMOST || Object.hasOwn(LAYERS, name)) return name;
  }
  return undefined;
}

/** What is wrong in a source: lines of `file:line: what, and what to do instead`. */
function violations(path: string, text: string): string[] {
  const layer = layerOf(path);
  if (layer === undefined) return [`${path}:1: belongs to no layer; add it to LAYERS in test/layers.test.ts`];
  if (layer === OUTERMOST) return [];
  const { core, imports, packages } = LAYERS[layer]!;
  const found: string[] = [];
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);

  const report = (node: ts.Node, what: string): void => {
    const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
    found.push(`${path}:${line + 1}: ${what}`);
  };
  const visit = (node: ts.Node): void => {
    const specifier = specifierOf(node);
    if (specifier !== undefined) {
      const fault = importFault(path, layer, specifier, core, imports, packages);
      if (fault !== undefined) report(node, fault);
    }
    const impure = core ? impureName(node) : undefined;
    if (impure !== undefined) report(node, `${impure} in a pure folder; ${IMPURE[impure]!}`);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** Of a static, dynamic or type-only import or re-export; "(computed)" for one that is no literal. */
function specifierOf(node: ts.Node): string | undefined {
  if (ts.isImportDeclaration(node)) return literal(node.moduleSpecifier);
  if (ts.isExportDeclaration(node)) return node.moduleSpecifier && literal(node.moduleSpecifier);
  if (ts.isImportTypeNode(node))
    return ts.isLiteralTypeNode(node.argument) ? literal(node.argument.literal) : undefined;
  if (ts.isCallExpression(node) && isImportOrRequire(node.expression)) {
    return node.arguments[0] && literal(node.arguments[0]);
  }
  return undefined;
}

function isImportOrRequire(callee: ts.Expression): boolean {
  return callee.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(callee) && callee.text === 'require');
}

function literal(node: ts.Node): string {
  return ts.isStringLiteralLike(node) ? node.text : '(computed)';
}

function importFault(
  path: string,
  layer: string,
  specifier: string,
  core: boolean,
  imports: readonly string[],
  packages: readonly string[] = [],
): string | undefined {
  if (!specifier.startsWith('.')) {
    if (!core || packages.includes(specifier)) return undefined;
    return `imports "${specifier}" in a pure folder; let runtime/, consumers/ or sinks/ call it and pass the value in`;
  }
  const target = posix.join(posix.dirname(path), specifier);
  if (!target.startsWith('src/')) return `imports ${target}; src/ imports nothing outside of itself`;
  const targetLayer = layerOf(target);
  if (targetLayer === layer || (targetLayer !== undefined && imports.includes(targetLayer))) return undefined;
  const allowed = imports.length === 0 ? 'nothing' : imports.join(', ');
  return `${layer} imports ${targetLayer ?? target}; it may import ${allowed}: move the code inward or pass the value in`;
}

/** The entry of IMPURE that a node is, if any. Comments, strings and names of properties of our own are none. */
function impureName(node: ts.Node): string | undefined {
  if (ts.isNewExpression(node))
    return isGlobal(node.expression, 'Date') && !node.arguments?.length ? 'new Date()' : undefined;
  if (ts.isCallExpression(node)) return isGlobal(node.expression, 'Date') ? 'Date()' : undefined;
  if (ts.isPropertyAccessExpression(node) || ts.isElementAccessExpression(node)) {
    const member = ts.isPropertyAccessExpression(node) ? node.name.text : literal(node.argumentExpression);
    if (member === 'localeCompare') return member;
    const name = ts.isIdentifier(node.expression) ? `${node.expression.text}.${member}` : '';
    return Object.hasOwn(IMPURE, name) ? name : undefined;
  }
  if (ts.isBindingElement(node)) return destructured(node);
  return ts.isIdentifier(node) && isReference(node) && Object.hasOwn(IMPURE, node.text) ? node.text : undefined;
}

function isGlobal(node: ts.Expression, name: string): boolean {
  return ts.isIdentifier(node) && node.text === name;
}

/** `const { random } = Math` takes the same thing as `Math.random`. */
function destructured(element: ts.BindingElement): string | undefined {
  const declaration = element.parent.parent;
  if (!ts.isVariableDeclaration(declaration) || !declaration.initializer) return undefined;
  if (!ts.isIdentifier(declaration.initializer)) return undefined;
  const name = `${declaration.initializer.text}.${(element.propertyName ?? element.name).getText()}`;
  return Object.hasOwn(IMPURE, name) ? name : undefined;
}

/** Whether an identifier reads a variable, rather than naming a property, a method, a parameter or an import. */
function isReference(node: ts.Identifier): boolean {
  const parent: ts.Node & { readonly name?: ts.Node; readonly propertyName?: ts.Node } = node.parent;
  if (ts.isShorthandPropertyAssignment(parent)) return true;
  return parent.name !== node && parent.propertyName !== node && !ts.isQualifiedName(parent);
}

/** Paths of the TypeScript files of a folder below the root, with "/". */
function sourcesIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return sourcesIn(path);
    return path.endsWith('.ts') ? [path] : [];
  });
}

describe('the sources', () => {
  const sources = sourcesIn('src');

  test('keep to their layers', () => {
    expect(sources).toContain('src/model.ts');
    const found = sources.flatMap((path) => violations(path, readFileSync(join(ROOT, path), 'utf8')));
    expect(found.join('\n')).toBe('');
  });

  test('are in tsconfig.core.json where they are pure', () => {
    const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.core.json'), (path) => readFileSync(path, 'utf8')) as {
      config: { include: string[] };
    };
    const pure = Object.keys(LAYERS).filter((name) => LAYERS[name]!.core && existsSync(join(ROOT, 'src', name)));
    expect(config.include.toSorted()).toEqual(pure.map((name) => `src/${name}`).toSorted());
  });
});

describe('a planted fault is found', () => {
  test.each([
    ['an import outward', 'src/windows/a.ts', "import { x } from '../stages/match.ts';", 'windows imports stages'],
    ['a type outward', 'src/model.ts', "import type { x } from './runtime/engine.ts';", 'model.ts imports runtime'],
    ['an import type', 'src/frames/a.ts', "type X = import('../windows/a.ts').X;", 'frames imports windows'],
    ['a re-export', 'src/sinks/a.ts', "export * from '../runtime/engine.ts';", 'sinks imports runtime'],
    ['a side-effect import', 'src/state/a.ts', "import '../cli/main.ts';", 'state imports cli'],
    ['a dynamic import', 'src/stages/a.ts', "await import('../runtime/engine.ts');", 'stages imports runtime'],
    [
      'formats to consumers',
      'src/consumers/formats/a.ts',
      "import { x } from '../lines.ts';",
      'formats imports consumers',
    ],
    ['runtime to simulate', 'src/runtime/a.ts', "import { x } from '../simulate/feed.ts';", 'runtime imports simulate'],
    ['out of src', 'src/runtime/a.ts', "import { x } from '../../test/naive.ts';", 'nothing outside of itself'],
    ['node:', 'src/fingerprints/a.ts', "import { createHash } from 'node:crypto';", 'imports "node:crypto"'],
    ['a package', 'src/stages/a.ts', "import fc from 'fast-check';", 'imports "fast-check"'],
    ['a computed import', 'src/stages/a.ts', 'await import(name);', 'imports "(computed)"'],
    ['an unknown folder', 'src/tools/a.ts', '', 'belongs to no layer'],
    ['an unknown file', 'src/util.ts', '', 'belongs to no layer'],
    ['a clock', 'src/windows/a.ts', 'const t = Date.now();', 'Date.now in a pure folder; take the event time'],
    ['a clock by name', 'src/windows/a.ts', "const t = Date['now']();", 'Date.now in a pure folder'],
    ['a clock taken out', 'src/windows/a.ts', 'const { now: t } = Date;', 'Date.now in a pure folder'],
    ['a new date', 'src/windows/a.ts', 'const t = new Date();', 'new Date() in a pure folder'],
    ['a new date, bare', 'src/windows/a.ts', 'const t = new Date;', 'new Date() in a pure folder'],
    ['a date string', 'src/windows/a.ts', 'const t = Date();', 'Date() in a pure folder'],
    ['randomness', 'src/simulate/a.ts', 'f(Math.random());', 'Math.random in a pure folder; take a seeded generator'],
    ['a stopwatch', 'src/settings.ts', 'const t = performance.now();', 'performance in a pure folder'],
    ['a timer', 'src/stages/a.ts', 'setTimeout(f, 10);', 'setTimeout in a pure folder'],
    ['a log', 'src/errors.ts', "console.log('x');", 'console in a pure folder'],
    ['a log passed on', 'src/errors.ts', 'f({ log: console });', 'console in a pure folder'],
    ['a log kept', 'src/errors.ts', 'class A { log = console; }', 'console in a pure folder'],
    ['a log by shorthand', 'src/errors.ts', 'f({ console });', 'console in a pure folder'],
    ['the environment', 'src/fingerprints/a.ts', 'const k = +(process.env.K ?? 3);', 'process in a pure folder'],
    ['a locale', 'src/windows/a.ts', 'list.sort((a, b) => a.localeCompare(b));', 'localeCompare in a pure folder'],
  ])('%s', (_what, path, line, message) => {
    const found = violations(path, `// First line.\n${line}\n`);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(message);
    if (line !== '') expect(found[0]).toMatch(new RegExp(`^${path.replaceAll('.', '\\.')}:2: `));
  });
});

describe('what is allowed is let pass', () => {
  test.each([
    ['inward', 'src/stages/a.ts', "import { x } from '../windows/a.ts';\nimport type { y } from '../model.ts';"],
    ['within a folder', 'src/simulate/a.ts', "import { x } from './vocabulary/en.ts';"],
    ['the shell', 'src/runtime/a.ts', "import { x } from 'node:fs';\nconst t = Date.now();\nconsole.log(t);"],
    ['the command line', 'src/cli/a.ts', "import { x } from '../simulate/feed.ts';\nsetTimeout(x, 1);"],
    ['a comment', 'src/windows/a.ts', '/** Never Date.now, console or setTimeout. */\nconst t = "Math.random";'],
    ['a date of a number', 'src/windows/a.ts', 'const t = new Date(5).toISOString() + Date.UTC(2020, 1);'],
    [
      'own names',
      'src/windows/a.ts',
      'class A { process(): void {} }\nnew A().process();\nf({ console: 1 }, a.fetch);',
    ],
    ['a method of an interface', 'src/windows/a.ts', 'interface A { process(n: number): void; fetch: string }'],
  ])('%s', (_what, path, text) => {
    expect(violations(path, text)).toEqual([]);
  });
});
