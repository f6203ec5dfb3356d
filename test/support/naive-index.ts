/**
 * The window of text nodes as its contract says it, in maps and sorts: every node with a post later than t - window, and
 * of each key the 16 of smallest priority.
 */
import { ENTRY, entryBands, entryKeyCount, entryRecordAt, entryTokenCount } from '../../src/frames/entry.ts';
import { Similarity } from '../../src/fingerprints/similarity.ts';
import { NodeRing } from '../../src/windows/node-ring.ts';

export interface NaiveSettings {
  readonly windowMs: number;
  readonly hammingMax: number;
  readonly linkSimilarity: number;
  readonly idfNats: Float32Array;
  readonly secretHi: number;
}

export interface NaiveNode {
  readonly text: string;
  readonly words: Uint32Array;
  readonly priority: number;
  readonly firstPost: number;
  isRepeated: boolean;
  lastMs: number;
}

export interface NaiveMatch {
  readonly node: NaiveNode;
  readonly similarity: number;
  readonly families: number;
}

export function textOf(words: Uint32Array): string {
  return `${words[ENTRY.textHi]!}:${words[ENTRY.textLo]!}`;
}

export class NaiveIndex {
  readonly nodes = new Map<string, NaiveNode>();
  readonly #settings: NaiveSettings;
  readonly #similarity: Similarity;

  constructor(settings: NaiveSettings) {
    this.#settings = settings;
    this.#similarity = new Similarity(settings.idfNats);
  }

  advance(timeMs: number): void {
    for (const [text, node] of this.nodes) if (node.lastMs <= timeMs - this.#settings.windowMs) this.nodes.delete(text);
  }

  insert(words: Uint32Array, timeMs: number, firstPost: number): NaiveMatch[] {
    const { hammingMax, linkSimilarity, secretHi } = this.#settings;
    const families = new Map<NaiveNode, number>();
    for (const key of shingleKeys(words)) {
      for (const node of this.#bucket((other) => shingleKeys(other).includes(key))) families.set(node, 1);
    }
    if (entryBands(words, 0) !== 0) {
      for (const [band, value] of bands(words).entries()) {
        for (const node of this.#bucket((other) => bands(other)[band] === value)) {
          if (differingBits(simhash(node.words) ^ simhash(words)) <= hammingMax) {
            families.set(node, (families.get(node) ?? 0) | 2);
          }
        }
      }
    }
    const matches: NaiveMatch[] = [];
    for (const [node, found] of families) {
      const similarity = this.#similarity.compare(
        words,
        entryRecordAt(words, 0),
        entryTokenCount(words, 0),
        node.words,
        entryRecordAt(node.words, 0),
        entryTokenCount(node.words, 0),
      );
      if (similarity >= linkSimilarity) matches.push({ node, similarity, families: found });
    }
    const priority = priorityOf(words, secretHi);
    this.nodes.set(textOf(words), {
      text: textOf(words),
      words: words.slice(),
      priority,
      firstPost,
      isRepeated: false,
      lastMs: timeMs,
    });
    return matches;
  }

  #bucket(holds: (words: Uint32Array) => boolean): NaiveNode[] {
    const all = Array.from(this.nodes.values()).filter((node) => holds(node.words));
    return all.sort((a, b) => a.priority - b.priority).slice(0, 16);
  }
}

function priorityOf(words: Uint32Array, secretHi: number): number {
  const ring = new NodeRing(1, 1000, 1000, secretHi, false);
  const slot = ring.append(
    words[ENTRY.textHi]!,
    words[ENTRY.textLo]!,
    0,
    words,
    entryRecordAt(words, 0),
    entryTokenCount(words, 0),
  );
  return ring.priority(slot);
}

function shingleKeys(words: Uint32Array): number[] {
  return Array.from(words.subarray(ENTRY.keys, ENTRY.keys + entryKeyCount(words, 0)));
}

function simhash(words: Uint32Array): bigint {
  return (BigInt(words[ENTRY.simHi]!) << 32n) | BigInt(words[ENTRY.simLo]!);
}

function bands(words: Uint32Array): bigint[] {
  const value = simhash(words);
  return [0n, 21n, 42n].map((shift) => (value >> shift) & 0x1fffffn);
}

function differingBits(value: bigint): number {
  return value.toString(2).replaceAll('0', '').length;
}
