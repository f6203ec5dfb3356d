/** Writes the dashboards: `npm run dashboards`. A test holds the files to what this would write. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dashboardFiles } from './files.ts';

const folder = join(import.meta.dirname, '../../deploy/grafana/dashboards');
mkdirSync(folder, { recursive: true });
for (const [name, text] of await dashboardFiles()) writeFileSync(join(folder, name), text);
