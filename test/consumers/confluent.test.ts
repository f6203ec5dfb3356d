import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isSchemaId, schemaIdOf, writeFraming } from '../../src/consumers/formats/confluent.ts';

test.each([
  [[0, 0, 0, 0, 1], 1],
  [[0, 1, 2, 3, 4, 0x7b], 0x01_02_03_04],
  [[0, 0xff, 0xff, 0xff, 0xff], 0xff_ff_ff_ff],
  [[1, 0, 0, 0, 1], undefined],
  [[0x7b, 0, 0, 0, 1], undefined],
  [[0, 0, 0, 1], undefined],
  [[], undefined],
])('the schema id of %j', (bytes, id) => {
  expect(schemaIdOf(Uint8Array.from(bytes))).toBe(id);
});

test('an id comes back as it was written', () => {
  fc.assert(
    fc.property(fc.nat(0x7f_ff_ff_ff), (id) => {
      const value = new Uint8Array(8).fill(0xaa);
      writeFraming(value, id);
      expect(schemaIdOf(value)).toBe(id);
      expect([...value.subarray(5)]).toEqual([0xaa, 0xaa, 0xaa]);
    }),
  );
});

test('registries count in signed 32 bits', () => {
  expect([0, 1, 2 ** 31 - 1].map(isSchemaId)).toEqual([true, true, true]);
  expect([-1, 2 ** 31, 1.5].map(isSchemaId)).toEqual([false, false, false]);
});
