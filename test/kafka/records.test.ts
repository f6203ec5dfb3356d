import { describe, expect, test } from 'vitest';
import { decodeRecords, nextOffset } from '../../src/kafka/records.ts';

/** A batch header with no records behind it, as compaction may leave one. */
function emptyBatch(base: number, lastDelta: number, magic = 2): Buffer {
  const bytes = Buffer.alloc(61);
  bytes.writeBigInt64BE(BigInt(base), 0);
  bytes.writeInt32BE(61 - 12, 8);
  bytes.writeInt8(magic, 16);
  bytes.writeInt32BE(lastDelta, 23);
  return bytes;
}

describe('positions behind what was fetched', () => {
  const from = 2 ** 40;

  test('of batches whose last records are gone', () => {
    const bytes = Buffer.concat([emptyBatch(from - 5, 9), emptyBatch(from + 20, 3)]);
    expect(nextOffset({ bytes, aborted: [], from })).toBe(from + 24);
  });

  test('a batch that is cut off does not count, nor does one before the position', () => {
    const bytes = Buffer.concat([emptyBatch(from - 5, 2), emptyBatch(from, 3).subarray(0, 60)]);
    expect(nextOffset({ bytes, aborted: [], from })).toBe(from);
    expect(nextOffset({ bytes: Buffer.alloc(0), aborted: [], from })).toBe(from);
  });
});

test('records of an old format are refused with their offset', async () => {
  const raw = { bytes: emptyBatch(7, 0, 1), aborted: [], from: 7 };
  await expect(decodeRecords(raw)).rejects.toMatchObject({
    code: 'record_unreadable',
    message: expect.stringContaining('record format 1 at offset 7'),
  });
});
