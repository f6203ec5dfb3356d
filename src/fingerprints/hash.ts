/**
 * Integer hashing for fingerprints: everything is 32-bit arithmetic, so a hash is the same on every engine and machine.
 */

/** The 32-bit finaliser of MurmurHash3 (Austin Appleby, public domain): a bijection in which every input bit moves every output bit. */
export function mix32(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
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
  return (value >>> 0).toString(16).padStart(8, '0');
}
