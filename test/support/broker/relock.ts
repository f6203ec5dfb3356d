/**
 * Writes pins.ts from pom.xml: `npx tsx test/support/broker/relock.ts`, with Maven. Look at the difference before you commit it:
 * these checksums are what every later fill of a cache is held against.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { sha256 } from './jars.ts';

const HERE = import.meta.dirname;
/** 3.0 is the last that runs on Java 17. Not in pom.xml: its own parent is not to be had, which Maven minds for a dependency. */
const REGISTRY = 'io/apicurio/apicurio-registry-app/3.0.9/apicurio-registry-app-3.0.9-all.zip';
const REGISTRY_ARTIFACT = 'io.apicurio:apicurio-registry-app:3.0.9:zip:all';

const folder = mkdtempSync(join(tmpdir(), 'chorus-relock-'));
try {
  const mvn = (...args: string[]) => execFileSync('mvn', ['-B', '-q', ...args], { cwd: HERE, stdio: 'inherit' });
  const jars = join(folder, 'jars');
  mvn('dependency:copy-dependencies', `-DoutputDirectory=${jars}`, '-Dmdep.useRepositoryLayout=true');
  mvn('dependency:copy', `-Dartifact=${REGISTRY_ARTIFACT}`, `-DoutputDirectory=${folder}`);
  const line = (file: string, path: string) => `${sha256(readFileSync(file))} ${path}\n`;
  const jarPaths = (readdirSync(jars, { recursive: true }) as string[]).filter((path) => path.endsWith('.jar')).sort();
  writeFileSync(
    join(HERE, 'pins.ts'),
    `/** Made by relock.ts, not by hand: SHA-256 and path in a Maven repository of each file of a broker and of a registry. */
import { pins } from './jars.ts';

export const KAFKA = pins(\`
${jarPaths.map((path) => line(join(jars, path), path)).join('')}\`);

export const REGISTRY = pins(\`
${line(join(folder, basename(REGISTRY)), REGISTRY)}\`);
`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
