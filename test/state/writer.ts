/**
 * A process that writes batches to a store until it is told to stop, or cannot. For tests that kill it, and for a disk that fills.
 *
 *   node --import tsx writer.ts <folder> <frames in a batch> <bytes of a frame> <batches>
 *
 * Prints "open", then "ack <n>" after batch n, and at the end "done", or what is kept and "failed <JSON>". Batch n has the checkpoint "n" and frames
 * n * count to n * count + count - 1.
 */
import { writeSync } from 'node:fs';
import { ChorusError } from '../../src/errors.ts';
import { RocksdbStoreProvider } from '../../src/state/rocksdb.ts';
import { bytesOf, scanned, textOf, TOPOLOGY } from './records.ts';

const [folder = '', count = '4', length = '1000', batches = 'Infinity'] = process.argv.slice(2);

/** At once: a killed process must not have acknowledged what nobody could read. */
function say(line: string): void {
  for (;;) {
    try {
      writeSync(1, `${line}\n`);
      return;
    } catch (error) {
      // Lines are short, so one goes out whole or, where the reader is behind, not at all.
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

async function main(): Promise<void> {
  const provider = new RocksdbStoreProvider({ folder, lockWaitMs: 300, memoryBytes: 4 << 20 });
  const store = await provider.open('match-0', TOPOLOGY);
  say('open');
  const start = store.checkpoint === undefined ? 0 : Number(textOf(store.checkpoint)) + 1;
  try {
    for (let n = start; n < Number(batches); n++) {
      const frames = Array.from({ length: Number(count) }, (_, i) => {
        const bytes = new Uint8Array(Number(length));
        bytes.fill(n & 255);
        return { offset: n * Number(count) + i, bytes };
      });
      await store.write({ checkpoint: bytesOf(`${n}`), frames });
      say(`ack ${n}`);
      if (n % 16 === 0) await new Promise(setImmediate);
    }
  } catch (error) {
    // However small: a store that failed takes nothing until it is opened again.
    await store.write({ checkpoint: bytesOf('tiny') }).catch((again: unknown) => {
      say(`then ${again === error}`);
    });
    // What is in memory must still be what was acknowledged.
    say(`kept ${(await scanned(store)).length} ${textOf(store.checkpoint)}`);
    throw error;
  } finally {
    await store.close();
  }
}

try {
  await main();
  say('done');
} catch (error) {
  const { code, message, retryable } =
    error instanceof ChorusError ? error : { code: '', message: String(error), retryable: true };
  say(`failed ${JSON.stringify({ code, message, retryable })}`);
}
