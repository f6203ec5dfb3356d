#!/usr/bin/env node
/** The command as npm installs it. All of it is in src/cli/main.ts, which runs when it is loaded. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Commands that go on until a signal, and end with 0 at it. */
const UNTIL_SIGNAL = ['run', 'ingest', 'watch'];

// It takes some 0.2 s until they listen to signals themselves, and as the first process of a container they would miss one.
if (UNTIL_SIGNAL.includes(process.argv[2] ?? '')) {
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => {
      if (process.listenerCount(signal) === 1) process.exit(0);
    });
  }
}

const main = new URL('../dist/cli/main.js', import.meta.url);
if (existsSync(fileURLToPath(main))) {
  await import(main.href);
} else {
  process.stderr.write('chorus: dist/ is not built; run "npm run build" in the checkout\n');
  process.exitCode = 1;
}
