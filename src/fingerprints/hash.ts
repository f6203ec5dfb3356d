/**
 * Integer hashing for fingerprints: everything is 32-bit arithmetic, so a hash is the same on every engine and machine.
 */

/** The 32-bit finaliser of MurmurHash3 (Austin Appleby, public domain): a bijection in which every input bit moves every output bit. */
export function mix32(value: number): number {
  return mixInt(value) >>> 0;
}

/** The same 32 bits as a signed integer: what loops use, since unsigned ones above 2^31 are floating point to the engine. */
export function mixInt(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** Two independent 32-bit halves of one 64-bit hash. */
export interface Hash64 {
  readonly hi: number;
  readonly lo: number;
}

/** 64-bit hash of UTF-16 strings, each ended by a unit that no string contains alone, so ("ab", "c") differs from ("a", "bc"). */
export function hashStrings(...parts: readonly string[]): Hash64 {
  let a = 0x9e3779b9;
  let b = 0x7f4a7c15;
  for (const part of parts) {
    for (let i = 0; i < part.length; i++) {
      const unit = part.charCodeAt(i);
      a = Math.imul(a ^ unit, 0xcc9e2d51);
      a ^= a >>> 15;
      b = Math.imul(b + unit, 0x1b873593);
      b ^= b >>> 13;
    }
    a = Math.imul(a ^ 0x10000 ^ part.length, 0xcc9e2d51);
    b = Math.imul(b + 0x10000 + part.length, 0x1b873593);
  }
  return { hi: mix32(a ^ (b >>> 7)), lo: mix32(b + Math.imul(a, 0x27d4eb2f)) };
}

/** 16 lower-case hexadecimal digits. */
export function hex64(hi: number, lo: number): string {
  return hex32(hi) + hex32(lo);
}

export function hex32(value: number): string {
  return HEX[value >>> 24]! + HEX[(value >>> 16) & 0xff]! + HEX[(value >>> 8) & 0xff]! + HEX[value & 0xff]!;
}

/** Two digits of each byte: four look-ups are five times as fast as `toString(16).padStart(8, '0')`. */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Base of the polynomial hash of letters: Fowler, Noll and Vo's prime. */
export const ROLL = 0x01000193;

/** ROLL to the power of `exponent`, modulo 2^32. */
export function powerOf(exponent: number): number {
  let power = 1;
  for (let i = 0; i < exponent; i++) power = Math.imul(power, ROLL);
  return power;
}

/** Polynomial hash of `letters[start .. end)`: the sum of each letter times ROLL to the power of the letters after it. */
export function hashLetters(letters: Uint16Array, start: number, end: number): number {
  let hash = 0;
  for (let i = start; i < end; i++) hash = (Math.imul(hash, ROLL) + letters[i]!) | 0;
  return hash;
}
