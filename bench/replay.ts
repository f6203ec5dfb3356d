/**
 * Posts a second of `chorus replay`, everything included: the command as a process, from a plain NDJSON file to its alerts.
 *
 *   node bench/replay.js [--posts FILE] [--count 1000000]
 *
 * Without a file, the posts are simulated: an ordinary feed with a campaign for each 10,000 posts.
 */
import { spawnSync } from 'node:child_process';
import { createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { postLine, simulate } from '../src/simulate/feed.ts';

const { values } = parseArgs({
  options: {
    posts: { type: 'string' },
    count: { type: 'string', default: '1000000' },
    window: { type: 'string', default: '1h' },
  },
});
const folder = mkdtempSync(join(tmpdir(), 'chorus-bench-'));
const file = join(folder, 'posts.ndjson');
try {
  if (values.posts === undefined) await writeFeed(Number(values.count));
  else writeFileSync(file, unpacked(values.posts));
  const lines = countLines();
  const parse = millisecondsOf(() => {
    let sum = 0;
    for (const line of readFileSync(file, 'utf8').split('\n'))
      if (line !== '') sum += Object.keys(JSON.parse(line) as object).length;
    return sum;
  });
  const ms = millisecondsOf(() => {
    const args = [
      'bin/chorus.js',
      'replay',
      '--window',
      values.window,
      '--alerts',
      join(folder, 'alerts.ndjson'),
      file,
    ];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`chorus replay ended with ${status}: ${stderr}`);
    return lines;
  });
  console.log(`posts                     ${lines}`);
  console.log(`chorus replay             ${ms.toFixed(0)} ms, ${((lines / ms) * 1000).toFixed(0)} posts/s`);
  console.log(`read and JSON.parse alone ${parse.toFixed(0)} ms; replay / that: ${(ms / parse).toFixed(1)}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function writeFeed(count: number): Promise<void> {
  const options = { seed: 3, posts: count, startMs: Date.UTC(2026, 0, 15), durationMs: 86_400_000 };
  const out = createWriteStream(file);
  for (const { post } of simulate({ ...options, campaigns: Math.ceil(count / 10_000), copying: 20 })) {
    if (!out.write(`${postLine(post)}\n`)) await once(out, 'drain');
  }
  out.end();
  await once(out, 'finish');
}

function unpacked(path: string): Buffer {
  const bytes = readFileSync(path);
  return path.endsWith('.gz') ? gunzipSync(bytes) : bytes;
}

function countLines(): number {
  let lines = 0;
  for (const byte of readFileSync(file)) if (byte === 10) lines++;
  return lines;
}

function millisecondsOf(run: () => number): number {
  const start = process.hrtime.bigint();
  run();
  return Number(process.hrtime.bigint() - start) / 1e6;
}
