/**
 * Load and abuse: `chorus run` as a process, on a broker of its own, under feeds that are large, wrong or hostile.
 *
 *   node bench/load.js --scenario NAME|all [--seconds 20] [--rate 2000] [--json FILE]
 *   node bench/load.js --scenario flat [--minutes 30] [--rate 20000] [--window 2m]
 *
 * Exit code 1 where a record is lost or counted twice, a planted campaign is not found, or the deployment fails.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { tableOf, type Figures } from './load-figures.ts';
import { runScenario, type RunOptions } from './load-run.ts';
import { SCENARIOS, type Scenario } from './load-scenarios.ts';
import { startCluster } from './kafka-support.ts';

/** The command as it was built last; this file runs from a folder three below the project's. */
const CHORUS = fileURLToPath(new URL('../../../bin/chorus.js', import.meta.url));

const { values } = parseArgs({
  options: {
    scenario: { type: 'string', default: 'all' },
    seconds: { type: 'string', default: '20' },
    minutes: { type: 'string', default: '30' },
    rate: { type: 'string' },
    window: { type: 'string', default: '2m' },
    json: { type: 'string' },
    chorus: { type: 'string', default: CHORUS },
  },
});

const isFlat = values.scenario === 'flat';
const FLAT: Scenario = { ...SCENARIOS[0]!, name: 'flat', settings: { window: values.window } };
const chosen = isFlat ? [FLAT] : SCENARIOS.filter(({ name }) => values.scenario === 'all' || name === values.scenario);
if (chosen.length === 0) {
  const names = ['all', 'flat', ...SCENARIOS.map(({ name }) => name)].join(', ');
  throw new Error(`--scenario ${values.scenario}: must be one of ${names}`);
}
const command = values.chorus;
const options: RunOptions = isFlat
  ? {
      command,
      seconds: Number(values.minutes) * 60,
      rate: Number(values.rate ?? 20_000),
      sampleMs: 10_000,
      isWindowWhole: false,
    }
  : { command, seconds: Number(values.seconds), rate: Number(values.rate ?? 2000), sampleMs: 500, isWindowWhole: true };

// With an end of its own the process takes its deployment along.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const rows: Figures[] = [];
const cluster = await startCluster([]);
try {
  for (const scenario of chosen) {
    const folder = mkdtempSync(join(tmpdir(), 'chorus-load-'));
    try {
      const figures = await runScenario(scenario, cluster, folder, options);
      rows.push(figures);
      console.log(JSON.stringify(figures));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
} finally {
  await cluster.stop();
}
console.log(`\n${tableOf(rows)}`);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(rows, undefined, 2)}\n`);
for (const { scenario, faults } of rows) for (const fault of faults) console.error(`${scenario}: ${fault}`);
if (rows.some(({ faults }) => faults.length > 0)) process.exitCode = 1;
