import { expect, test } from 'vitest';
import { Xxh64 } from '../../src/consumers/xxh64.ts';

/** Low halves as `zstd --check` 1.5 writes them behind bytes `i * i * 31 + length`; the empty one is of the specification. */
test.each([
  [0, 0x51d8e999],
  [1, 0x1b21e730],
  [3, 0xc3848fe8],
  [4, 0x0e437c84],
  [5, 0x934f66f9],
  [8, 0xe99f3dd7],
  [12, 0x4baf7bfb],
  [31, 0xa1ef3ea3],
  [32, 0x51fc757d],
  [33, 0x830b27f6],
  [63, 0x27361d1a],
  [64, 0x112a61bc],
  [100, 0xa0151a0c],
  [1000, 0xfbd1102e],
  [99999, 0x117e9ba5],
])('%i bytes, in pieces of 37 and at once', (length, expected) => {
  const bytes = Uint8Array.from({ length }, (_, i) => i * i * 31 + length);
  const whole = new Xxh64();
  whole.update(bytes);
  expect(whole.low32()).toBe(expected);
  const pieces = new Xxh64();
  for (let at = 0; at < length; at += 37) pieces.update(bytes.subarray(at, at + 37));
  expect(pieces.low32()).toBe(expected);
});
