/**
 * How close together the accounts of a campaign were made, against what is to be expected.
 *
 * What is to be expected is the feed's own distribution of creation dates, as `chorus train` learns it; without it, that
 * accounts were made evenly over the ten years before the campaign, which no real platform does and which the alert says.
 */
import { ConfigError } from '../errors.ts';
import type { AlertCreation } from '../model.ts';
import { rounded } from './explanations.ts';

const DAY_MS = 86_400_000;
/** Stretches that are looked at: a day, a week, a month, a quarter. */
const STRETCHES_DAYS = [1, 7, 30, 90] as const;
/** Fewer known dates say nothing. */
const KNOWN_MIN = 5;
const NEUTRAL_DAYS = 3652;

/** Accounts of a feed by the month in which they were made. */
export interface CreationBaseline {
  readonly schema: 'chorus.creation.v1';
  /** "2021-03" -> accounts, in order. */
  readonly months: Readonly<Record<string, number>>;
}

/** @throws ConfigError for a value of another shape. @param name of the setting @param path of the file */
export function checkedBaseline(value: unknown, name: string, path: string): CreationBaseline {
  const { schema, months } = (value ?? {}) as Partial<CreationBaseline>;
  const isMonths =
    typeof months === 'object' &&
    months !== null &&
    Object.keys(months).length > 0 &&
    Object.entries(months).every(
      ([month, count]) => /^\d{4}-(?:0[1-9]|1[0-2])$/.test(month) && Number.isSafeInteger(count) && count > 0,
    );
  if (schema !== 'chorus.creation.v1' || !isMonths) {
    throw new ConfigError([{ name, value: path, bound: 'a file made by "chorus train --creation-out"' }]);
  }
  return value as CreationBaseline;
}

/** Share of the expected accounts that were made in `days` days from a day on. */
export type Expectation = (fromDay: number, days: number) => number;

export function expectationOf({ months }: CreationBaseline): Expectation {
  const spans = Object.entries(months)
    .map(([month, count]) => {
      const [year, number] = month.split('-').map(Number) as [number, number];
      return { from: Date.UTC(year, number - 1) / DAY_MS, to: Date.UTC(year, number) / DAY_MS, count };
    })
    .sort((a, b) => a.from - b.from);
  const total = spans.reduce((sum, { count }) => sum + count, 0);
  return (fromDay, days) => {
    let inside = 0;
    for (const { from, to, count } of spans) {
      const overlap = Math.min(to, fromDay + days) - Math.max(from, fromDay);
      if (overlap > 0) inside += (count * overlap) / (to - from);
    }
    return inside / total;
  };
}

/**
 * @param createdMs creation dates of the campaign's accounts, those that are known, in any order
 * @param expectation undefined for the neutral one
 * @returns undefined for fewer than five dates
 */
export function creationOf(
  createdMs: Iterable<number>,
  expectation: Expectation | undefined,
): AlertCreation | undefined {
  const days = Float64Array.from(createdMs, (ms) => Math.floor(ms / DAY_MS)).sort();
  if (days.length < KNOWN_MIN) return undefined;
  let best: { concentration: number; days: number; from: number; count: number; expected: number } | undefined;
  for (const length of STRETCHES_DAYS) {
    const { from, count } = densest(days, length);
    const expected = expectation === undefined ? length / NEUTRAL_DAYS : Math.min(1, expectation(from, length));
    const concentration = excess(count, days.length, expected);
    if (best === undefined || concentration > best.concentration) {
      best = { concentration, days: length, from, count, expected };
    }
  }
  const { concentration, from, count, expected } = best!;
  const date = new Date(from * DAY_MS).toISOString().slice(0, 10);
  const against =
    expectation === undefined
      ? `if accounts were made evenly over ten years (no distribution of this feed was given), it would be ${percent(expected)}`
      : `of the accounts of this feed it is ${percent(expected)}`;
  const stretch = best!.days === 1 ? `on ${date}` : `within ${best!.days} days from ${date}`;
  return {
    knownCount: days.length,
    concentration: rounded(concentration),
    within: { days: best!.days, accountCount: count, from: date },
    meaning: `${count} of ${days.length} accounts with a known creation date were made ${stretch}, ${percent(count / days.length)}; ${against}`,
  };
}

function densest(days: Float64Array, length: number): { from: number; count: number } {
  let best = { from: days[0]!, count: 0 };
  for (let first = 0, end = 0; first < days.length; first++) {
    while (end < days.length && days[end]! < days[first]! + length) end++;
    if (end - first > best.count) best = { from: days[first]!, count: end - first };
  }
  return best;
}

/**
 * The part of the accounts that is more than chance explains: beyond the expected number and two standard deviations. The first
 * account of a stretch is no evidence, since the stretch was laid to begin with it.
 */
function excess(count: number, known: number, share: number): number {
  const others = known - 1;
  const expected = others * share;
  const chance = 2 * Math.sqrt(expected * (1 - share));
  const room = others - expected;
  return room <= 0 ? 0 : Math.max(0, (count - 1 - expected - chance) / room);
}

function percent(share: number): string {
  const tenths = Math.round(share * 1000) / 10;
  return tenths === 0 && share > 0 ? 'less than 0.1 %' : `${tenths} %`;
}
