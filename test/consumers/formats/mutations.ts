/** Ways to spoil a record: as text (characters, spans) and as JSON (names, types, places). Seeded. */

/** An integer from 0 to `below` - 1. */
export type RandomInteger = (below: number) => number;

/** Mulberry32. */
export function seededIntegers(seed: number): RandomInteger {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}

const LONE_SURROGATE = /[\uD800-\uDFFF]/gu;

type Mutation = (record: string, random: RandomInteger, records: readonly string[]) => string;

/** One of the records, spoilt in one to four ways. */
export function mutate(
  records: readonly string[],
  random: RandomInteger,
  more: readonly ((record: string, random: RandomInteger) => string)[],
): string {
  let record = pick(records, random);
  const all: readonly Mutation[] = [...ON_JSON, ...ON_JSON, ...ON_JSON, ...ON_TEXT, ...more];
  for (let left = 1 + random(4); left > 0; left--) record = pick(all, random)(record, random, records);
  // Records are decoded from UTF-8, in which a lone surrogate can be an escape only.
  return record.replaceAll(LONE_SURROGATE, '\ufffd');
}

function pick<T>(list: readonly T[], random: RandomInteger): T {
  return list[random(list.length)]!;
}

/** Two positions in order, near to each other. */
function span(text: string, random: RandomInteger): [number, number] {
  const start = random(text.length + 1);
  return [start, Math.min(text.length, start + random(20))];
}

const TOKENS = [
  '"',
  '\\',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  'null',
  '\\u0000',
  '\\ud800',
  '\\udc00',
  '&amp;',
  '&#0;',
  '<a href="',
  '</p>',
];
const MORE_TOKENS = [
  '99999999999999999999',
  '9007199254740993',
  '-1',
  '1e999',
  '0.5',
  '\n',
  ' ',
  '\u2028',
  '\ufeff',
  '…',
  '😀',
  '\u0000',
];

const ON_TEXT: readonly Mutation[] = [
  function flipBit(text, random) {
    const at = random(text.length);
    const flipped = String.fromCharCode(text.charCodeAt(at) ^ (1 << random(7)));
    return text.slice(0, at) + flipped + text.slice(at + 1);
  },
  (text, random) => text.slice(0, random(text.length + 1)),
  function dropSpan(text, random) {
    const [start, end] = span(text, random);
    return text.slice(0, start) + text.slice(end);
  },
  function repeatSpan(text, random) {
    const [start, end] = span(text, random);
    return text.slice(0, end) + text.slice(start);
  },
  function insertToken(text, random) {
    const at = random(text.length + 1);
    return text.slice(0, at) + pick([...TOKENS, ...MORE_TOKENS], random) + text.slice(at);
  },
  function spliceOther(text, random, records) {
    const other = pick(records, random);
    return text.slice(0, random(text.length + 1)) + other.slice(random(other.length + 1));
  },
  function changeDigits(text, random) {
    const at = text.search(/\d{4}/);
    const start = at < 0 ? 0 : at;
    const from = text.indexOf(String(random(10)), start + random(Math.max(1, text.length - start)));
    return from < 0 ? text : text.slice(0, from) + String(random(1_000_000_000)) + text.slice(from + 1);
  },
];

const PATHOLOGICAL = 20_000;

const OTHER_TYPES = [null, true, false, 0, -1, 1.5, 1e300, 2 ** 53 + 2];
const OTHER_TEXTS = ['', ' ', 'x', '0', '@', 'https://', '__proto__', '\0', '\ud800', '2026-02-30T00:00:00Z'];

function junk(random: RandomInteger): unknown {
  switch (random(8)) {
    case 0:
      return pick<unknown>([[], {}, [null], [[]], ['x'], [0], { id: 1 }, { uri: 'x' }], random);
    case 1:
      return random(2) === 0 ? random(2 ** 31) : String(random(2 ** 31));
    case 2:
      return pick(['é', '<p>', '&'], random).repeat(random(600));
    case 3:
    case 4:
      return pick(OTHER_TEXTS, random);
    default:
      return pick(OTHER_TYPES, random);
  }
}

/** Long runs of what makes careless scanners slow; rare, as each costs as much as a thousand others. */
function longJunk(random: RandomInteger): string {
  return pick(
    ['<a>', '<b>', '</b>', '&', 'https://', '.', '\n', '\\', '@a', 'RT ', '<!--', '"', '{', ' '],
    random,
  ).repeat(PATHOLOGICAL);
}

/** A place in a tree: the value under `key` of `holder`. */
interface Place {
  readonly holder: Record<string, unknown>;
  readonly key: string;
}

function placesIn(value: unknown, places: Place[]): Place[] {
  if (typeof value !== 'object' || value === null) return places;
  const holder = value as Record<string, unknown>;
  for (const key of Object.keys(holder)) {
    places.push({ holder, key });
    placesIn(holder[key], places);
  }
  return places;
}

/** Changes a tree in place; the record stays what it is where it is no JSON. */
function onTree(
  change: (places: readonly Place[], random: RandomInteger, records: readonly string[]) => void,
): Mutation {
  const mutation: Mutation = (record, random, records) => {
    let root: { root: unknown };
    try {
      root = { root: JSON.parse(record) as unknown };
    } catch {
      return record;
    }
    const places = placesIn(root.root, []);
    if (places.length === 0) return record;
    const nested = places.filter(({ holder, key }) => typeof holder[key] === 'string' && /^\s*\{/.test(holder[key]));
    if (nested.length > 0 && random(2) === 0) {
      const { holder, key } = pick(nested, random);
      holder[key] = mutation(holder[key] as string, random, records);
    } else change(places, random, records);
    return JSON.stringify(root.root);
  };
  return mutation;
}

const ON_JSON: readonly Mutation[] = [
  onTree((places, random) => {
    const { holder, key } = pick(places, random);
    holder[key] = random(200) === 0 ? longJunk(random) : junk(random);
  }),
  onTree((places, random) => {
    const { holder, key } = pick(places, random);
    delete holder[key];
  }),
  onTree((places, random) => {
    const [one, other] = [pick(places, random), pick(places, random)];
    const value = structuredClone(other.holder[other.key]);
    other.holder[other.key] = structuredClone(one.holder[one.key]);
    one.holder[one.key] = value;
  }),
  onTree((places, random) => {
    const { holder, key } = pick(places, random);
    const value = holder[key];
    delete holder[key];
    holder[pick(places, random).key] = value;
  }),
  onTree((places, random) => {
    const { holder, key } = pick(places, random);
    holder[key] = random(2) === 0 ? [holder[key]] : { [pick(places, random).key]: holder[key] };
  }),
  onTree((places, random, records) => {
    const { holder, key } = pick(places, random);
    try {
      const others = placesIn(JSON.parse(pick(records, random)), []);
      const other = others.find((candidate) => candidate.key === key) ?? pick(others, random);
      holder[key] = other.holder[other.key];
    } catch {
      holder[key] = null;
    }
  }),
];
