/**
 * The part of the kernel that makes the record: prefix hashes, token hashes with their levels, trigram bitmap, and the
 * distinct tokens in order.
 */
import { constant, countUp, fourOf, lanes, loopWhile, when, type WasmFunction, type WasmModule } from './assembler.ts';
import { TOKEN_CELLS } from './frequency-table.ts';
import { powerOf, ROLL } from './hash.ts';
import { COUNTING, gramsAt, mixLanes, mixWord, packed } from './kernel-parts.ts';
import {
  BUCKET_BITS,
  COUNTS_AT,
  FLAGS_AT,
  HASHES_AT,
  LETTERS_AT,
  LEVELS_AT,
  POWERS_AT,
  POWERS_END,
  PREFIXES_AT,
  PRINT_AT,
  RECORD_AT,
  SORTED_AT,
  TOKEN_LEVELS_AT,
  TOKEN_STARTS_AT,
  TOKENS_AT,
} from './layout.ts';
import { BITMAP_BITS, BITMAP_WORDS } from './record.ts';

/** Bits of a token, `hash16 << 4 | level`. */
const TOKEN_BITS = 20;
/** Above each token. */
const TOKEN_END = 0x7fffffff;
const ZERO = fourOf(0);

/** prefixes(letterCount): the polynomial hashes of the first 1, 2 ... letters; that of none is 0 from the start. */
export function definePrefixes(module: WasmModule): WasmFunction {
  const f = module.define('prefixes', 1);
  const letterCount = f.param(0);
  const i = f.i32();
  const hash = f.v128();
  const before = f.v128();
  const zero = f.v128();
  // Letters a b c d: first each with the letter before it, then with the two before those, then with all before.
  return f.body([
    zero.set(ZERO),
    before.set(zero),
    countUp(
      i,
      0,
      letterCount,
      4,
      hash.set(i.shl(1).loadUnits(LETTERS_AT)),
      hash.set(hash.add(zero.shuffle(hash, [3, 4, 5, 6]).mul(fourOf(ROLL)))),
      hash.set(hash.add(zero.shuffle(hash, [2, 3, 4, 5]).mul(fourOf(powerOf(2))))),
      hash.set(hash.add(before.mul(lanes(ROLL, powerOf(2), powerOf(3), powerOf(4))))),
      i.shl(2).storeVector(PREFIXES_AT + 4, hash),
      before.set(hash.shuffle(hash, [3, 3, 3, 3])),
    ),
  ]);
}

/** tokens(tokenCount): hashes and tokens as they come, counted by bucket, and the hash of the text. */
export function defineTokens(module: WasmModule): WasmFunction {
  const f = module.define('tokens', 1);
  const tokenCount = f.param(0);
  const [i, end, start, length, power, hash] = [f.i32(), f.i32(), f.i32(), f.i32(), f.i32(), f.i32()] as const;
  const [hi, lo, cell, level, first, bucket] = [f.i32(), f.i32(), f.i32(), f.i32(), f.i32(), f.i32()] as const;
  const mixed = f.v128();
  const isOwn = first
    .sub(0x2e80)
    .ltU(0xa000 - 0x2e80)
    .or(first.sub(0xf900).ltU(0xfb00 - 0xf900));
  return f.body([
    end.set(tokenCount.shl(2)),
    start.set(0),
    countUp(
      i,
      0,
      end,
      4,
      length.set(i.load(TOKEN_STARTS_AT + 4).sub(start)),
      power.set(length.shl(2).load(POWERS_AT)),
      when(length.gtS(POWERS_END - 1), [power.set(1), countUp(cell, 0, length, 1, power.set(power.mul(ROLL)))]),
      hash.set(start.shl(2).load(PREFIXES_AT).mul(power)),
      start.set(start.add(length)),
      i.store(HASHES_AT, start.shl(2).load(PREFIXES_AT).sub(hash).xor(length)),
    ),
    countUp(i, 0, end, 16, mixed.set(i.loadVector(HASHES_AT)), mixLanes(mixed), i.storeVector(HASHES_AT, mixed)),
    hi.set(0x3c6ef372),
    lo.set(0x1f83d9ab),
    countUp(
      i,
      0,
      end,
      4,
      hash.set(i.load(HASHES_AT)),
      hi.set(hi.xor(hash).mul(0xcc9e2d51)),
      hi.set(hi.xor(hi.shrU(15))),
      lo.set(lo.add(hash).mul(0x1b873593)),
      lo.set(lo.xor(lo.shrU(13))),
      cell.set(hash.and(TOKEN_CELLS - 1)),
      level.set(cell.shrU(1).load8(LEVELS_AT).shrU(cell.and(1).shl(2)).and(15)),
      first.set(i.load(TOKEN_STARTS_AT).shl(1).load16(LETTERS_AT)),
      i.store(
        TOKENS_AT,
        hash
          .shrU(16)
          .shl(4)
          .or(level.or(isOwn.shl(4)).load8(TOKEN_LEVELS_AT)),
      ),
      bucket.set(hash.shrU(32 - BUCKET_BITS)),
      bucket.store8(COUNTS_AT, bucket.load8(COUNTS_AT).add(1)),
    ),
    lo.set(lo.xor(hi.mul(0x27d4eb2f))),
    hi.set(hi.xor(tokenCount)),
    mixWord(hi),
    mixWord(lo),
    constant(0).store(PRINT_AT, hi),
    constant(0).store(PRINT_AT + 4, lo),
  ]);
}

