/**
 * The part of the kernel that chooses the shingle keys (shingles.ts): of the word bigrams and of the character 8-grams the
 * smallest ranks that are rare in the frequency table.
 */
import {
  constant,
  countUp,
  fourOf,
  lanes,
  leave,
  loopWhile,
  when,
  type I32,
  type V128,
  type WasmFunction,
  type WasmModule,
} from './assembler.ts';
import { GRAM_BITS } from './frequency-table.ts';
import { powerOf } from './hash.ts';
import { COUNTING, gramsAt, mixLanes, packed } from './kernel-parts.ts';
import {
  BIGRAM_RANKS_AT,
  CHARACTER_RANKS_AT,
  FREQUENT_AT,
  GRAMS_AT,
  HASHES_AT,
  KEYS_AT,
  ORDER_AT,
  PREFIXES_AT,
  PRINT_AT,
  RANKS_AT,
} from './layout.ts';
import {
  BIGRAM_FACTOR,
  GRAM_LENGTH,
  KEY_KIND,
  KEYS_MIN,
  KEYS_PER_KIND,
  kindMark,
  RANK_END,
  SHINGLE_KEYS_MAX,
} from './shingles.ts';

/** N-grams of a kind whose table entries are looked up at first: enough for three rare ones in nearly every text. */
const GATHERED = 14;

/** gather(count, rankEnd) -> kept: n-grams of a kind, and their ranks, that rank below `rankEnd`. */
function defineGather(module: WasmModule, name: string, gramsFrom: (at: I32) => V128): WasmFunction {
  const f = module.define(name, 2, true);
  const [count, rankEnd] = [f.param(0), f.param(1)] as const;
  const [i, end, kept, mask] = [f.i32(), f.i32(), f.i32(), f.i32()] as const;
  const [a, b, grams, ranks] = [f.v128(), f.v128(), f.v128(), f.v128()] as const;
  const [number, numberEnd, below] = [f.v128(), f.v128(), f.v128()] as const;
  return f.body(
    [
      a.set(constant(0).load(ORDER_AT).splat()),
      b.set(
        constant(0)
          .load(ORDER_AT + 4)
          .splat(),
      ),
      below.set(rankEnd.splat()),
      numberEnd.set(count.splat()),
      number.set(COUNTING),
      end.set(count.shl(2)),
      kept.set(0),
      countUp(
        i,
        0,
        end,
        16,
        grams.set(gramsFrom(i)),
        ranks.set(grams.xor(a).mul(b)),
        ranks.set(ranks.xor(ranks.shrU(15)).mul(fourOf(0x2c1b3c6d)).xor(ranks.shrU(13)).shrU(1)),
        mask.set(below.gtS(ranks).and(numberEnd.gtS(number)).bitmask()),
        kept.storeVector(GRAMS_AT, packed(grams, mask)),
        kept.storeVector(RANKS_AT, packed(ranks, mask)),
        kept.set(kept.add(mask.popcnt().shl(2))),
        number.set(number.add(fourOf(4))),
      ),
      // `smallest` reads sixteen at a time.
      [0, 16, 32, 48].map((offset) => kept.storeVector(RANKS_AT + offset, fourOf(RANK_END))),
    ],
    kept.shrU(2),
  );
}

/**
 * smallest(count, wanted, frequent, ranksAt) -> found: of the n-grams gathered the smallest distinct ranks, ascending, of
 * those that are rare, or frequent if `frequent` is -1 and not 0.
 */
function defineSmallest(module: WasmModule): WasmFunction {
  const f = module.define('smallest', 4, true);
  const [count, wanted, frequent, ranksAt] = [f.param(0), f.param(1), f.param(2), f.param(3)] as const;
  const [i, end, found] = [f.i32(), f.i32(), f.i32()] as const;
  const [grams, bytes, bits, wrong] = [f.v128(), f.v128(), f.v128(), f.v128()] as const;
  const [floor, least, unseen] = [f.v128(), f.v128(), f.v128()] as const;
  const tableByte = (lane: number): I32 => grams.lane(lane).load8(FREQUENT_AT);
  return f.body(
    [
      end.set(count.shl(2)),
      wrong.set(frequent.splat()),
      // The table is larger than the cache: its look-ups do not wait for one another, nor for a comparison.
      countUp(
        i,
        0,
        end,
        16,
        grams.set(i.loadVector(GRAMS_AT)),
        mixLanes(grams),
        // Bit 0 .. 7 of the lowest byte; the indices of the others are out of range.
        bits.set(lanes(0x08040201, 0x80402010, 0, 0).swizzle(grams.and(fourOf(7)).or(fourOf(~0xff)))),
        grams.set(grams.and(fourOf(GRAM_BITS - 1)).shrU(3)),
        bytes.set(tableByte(0).splat()),
        [1, 2, 3].map((lane) => bytes.set(bytes.withLane(lane, tableByte(lane)))),
        // All ones for what is looked for.
        bits.set(bytes.and(bits).eq(fourOf(0)).xor(wrong)),
        i.storeVector(RANKS_AT, i.loadVector(RANKS_AT).or(fourOf(RANK_END).andNot(bits))),
      ),
      found.set(0),
      floor.set(fourOf(0)),
      loopWhile(
        found.ltS(wanted),
        // Ranks below the floor were taken already: less the floor they become the largest of unsigned numbers.
        least.set(fourOf(RANK_END).sub(floor)),
        countUp(
          i,
          0,
          end,
          64,
          [0, 16, 32, 48].map((offset) => least.set(least.minU(i.loadVector(RANKS_AT + offset).sub(floor)))),
        ),
        least.set(least.minU(least.shuffle(least, [2, 3, 0, 1]))),
        least.set(least.minU(least.shuffle(least, [1, 0, 3, 2]))),
        unseen.set(least.add(floor)),
        when(unseen.lane(0).eq(RANK_END), leave(found)),
        ranksAt.add(found.shl(2)).store(0, unseen.lane(0)),
        floor.set(unseen.add(fourOf(1))),
        found.set(found.add(1)),
      ),
    ],
    found,
  );
}

