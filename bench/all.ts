/**
 * All benchmarks, one after the other, each in a process of its own: `npm run bench`, or `npm run bench -- --posts FILE`
 * for posts of your own in place of simulated ones.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const passed = process.argv.slice(2);
const benchmarks = [
  ['fingerprint.js'],
  ['window.js', '--simhash', 'off'],
  ['window.js', '--simhash', 'on'],
  ['naive.js'],
  ['replay.js'],
];
for (const [script, ...args] of benchmarks) {
  console.log(`\n## ${script} ${args.join(' ')}`.trimEnd());
  const path = fileURLToPath(new URL(script!, import.meta.url));
  const { status } = spawnSync(process.execPath, [path, ...args, ...passed], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
