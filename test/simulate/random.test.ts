import { expect, test } from 'vitest';
import { Random, scramble } from '../../src/simulate/random.ts';

test('scramble is the MurmurHash3 finaliser', () => {
  expect(scramble(0)).toBe(0);
  expect(scramble(1)).toBe(0x514e28b7);
  const images = new Set(Array.from({ length: 100_000 }, (_, word) => scramble(word)));
  expect(images.size).toBe(100_000);
});

test('a seed means one stream, and both of its halves count', () => {
  const stream = (seed: number) =>
    Array.from(
      { length: 8 },
      (
        (random) => () =>
          random.word()
      )(new Random(seed)),
    );
  expect(stream(7)).toEqual(stream(7));
  const seeds = [0, 1, -1, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1];
  expect(new Set(seeds.map((seed) => stream(seed).join())).size).toBe(seeds.length);
});

test('words follow sfc32, written here with big integers', () => {
  const random = new Random(42);
  const words = Array.from({ length: 2000 }, () => BigInt(random.word()));
  const mask = 0xffff_ffffn;
  // The state cannot be set from outside, so the twin fills it as the seed does.
  let a = BigInt(scramble(42 ^ 0x9e3779b9));
  let b = BigInt(scramble((Number(a) | 0) + 0x9e3779b9));
  let c = BigInt(scramble((Number(b) | 0) + 0x9e3779b9));
  let counter = 1n;
  const twin: bigint[] = [];
  for (let round = 0; round < 2012; round += 1) {
    const result = (a + b + counter) & mask;
    counter = (counter + 1n) & mask;
    a = b ^ (b >> 9n);
    b = (c + (c << 3n)) & mask;
    c = ((((c << 21n) | (c >> 11n)) & mask) + result) & mask;
    if (round >= 12) twin.push(result);
  }
  expect(words).toEqual(twin);
});

test('draws are even and stay below their bound', () => {
  const random = new Random(5);
  const counts = Array.from({ length: 10 }, () => 0);
  for (let draw = 0; draw < 100_000; draw += 1) counts[random.below(10)]! += 1;
  // Five standard deviations of a binomial with p = .1.
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(475);
  for (let draw = 0; draw < 1000; draw += 1) {
    expect(random.below(2 ** 31)).toBeLessThan(2 ** 31);
    expect(random.between(3, 5)).toSatisfy((value: number) => value >= 3 && value <= 5);
    expect(random.fraction()).toBeLessThan(1);
  }
  expect(random.chance(0)).toBe(false);
  expect(random.chance(1000)).toBe(true);
});

test('a shuffle keeps every item and leaves the list given alone', () => {
  const list = Array.from({ length: 50 }, (_, item) => item);
  const shuffled = new Random(1).shuffled(list);
  expect(shuffled).not.toEqual(list);
  expect(shuffled.toSorted((one, other) => one - other)).toEqual(list);
  expect(list[49]).toBe(49);
});

test('pickEarly prefers the front', () => {
  const random = new Random(2);
  const counts = Array.from({ length: 4 }, () => 0);
  for (let draw = 0; draw < 10_000; draw += 1) counts[random.pickEarly([0, 1, 2, 3])]! += 1;
  expect(counts).toEqual(counts.toSorted((one, other) => other - one));
  expect(counts[3]).toBeGreaterThan(300);
});
