/** Numbers, times and lengths of time in the words of the pages. UTC throughout; no locale, so that pages are the same everywhere. */

const UNITS: readonly (readonly [string, number])[] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
];

export function number(count: number): string {
  return String(count).replaceAll(/\B(?=(\d{3})+$)/g, ',');
}

export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${number(count)} ${count === 1 ? noun : plural}`;
}

/** Below 1 % is not none, and above 99 % not all. */
export function percent(share: number): string {
  const whole = Math.round(share * 100);
  if (whole === 0 && share > 0) return 'under 1%';
  if (whole === 100 && share < 1) return 'over 99%';
  return `${whole}%`;
}

export function dateOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

export function timeOf(ms: number): string {
  return new Date(ms).toISOString().slice(11, 19);
}

export function minuteOf(ms: number): string {
  return `${dateOf(ms)} ${timeOf(ms).slice(0, 5)}`;
}

export function momentOf(ms: number): string {
  return `${dateOf(ms)} ${timeOf(ms)}`;
}

/** Two moments; the day is said once where it is one. */
export function rangeOf(firstMs: number, lastMs: number): string {
  const last = dateOf(firstMs) === dateOf(lastMs) ? timeOf(lastMs) : momentOf(lastMs);
  return firstMs === lastMs ? momentOf(firstMs) : `${momentOf(firstMs)} to ${last}`;
}

export function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}

/** "2 hours 5 minutes"; in at most two units, the smaller rounded down. */
export function lengthOf(ms: number): string {
  if (ms < 1000) return ms === 0 ? '0 seconds' : 'under a second';
  const at = UNITS.findIndex(([, size]) => ms >= size);
  const [noun, size] = UNITS[at]!;
  const count = Math.floor(ms / size);
  const next = UNITS[at + 1];
  const rest = next === undefined ? 0 : Math.floor((ms - count * size) / next[1]);
  return rest === 0 ? counted(count, noun) : `${counted(count, noun)} ${counted(rest, next![0])}`;
}

const SHORT: Readonly<Record<string, string>> = { day: 'd', hour: 'h', minute: 'min', second: 's' };

/** `lengthOf` for a column: "2 h 5 min". */
export function shortLengthOf(ms: number): string {
  return lengthOf(ms).replaceAll(/(day|hour|minute|second)s?/g, (_, noun: string) => SHORT[noun]!);
}
