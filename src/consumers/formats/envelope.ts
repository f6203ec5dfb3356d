/**
 * What formats that wrap events of other formats have in common: the event inside is decoded by the format that its own
 * fields tell. Pure.
 */
import { isJsonObject, parseJson, type JsonObject } from './checks.ts';
import { ignored, quoteLongIntegers, type Outcome } from './json-record.ts';

/** Decodes an event of any format that is no envelope; undefined where its fields tell of none. */
export type EventDecoder = (event: JsonObject) => Outcome | undefined;

const LONG_DIGITS = /\d{16}/;

/** A record with its long integers as texts: what is inside is written anew, and keeps all its digits so. */
export function exactRecord(record: string): string {
  return LONG_DIGITS.test(record) && parseJson(record) !== undefined ? quoteLongIntegers(record) : record;
}

/** @param time when the carrier took the event in, which a canonical post without a time of its own gets */
export function decodeInside(event: unknown, time: unknown, decode: EventDecoder): Outcome {
  if (!isJsonObject(event)) return ignored('other_event');
  const isTimeless = event['createdAt'] === undefined && typeof event['platform'] === 'string';
  return decode(isTimeless ? { ...event, createdAt: time } : event) ?? ignored('other_event');
}
