import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { PlantCell } from '../../src/tune/plant.ts';
import { chorus } from '../support/command.ts';
import { copies, line, simulatedDay, temporaryFolder, writeLines } from '../support/feeds.ts';

const folder = temporaryFolder();
const day = writeLines(folder, 'day.ndjson', simulatedDay(1500));

interface PlantDocument {
  readonly schema: string;
  readonly planted: number;
  readonly plantedPosts: number;
  readonly cells: readonly PlantCell[];
}

describe('chorus plant', () => {
  test('tells recall and coverage by level and size, for each setting, and leaves the files as they are', async () => {
    const before = readFileSync(day);
    const json = join(folder, 'plant.json');
    const args = ['--levels', 'L0..L1,L5', '--campaigns', '4', '--accounts', '5,12', '--min-accounts', '5,10'];
    const { code, stdout } = await chorus(['plant', ...args, '--json', json, day]);
    expect(code).toBe(0);
    const document = JSON.parse(readFileSync(json, 'utf8')) as PlantDocument;
    expect(document).toMatchObject({ schema: 'chorus.plant.v1', planted: 24, plantedPosts: 12 * 17 });
    const [five, ten] = document.cells;
    expect([five!.isConfigured, ten!.isConfigured]).toEqual([true, false]);
    expect(five!.byLevel.map(({ level }) => level)).toEqual(['L0', 'L1', 'L5']);
    expect(five!.byLevel[0]).toMatchObject({ campaigns: 8, found: 8, recall: 1, coverage: 1, posts: 68 });
    expect(ten!.byLevel[0]).toMatchObject({ campaigns: 8, found: 4, recall: 0.5 });
    expect(stdout).toContain('24 campaigns planted, 204 posts within 1h each');
    expect(stdout).toMatch(/^L0 +the same text +100% +68-100 +100% +4\/4 51-100 +4\/4 51-100$/m);
    expect(stdout).toMatch(/^\* +5 +100\/100 /m);
    expect(stdout).toMatch(/that is much for this archive/);
    expect(readFileSync(day)).toEqual(before);
  });

  test('gives the same for a seed, and JSON alone on standard output', async () => {
    const args = [
      'plant',
      '--levels',
      'l3',
      '--campaigns',
      '5',
      '--accounts',
      '8',
      '--span',
      '10m',
      '--json',
      '-',
      day,
    ];
    const outputs = await Promise.all([[], [], ['--seed', '2']].map((seed) => chorus([...args, ...seed])));
    const [once, again, other] = outputs.map(({ stdout }) => {
      const { seconds: _, ...rest } = JSON.parse(stdout) as PlantDocument & { seconds: number };
      return rest;
    });
    expect(again).toEqual(once);
    expect(other).not.toEqual(once);
  });

  test('tells all that is wrong at once', async () => {
    const args = ['--levels', 'L2..L9', '--campaigns', '0', '--accounts', '5,x', '--span', 'long', '--windows', 'soon'];
    const { code, stderr } = await chorus(['plant', ...args, day]);
    expect(code).toBe(2);
    for (const name of ['--levels', '--campaigns', '--accounts', '--span', '--windows'])
      expect(stderr).toContain(`${name}: `);
  });

  test('says so where there is nothing to copy', async () => {
    const repeated = writeLines(folder, 'repeated.ndjson', [...copies(9), line('z', 'thank you', 3)]);
    const { code, stderr } = await chorus(['plant', repeated]);
    expect([code, stderr]).toEqual([2, expect.stringContaining('texts that were posted once')]);
  });
});
