/** Would the simulation notice a bug? Each of them is planted in a copy of the sources, which is then simulated. */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SIMULATED } from '../mutations/deployment.ts';

const ROOT = join(import.meta.dirname, '../..');
/** As many as are noticed within a second or two; all of them are asked by scripts/mutations.ts. */
const QUICK = 9;
const RUNS = 30;

/** The outcome of a simulation of the copy: its exit code and what it said of the first run that differs. */
function simulate(folder: string): Promise<{ readonly code: number | null; readonly said: string }> {
  const args = ['--import', 'tsx', 'test/simulation/main.ts', '--seed', '1', '--runs', String(RUNS), '--jobs', '1'];
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, said }));
  });
}

describe('the simulation notices', () => {
  const folder = mkdtempSync(join(tmpdir(), 'chorus-simulation-'));

  beforeAll(() => {
    for (const name of ['src', 'test/simulation', 'test/support', 'package.json', 'tsconfig.json'])
      cpSync(join(ROOT, name), join(folder, name), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'), 'junction');
  });

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test.each(SIMULATED.slice(0, QUICK).map((mutation) => [mutation.name, mutation] as const))(
    'that %s',
    async (_, mutation) => {
      const path = join(folder, mutation.file);
      const sound = readFileSync(path, 'utf8');
      expect(sound.split(mutation.search).length, 'the text occurs once').toBe(2);
      writeFileSync(
        path,
        sound.replace(mutation.search, () => mutation.replacement),
      );
      try {
        const { code, said } = await simulate(folder);
        expect(said).toMatch(/seed \d+: /u);
        expect(code).toBe(1);
      } finally {
        writeFileSync(path, sound);
      }
    },
  );
});
