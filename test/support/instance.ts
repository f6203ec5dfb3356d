/**
 * A deployment as a process of its own. Its settings are its argument, as JSON; it says what it does on standard output, a line of JSON
 * each, and ends with 1 when it cannot go on. SIGTERM stops it in order.
 */
import { writeSync } from 'node:fs';
import { loadTable } from '../../src/cli/table.ts';
import type { ChorusError } from '../../src/errors.ts';
import { Deployment } from '../../src/runtime/deployment.ts';
import type { InstanceSettings } from './deployment.ts';

const settings = JSON.parse(process.argv[2]!) as InstanceSettings;

// At once, so that what was said is there after a SIGKILL.
const say = (level: string, message: string, fields: object = {}): void => {
  writeSync(1, `${JSON.stringify({ level, message, fields })}\n`);
};
const fail = (error: unknown): never => {
  const { code, message, stack } = error as ChorusError;
  say('error', 'failed', { code, message, stack });
  process.exit(1);
};

const deployment = new Deployment(
  { ...settings, table: loadTable() },
  { log: (level, message, fields) => say(level, message, fields), onFatal: fail },
);
process.on('SIGTERM', () => {
  deployment.stop().then(() => {
    say('info', 'stopped');
    process.exit(0);
  }, fail);
});
await deployment.start().catch(fail);
say('info', 'started');
