import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hashLetters, hashStrings, hex32, hex64, mix32, mixInt, powerOf } from '../../src/fingerprints/hash.ts';
import { Random } from '../../src/simulate/random.ts';

/** MurmurHash3_x86_32 around the finaliser under test, so that its published vectors can be used. */
function murmur3(key: string, seed: number): number {
  const bytes = Buffer.from(key, 'utf8');
  const rotated = (word: number, by: number): number => (word << by) | (word >>> (32 - by));
  const scrambled = (block: number): number => Math.imul(rotated(Math.imul(block, 0xcc9e2d51), 15), 0x1b873593);
  let h = seed | 0;
  const blocks = Math.floor(bytes.length / 4);
  for (let i = 0; i < blocks; i++) {
    h = (Math.imul(rotated(h ^ scrambled(bytes.readInt32LE(4 * i)), 13), 5) + 0xe6546b64) | 0;
  }
  let tail = 0;
  for (let i = bytes.length - 1; i >= 4 * blocks; i--) tail = (tail << 8) | bytes[i]!;
  if (tail !== 0) h ^= scrambled(tail);
  return mix32(h ^ bytes.length);
}

describe('mix32', () => {
  test.each([
    ['', 0, 0],
    ['', 1, 0x514e28b7],
    ['', 0xffffffff, 0x81f16f39],
    ['test', 0, 0xba6bd213],
    ['test', 0x9747b28c, 0x704b81dc],
    ['Hello, world!', 0, 0xc0363e43],
    ['Hello, world!', 0x9747b28c, 0x24884cba],
    ['The quick brown fox jumps over the lazy dog', 0, 0x2e4ff723],
    ['The quick brown fox jumps over the lazy dog', 0x9747b28c, 0x2fa826cd],
  ])('is the finaliser of MurmurHash3: %j with seed %i', (key, seed, hash) => {
    expect(murmur3(key, seed)).toBe(hash);
  });

  test('every input bit moves every output bit in about half of the words', () => {
    const random = new Random(1);
    const words = 4000;
    const moved = new Uint32Array(32 * 32);
    for (let i = 0; i < words; i++) {
      const word = random.word();
      for (let input = 0; input < 32; input++) {
        const change = mix32(word) ^ mix32(word ^ (1 << input));
        for (let output = 0; output < 32; output++) moved[32 * input + output]! += (change >>> output) & 1;
      }
    }
    // Six standard deviations of 4,000 coins.
    for (const count of moved) expect(Math.abs(count / words - 0.5)).toBeLessThan(0.048);
  });
});

describe('the hash of letters', () => {
  const letters = fc.array(fc.nat(0xffff), { maxLength: 40 });

  test('is the polynomial of its docstring', () => {
    fc.assert(
      fc.property(letters, fc.nat(40), fc.nat(40), (all, a, b) => {
        const [start, end] = [Math.min(a, b, all.length), Math.min(Math.max(a, b), all.length)];
        let sum = 0n;
        for (let i = start; i < end; i++) sum += BigInt(all[i]!) * 0x01000193n ** BigInt(end - 1 - i);
        expect(BigInt(hashLetters(Uint16Array.from(all), start, end))).toBe(BigInt.asIntN(32, sum));
      }),
    );
  });

  test('of a part follows from those of two prefixes', () => {
    fc.assert(
      fc.property(letters, fc.nat(40), (all, cut) => {
        const start = Math.min(cut, all.length);
        const units = Uint16Array.from(all);
        const [whole, prefix] = [hashLetters(units, 0, all.length), hashLetters(units, 0, start)];
        expect((whole - Math.imul(prefix, powerOf(all.length - start))) | 0).toBe(
          hashLetters(units, start, all.length),
        );
      }),
    );
  });
});

describe('hashStrings', () => {
  test('is the same on every machine', () => {
    const { hi, lo } = hashStrings('example', 'p1');
    expect(hex64(hi, lo)).toBe('d1f149c61f1a74a5');
  });

  test('tells where one string ends and the next begins', () => {
    const parts = fc.array(fc.string({ maxLength: 6 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        const same = JSON.stringify(a) === JSON.stringify(b);
        const [x, y] = [hashStrings(...a), hashStrings(...b)];
        expect(x.hi === y.hi && x.lo === y.lo).toBe(same);
      }),
    );
    expect(hashStrings('ab', 'c')).not.toEqual(hashStrings('a', 'bc'));
    expect(hashStrings('ab', '')).not.toEqual(hashStrings('ab'));
    expect(hashStrings('', 'ab')).not.toEqual(hashStrings('ab', ''));
  });

  test('ids that count up collide in 32 bits as often as chance has it, in 64 never', () => {
    const count = 100_000;
    const halves = [new Set<number>(), new Set<number>()];
    const wholes = new Set<string>();
    for (let i = 0; i < count; i++) {
      const { hi, lo } = hashStrings('example', String(1_700_000_000_000 + i));
      halves[0]!.add(hi);
      halves[1]!.add(lo);
      wholes.add(hex64(hi, lo));
    }
    expect(wholes.size).toBe(count);
    // 1.2 collisions are expected.
    for (const half of halves) expect(count - half.size).toBeLessThan(8);
  });
});

describe('hexadecimal digits', () => {
  test('are those of the word', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffffff }), (word) => {
        expect(hex32(word)).toBe(word.toString(16).padStart(8, '0'));
        expect(hex32(word | 0)).toBe(hex32(word));
        expect(mixInt(word) >>> 0).toBe(mix32(word));
      }),
    );
  });

  test('keep leading zeros and take negative words for what they are', () => {
    expect(hex32(0xab)).toBe('000000ab');
    expect(hex32(-1)).toBe('ffffffff');
    expect(hex64(1, 0x80000000)).toBe('0000000180000000');
  });
});
