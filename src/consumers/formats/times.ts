/**
 * The forms of time that networks use besides those of time.ts -> integer ms since 1970, exactly or not at all: each function
 * gives undefined for what it does not read. Pure.
 *
 * A number says nothing of its unit, so the decoder that knows the format names it by the function that it calls.
 */

/** 9999-12-31T23:59:59.999Z. */
const TIME_MAX_MS = 253_402_300_799_999;

const DIGITS = /^\d{1,18}$/;
const X_TIME =
  /^(Sun|Mon|Tue|Wed|Thu|Fri|Sat) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) (\d\d) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d) (\d{4})$/;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/**
 * What a deletion without a time gets: it is behind every watermark, so it takes effect as soon as it is read. In an archive
 * that is sorted by time it comes before its post and has none.
 */
export const TIME_NOT_TOLD_MS = 0;

/** "Sun Aug 31 00:29:05 +0000 2014", the form of X until its API 2. The weekday must be that of the date. */
export function parseXTimeMs(value: unknown): number | undefined {
  const match = typeof value === 'string' ? X_TIME.exec(value) : null;
  if (match === null) return undefined;
  const [, weekday, month, day, hour, minute, second, sign, offsetHours, offsetMinutes, year] = match;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  if (Number(offsetHours) > 23 || Number(offsetMinutes) > 59) return undefined;
  const monthIndex = MONTHS.indexOf(month!);
  const date = new Date(Date.UTC(Number(year), monthIndex, Number(day)));
  // Date.UTC takes year 14 for 1914 and 31 February for 3 March: what it made must be what was written.
  if (date.getUTCFullYear() !== Number(year) || date.getUTCMonth() !== monthIndex) return undefined;
  if (WEEKDAYS[date.getUTCDay()] !== weekday) return undefined;
  const offset = (Number(offsetHours) * 60 + Number(offsetMinutes)) * (sign === '-' ? -1 : 1);
  return inRange(date.getTime() + (Number(hour) * 60 + Number(minute) - offset) * 60_000 + Number(second) * 1000);
}

/** Seconds since 1970: an integer or its digits. */
export function parseSecondsMs(value: unknown): number | undefined {
  const seconds = integerOf(value);
  return seconds === undefined ? undefined : inRange(seconds * 1000);
}

/** Milliseconds since 1970: an integer or its digits. */
export function parseMillisecondsMs(value: unknown): number | undefined {
  const ms = integerOf(value);
  return ms === undefined ? undefined : inRange(ms);
}

/** Microseconds since 1970: an integer or its digits; what is below a millisecond is cut. */
export function parseMicrosecondsMs(value: unknown): number | undefined {
  const microseconds = integerOf(value);
  return microseconds === undefined ? undefined : inRange(Math.floor(microseconds / 1000));
}

/** The first id of X that holds a time, of 4 November 2010; those before were counted. */
const X_SNOWFLAKE_MIN = 29_700_859_247n;
const X_EPOCH_MS = 1_288_834_974_657n;

/** When X gave `id` to a post. */
export function xIdTimeMs(id: string): number | undefined {
  if (!/^\d{1,19}$/.test(id)) return undefined;
  const number = BigInt(id);
  return number < X_SNOWFLAKE_MIN ? undefined : Number((number >> 22n) + X_EPOCH_MS);
}

/** Mastodon counted its ids until it took times into them, in October 2017; counted ones never came up to this. */
const MASTODON_ID_TIME_MIN_MS = 1_451_606_400_000;

/** The time that an instance of Mastodon put into the id of a status: about that of the post itself. */
export function mastodonIdTimeMs(id: string): number | undefined {
  if (!/^\d{1,19}$/.test(id)) return undefined;
  const ms = Number(BigInt(id) >> 16n);
  return ms < MASTODON_ID_TIME_MIN_MS ? undefined : inRange(ms);
}

function integerOf(value: unknown): number | undefined {
  const number = typeof value === 'string' && DIGITS.test(value) ? Number(value) : value;
  return Number.isSafeInteger(number) ? (number as number) : undefined;
}

function inRange(ms: number): number | undefined {
  return ms >= 0 && ms <= TIME_MAX_MS ? ms : undefined;
}