/** choose(grams, wanted) -> found: the smallest rare ranks of a kind. */
function defineChoose(
  module: WasmModule,
  name: string,
  gather: WasmFunction,
  smallest: WasmFunction,
  ranksAt: number,
): WasmFunction {
  const f = module.define(name, 2, true);
  const [grams, wanted] = [f.param(0), f.param(1)] as const;
  const [rankEnd, found] = [f.i32(), f.i32()] as const;
  // Of many n-grams only the lower ranks are looked up; if too few of them are rare, all are.
  return f.body(
    [
      when(grams.ltS(1), leave(0)),
      rankEnd.set(RANK_END),
      when(grams.gtS(GATHERED), rankEnd.set(constant(RANK_END).divU(grams).mul(GATHERED))),
      found.set(smallest.call(gather.call(grams, rankEnd), wanted, 0, ranksAt)),
      when(found.eq(wanted).or(rankEnd.eq(RANK_END)), leave(found)),
    ],
    smallest.call(gather.call(grams, RANK_END), wanted, 0, ranksAt),
  );
}

/** keys(letterCount, tokenCount) -> count: the text's keys. */
export function defineKeys(module: WasmModule): WasmFunction {
  const gatherBigrams = defineGather(module, 'gatherBigrams', (at) =>
    at
      .loadVector(HASHES_AT)
      .mul(fourOf(BIGRAM_FACTOR))
      .add(at.loadVector(HASHES_AT + 4)),
  );
  const gatherCharacters = defineGather(module, 'gatherCharacters', (at) =>
    gramsAt(at, PREFIXES_AT, 4 * GRAM_LENGTH, fourOf(powerOf(GRAM_LENGTH))),
  );
  const smallest = defineSmallest(module);
  const chooseBigrams = defineChoose(module, 'chooseBigrams', gatherBigrams, smallest, BIGRAM_RANKS_AT);
  const chooseCharacters = defineChoose(module, 'chooseCharacters', gatherCharacters, smallest, CHARACTER_RANKS_AT);

  const f = module.define('keys', 2, true);
  const [letterCount, tokenCount] = [f.param(0), f.param(1)] as const;
  const [bigrams, characters, count] = [f.i32(), f.i32(), f.i32()] as const;
  const keys = f.v128();
  const secret = constant(0).load(ORDER_AT);
  /** Writes eight keys from `ranksAt` after the `before` first ones: those too many are written over, or do not count. */
  const write = (before: I32, ranksAt: number, kind: number) =>
    [0, 16].flatMap((offset) => [
      keys.set(
        constant(0)
          .loadVector(ranksAt + offset)
          .xor(secret.xor(kindMark(kind)).splat()),
      ),
      mixLanes(keys),
      before.shl(2).storeVector(KEYS_AT + offset, keys.shrU(1)),
    ]);
  return f.body(
    [
      bigrams.set(chooseBigrams.call(tokenCount.sub(1), KEYS_PER_KIND)),
      characters.set(chooseCharacters.call(letterCount.sub(GRAM_LENGTH - 1), constant(SHINGLE_KEYS_MAX).sub(bigrams))),
      count.set(bigrams.add(characters)),
      when(
        count.ltS(SHINGLE_KEYS_MAX).and(bigrams.eq(KEYS_PER_KIND)),
        bigrams.set(chooseBigrams.call(tokenCount.sub(1), constant(SHINGLE_KEYS_MAX).sub(characters))),
        count.set(bigrams.add(characters)),
      ),
      write(constant(0), BIGRAM_RANKS_AT, KEY_KIND.bigram),
      write(bigrams, CHARACTER_RANKS_AT, KEY_KIND.characters),
      when(
        count.ltS(KEYS_MIN).and(tokenCount.gtS(1)),
        bigrams.set(
          smallest.call(
            gatherBigrams.call(tokenCount.sub(1), RANK_END),
            constant(KEYS_MIN).sub(count),
            -1,
            BIGRAM_RANKS_AT,
          ),
        ),
        write(count, BIGRAM_RANKS_AT, KEY_KIND.bigram),
        count.set(count.add(bigrams)),
      ),
      // One short word has no n-gram: it is filed under itself, so that its repeats still have one place.
      when(
        count.eq(0),
        constant(0).store(
          BIGRAM_RANKS_AT,
          constant(0)
            .load(PRINT_AT + 4)
            .shrU(1),
        ),
        write(count, BIGRAM_RANKS_AT, KEY_KIND.wholeText),
        count.set(1),
      ),
    ],
    count,
  );
}
