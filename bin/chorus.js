#!/usr/bin/env node
/** The command as npm installs it. All of it is in src/cli/main.ts, which runs when it is loaded. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const main = new URL('../dist/cli/main.js', import.meta.url);
if (existsSync(fileURLToPath(main))) {
  await import(main.href);
} else {
  process.stderr.write('chorus: dist/ is not built; run "npm run build" in the checkout\n');
  process.exitCode = 1;
}
