/**
 * Times in payloads -> integer ms since 1970, exactly or not at all.
 *
 * By hand because `Date.parse` takes 2026-02-30 for 2 March, reads a time without an offset in the zone of the machine,
 * and accepts texts like "1" or "Tue Mar 1"; it is also slower (160 ns against 60).
 */

/** 9999-12-31T23:59:59.999Z. */
const TIME_MAX_MS = 253_402_300_799_999;

/**
 * Numbers below this are refused as times: as ms they lie before March 1973, when there were no feeds, and every count of
 * seconds up to the year 5138 is among them. Counts of microseconds lie above TIME_MAX_MS. So a number has one reading.
 */
const NUMBER_TIME_MIN_MS = 100_000_000_000;

const DAY_MS = 86_400_000;
const DAYS_BEFORE_MONTH = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
const DAYS_IN_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * An ISO 8601 date-time with an offset, `YYYY-MM-DDTHH:MM[:SS[.fraction]](Z|+HH:MM|+HHMM)`, T and Z in either case or a
 * space for the T; or an integer of ms. Fractions are cut to ms. Undefined for everything else, for dates that are not in
 * the calendar, leap seconds, and instants outside 1970 to 9999.
 */
export function parseTimeMs(value: unknown): number | undefined {
  if (typeof value === 'string') return parseIsoMs(value);
  if (!Number.isInteger(value)) return undefined;
  const ms = value as number;
  return ms >= NUMBER_TIME_MIN_MS && ms <= TIME_MAX_MS ? ms : undefined;
}

function parseIsoMs(text: string): number | undefined {
  // Every number read below is -1 if one of its characters is no digit, which no range check lets pass.
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
  const month = twoDigits(text, 5);
  const day = twoDigits(text, 8);
  const hour = twoDigits(text, 11);
  const minute = twoDigits(text, 14);
  if (twoDigits(text, 0) < 0 || twoDigits(text, 2) < 0 || month < 1 || month > 12) return undefined;
  if (day < 1 || day > daysInMonth(year, month) || hour < 0 || hour > 23 || minute < 0 || minute > 59) return undefined;
  if (text.charCodeAt(4) !== 45 || text.charCodeAt(7) !== 45 || text.charCodeAt(13) !== 58) return undefined;
  if (!isDateTimeSeparator(text.charCodeAt(10))) return undefined;

  let at = 16;
  let ms = 0;
  if (text.charCodeAt(at) === 58) {
    const second = twoDigits(text, at + 1);
    if (second < 0 || second > 59) return undefined;
    ms = second * 1000;
    at += 3;
    if (text.charCodeAt(at) === 46) {
      const start = ++at;
      let unit = 100;
      for (let digit = digitAt(text, at); digit >= 0; digit = digitAt(text, ++at)) {
        ms += digit * unit;
        unit = unit > 1 ? unit / 10 : 0;
      }
      if (at === start) return undefined;
    }
  }
  const offset = offsetMinutes(text, at);
  if (offset === undefined) return undefined;
  const time = daysSince1970(year, month, day) * DAY_MS + (hour * 60 + minute - offset) * 60_000 + ms;
  return time >= 0 && time <= TIME_MAX_MS ? time : undefined;
}

/** Minutes east of UTC of the offset that fills `text` from `at` to its end. */
function offsetMinutes(text: string, at: number): number | undefined {
  const sign = text.charCodeAt(at);
  const left = text.length - at;
  if (sign === 90 || sign === 122) return left === 1 ? 0 : undefined;
  if (sign !== 43 && sign !== 45) return undefined;
  const colon = text.charCodeAt(at + 3) === 58 ? 1 : 0;
  if (left !== 5 + colon) return undefined;
  const hours = twoDigits(text, at + 1);
  const minutes = twoDigits(text, at + 3 + colon);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return undefined;
  return sign === 45 ? -(hours * 60 + minutes) : hours * 60 + minutes;
}

function isDateTimeSeparator(code: number): boolean {
  return code === 84 || code === 116 || code === 32;
}

function digitAt(text: string, at: number): number {
  const digit = text.charCodeAt(at) - 48;
  return digit >= 0 && digit <= 9 ? digit : -1;
}

function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - 48;
  const ones = text.charCodeAt(at + 1) - 48;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1;
}

function isLeapYear(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

function daysInMonth(year: number, month: number): number {
  return month === 2 && isLeapYear(year) ? 29 : DAYS_IN_MONTH[month - 1]!;
}

/** Gregorian; years from 1969 on (an offset can carry a local 1969 into 1970) come out right, earlier ones negative. */
function daysSince1970(year: number, month: number, day: number): number {
  const past = year - 1;
  const leapDays = Math.floor(past / 4) - Math.floor(past / 100) + Math.floor(past / 400) - 477;
  const afterFebruary = month > 2 && isLeapYear(year) ? 1 : 0;
  return (year - 1970) * 365 + leapDays + DAYS_BEFORE_MONTH[month - 1]! + afterFebruary + day - 1;
}