/** bitmap(letterCount): the trigram bitmap of the record. */
export function defineBitmap(module: WasmModule): WasmFunction {
  const f = module.define('bitmap', 1);
  const letterCount = f.param(0);
  const [i, end] = [f.i32(), f.i32()] as const;
  const [bits, number, last] = [f.v128(), f.v128(), f.v128()] as const;
  const zero = constant(0);
  const grams = gramsAt(i, PREFIXES_AT, 12, fourOf(powerOf(3)));
  // A byte a bit: setting bits in words would have each wait for the one before.
  return f.body([
    Array.from({ length: BITMAP_BITS / 16 }, (_, k) => zero.storeVector(FLAGS_AT + 16 * k, ZERO)),
    end.set(letterCount.sub(2).shl(2)),
    number.set(COUNTING),
    last.set(letterCount.sub(3).splat()),
    countUp(
      i,
      0,
      end,
      16,
      bits.set(grams),
      bits.set(bits.xor(bits.shrU(15)).mul(fourOf(0x2c1b3c6d)).shrU(24)),
      // What lies beyond the text sets flags that are no bits.
      bits.set(bits.or(number.gtS(last).and(fourOf(BITMAP_BITS)))),
      [0, 1, 2, 3].map((lane) => bits.lane(lane).store8(FLAGS_AT, 0xff)),
      number.set(number.add(fourOf(4))),
    ),
    Array.from({ length: 2 * BITMAP_WORDS }, (_, k) =>
      zero.store16(RECORD_AT + 2 * k, zero.loadVector(FLAGS_AT + 16 * k).bitmaskBytes()),
    ),
  ]);
}

/**
 * sort(tokenCount) -> distinct: the tokens, at most SORTED_MAX, distinct and ascending; of two with one 16-bit hash the
 * commoner one. Hashes are even, so most tokens alone in their bucket: what is left is a few neighbours.
 */
