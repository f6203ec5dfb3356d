/** JSON values of unknown origin -> typed fields. A fault names the field, what was found, and what it must be. */
import { parseTimeMs } from '../consumers/formats/time.ts';
import type { RejectionReason } from '../model.ts';

/** Thrown by `Fields` and caught where a line is decoded; it never leaves this folder. */
export class FieldFault extends Error {
  readonly reason: RejectionReason;

  constructor(reason: RejectionReason, detail: string) {
    super(detail);
    this.reason = reason;
  }
}

/** The fields of one object. Every method throws a `FieldFault`; an "optional" one returns undefined for what is not there. */
export class Fields {
  readonly #values: Record<string, unknown>;
  /** Put before each name. */
  readonly #path: string;

  constructor(value: unknown, path = '') {
    if (!isObject(value)) {
      throw new FieldFault(path === '' ? 'not_an_object' : 'wrong_type', `${path || 'the line'} must be an object`);
    }
    this.#values = value;
    this.#path = path === '' ? '' : `${path}.`;
  }

  has(name: string): boolean {
    return this.#values[name] !== undefined;
  }

  isText(name: string): boolean {
    return typeof this.#values[name] === 'string';
  }

  text(name: string): string {
    const value = this.#values[name];
    return typeof value === 'string' ? value : this.#refuse(name, 'a text');
  }

  optionalText(name: string): string | undefined {
    return this.has(name) ? this.text(name) : undefined;
  }

  known<Word extends string>(name: string, words: readonly Word[]): Word {
    return words.find((word) => word === this.#values[name]) ?? this.#refuse(name, words.join(' or '));
  }

  matching(name: string, pattern: RegExp, bound: string): string {
    const value = this.#values[name];
    return typeof value === 'string' && pattern.test(value) ? value : this.#refuse(name, bound);
  }

  integer(name: string, min: number): number {
    const value = this.#values[name];
    if (Number.isSafeInteger(value) && (value as number) >= min) return value as number;
    return this.#refuse(name, `an integer of at least ${min}`);
  }

  count(name: string, standIn = 0): number {
    return this.has(name) ? this.integer(name, 0) : standIn;
  }

  share(name: string): number {
    const value = this.#values[name];
    return typeof value === 'number' && value >= 0 && value <= 1 ? value : this.#refuse(name, 'a number from 0 to 1');
  }

  timeMs(name: string): number {
    return parseTimeMs(this.#values[name]) ?? this.#refuse(name, 'an ISO 8601 date-time', 'invalid_time');
  }

  optionalTimeMs(name: string): number | undefined {
    return this.has(name) ? this.timeMs(name) : undefined;
  }

  object(name: string): Fields {
    return new Fields(this.#values[name], this.#path + name);
  }

  list<Element>(name: string, element: (fields: Fields) => Element): Element[] {
    const value = this.#values[name];
    if (!Array.isArray(value)) return this.#refuse(name, 'a list');
    return value.map((each: unknown, i) => element(new Fields(each, `${this.#path}${name}[${i}]`)));
  }

  texts(name: string): string[] {
    const value = this.#values[name];
    if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value;
    return this.#refuse(name, 'a list of texts');
  }

  /** Names and integers, in order of the names. */
  counts(name: string): (readonly [string, number])[] {
    const fields = this.object(name);
    const names = Object.keys(fields.#values).toSorted();
    return names.map((each) => [each, fields.integer(each, Number.MIN_SAFE_INTEGER)] as const);
  }

  #refuse(name: string, bound: string, reason: RejectionReason = 'wrong_type'): never {
    const isMissing = !this.has(name);
    const detail = `${this.#path}${name} ${isMissing ? 'is missing, must be' : 'must be'} ${bound}`;
    throw new FieldFault(isMissing ? 'missing_field' : reason, detail);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
