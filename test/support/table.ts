/** Frequency tables made by hand, so that a test knows each token's level and each frequent n-gram without training. */
import { GRAM_BITS, IDF_LEVELS, TABLE_BYTES, TABLE_VERSION } from '../../src/fingerprints/frequency-table.ts';

const HEADER_BYTES = 84;
const LEVELS_AT = HEADER_BYTES + GRAM_BITS / 8;

export interface TableSpec {
  readonly natsPerLevel: number;
  /** Level of a cell of tokens; 15 for all if absent. */
  readonly levelOf?: (cell: number) => number;
  /** Is the cell of n-grams frequent? None is if absent. */
  readonly isFrequent?: (cell: number) => boolean;
}

export function tableBytes({ natsPerLevel, levelOf = () => 15, isFrequent }: TableSpec): Uint8Array {
  const bytes = new Uint8Array(TABLE_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(Array.from('CHDF', (letter) => letter.charCodeAt(0)));
  view.setUint32(4, TABLE_VERSION, true);
  view.setUint32(8, 1000, true);
  view.setUint32(12, 2, true);
  for (let level = 0; level < IDF_LEVELS; level++) view.setFloat32(20 + 4 * level, level * natsPerLevel, true);
  for (let at = LEVELS_AT; at < TABLE_BYTES; at++) {
    const cell = 2 * (at - LEVELS_AT);
    bytes[at] = levelOf(cell) | (levelOf(cell + 1) << 4);
  }
  if (isFrequent !== undefined) {
    for (let cell = 0; cell < GRAM_BITS; cell++)
      if (isFrequent(cell)) bytes[HEADER_BYTES + (cell >>> 3)]! |= 1 << (cell & 7);
  }
  return bytes;
}