export function defineSort(module: WasmModule): WasmFunction {
  const f = module.define('sort', 1, true);
  const tokenCount = f.param(0);
  const [i, end, token, bucket, at, count, mask] = [
    f.i32(),
    f.i32(),
    f.i32(),
    f.i32(),
    f.i32(),
    f.i32(),
    f.i32(),
  ] as const;
  const [counts, sum, before, zero, disorder, tokens] = [
    f.v128(),
    f.v128(),
    f.v128(),
    f.v128(),
    f.v128(),
    f.v128(),
  ] as const;
  const upBy = (bytes: number): readonly number[] => Array.from({ length: 16 }, (_, k) => 16 - bytes + k);
  const lastByte = Array.from({ length: 16 }, () => 15);
  return f.body(
    [
      // How many tokens lie in the buckets before each.
      zero.set(ZERO),
      before.set(zero),
      Array.from({ length: 1 << (BUCKET_BITS - 4) }, (_, k) => [
        counts.set(constant(16 * k).loadVector(COUNTS_AT)),
        sum.set(counts.addBytes(zero.shuffleBytes(counts, upBy(1)))),
        sum.set(sum.addBytes(zero.shuffleBytes(sum, upBy(2)))),
        sum.set(sum.addBytes(zero.shuffleBytes(sum, upBy(4)))),
        sum.set(sum.addBytes(zero.shuffleBytes(sum, upBy(8)))),
        sum.set(sum.addBytes(before)),
        constant(16 * k).storeVector(COUNTS_AT, sum.subBytes(counts)),
        before.set(sum.shuffleBytes(sum, lastByte)),
      ]),
      end.set(tokenCount.shl(2)),
      countUp(
        i,
        0,
        end,
        4,
        token.set(i.load(TOKENS_AT)),
        bucket.set(token.shrU(TOKEN_BITS - BUCKET_BITS)),
        at.set(bucket.load8(COUNTS_AT)),
        bucket.store8(COUNTS_AT, at.add(1)),
        at.shl(2).store(SORTED_AT, token),
      ),
      constant(0).store(SORTED_AT - 4, -1),
      end.storeVector(SORTED_AT, fourOf(TOKEN_END)),
      disorder.set(zero),
      countUp(i, 0, end, 16, disorder.set(disorder.or(i.loadVector(SORTED_AT).gtS(i.loadVector(SORTED_AT + 4))))),
      when(
        disorder.anyTrue(),
        countUp(
          i,
          4,
          end,
          4,
          token.set(i.load(SORTED_AT)),
          at.set(i),
          loopWhile(at.load(SORTED_AT - 4).gtS(token), at.store(SORTED_AT, at.load(SORTED_AT - 4)), at.set(at.sub(4))),
          at.store(SORTED_AT, token),
        ),
      ),
      count.set(0),
      countUp(
        i,
        0,
        end.add(1),
        16,
        tokens.set(i.loadVector(SORTED_AT)),
        mask.set(
          tokens
            .shrU(4)
            .eq(i.loadVector(SORTED_AT - 4).shrU(4))
            .bitmask()
            .xor(15),
        ),
        count.storeVector(TOKENS_AT, packed(tokens, mask)),
        count.set(count.add(mask.popcnt().shl(2))),
      ),
    ],
    // One of those above each token was kept.
    count.shrU(2).sub(1),
  );
}

/** pack(count): the record's hashes and levels, of the distinct tokens, at most TOKENS_MAX. */
export function definePack(module: WasmModule): WasmFunction {
  const f = module.define('pack', 1);
  const count = f.param(0);
  const [i, end, levelsAt] = [f.i32(), f.i32(), f.i32()] as const;
  const levels = f.v128();
  const hashes = (offset: number) => i.loadVector(TOKENS_AT + offset).shrU(4);
  const level = (offset: number) => i.loadVector(TOKENS_AT + offset).and(fourOf(15));
  return f.body([
    end.set(count.shl(2)),
    end.storeVector(TOKENS_AT, ZERO),
    end.storeVector(TOKENS_AT + 16, ZERO),
    countUp(i, 0, end, 32, i.shrU(1).storeVector(RECORD_AT + 4 * BITMAP_WORDS, hashes(0).narrowTo16(hashes(16)))),
    levelsAt.set(count.add(1).shrU(1).shl(2)),
    countUp(
      i,
      0,
      end,
      32,
      levels.set(
        level(0)
          .mul(lanes(1, 1 << 4, 1 << 8, 1 << 12))
          .or(level(16).mul(lanes(1 << 16, 1 << 20, 1 << 24, 1 << 28))),
      ),
      levels.set(levels.or(levels.shuffle(levels, [2, 3, 0, 1]))),
      levels.set(levels.or(levels.shuffle(levels, [1, 0, 3, 2]))),
      levelsAt.store(RECORD_AT + 4 * BITMAP_WORDS, levels.lane(0)),
      levelsAt.set(levelsAt.add(4)),
    ),
  ]);
}
