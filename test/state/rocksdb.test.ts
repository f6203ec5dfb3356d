import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { RocksdbStoreProvider } from '../../src/state/rocksdb.ts';
import { temporaryFolder } from '../support/feeds.ts';
import { storeSuite } from './conformance.ts';

const folder = temporaryFolder();

storeSuite(
  'in RocksDB',
  () => new RocksdbStoreProvider({ folder: mkdtempSync(join(folder, 'data-')), lockWaitMs: 200 }),
);
