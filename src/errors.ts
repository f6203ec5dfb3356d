/**
 * The errors that Chorus throws. Bad input data is never one of them: a decoder returns it as a rejection (model.ts).
 *
 * `code` is stable and meant for programs; the message is meant for people and names the thing, its value and the bound.
 */

export interface ChorusErrorOptions {
  /** True where the same call may succeed later without a change by the user (a passing fault). */
  readonly retryable?: boolean;
  readonly cause?: unknown;
}

export class ChorusError extends Error {
  readonly code: string;
  readonly retryable: boolean;

  constructor(code: string, message: string, options: ChorusErrorOptions = {}) {
    // An own `cause` of undefined would be printed as "[cause]: undefined" below each stack.
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}

/** One setting that cannot be used: its name as the user wrote it, the value found, and what is allowed. */
export interface ConfigProblem {
  readonly name: string;
  readonly value: unknown;
  readonly bound: string;
}

/** Usage or configuration: all problems at once. Code `config`. */
export class ConfigError extends ChorusError {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super('config', problems.map(describeProblem).join('\n'));
    this.problems = problems;
  }
}

function describeProblem({ name, value, bound }: ConfigProblem): string {
  return `${name}: ${value === undefined ? 'not given' : printable(value)}, must be ${bound}`;
}

function printable(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}

/** Why an input cannot be read, or not to its end. */
export type InputFault =
  | 'input_missing'
  | 'input_denied'
  | 'input_is_directory'
  | 'input_unreadable'
  | 'input_truncated'
  | 'input_corrupt'
  | 'input_window_too_large';

/** An input that cannot be opened or read to its end. What was read before the error stands. */
export class InputError extends ChorusError {
  declare readonly code: InputFault;
  /** The path as given; "-" is standard input. */
  readonly input: string;
  /** Bytes of the (compressed) input that were taken in before the fault; undefined if it was never opened. */
  readonly byteOffset: number | undefined;

  constructor(
    code: InputFault,
    input: string,
    detail: string,
    options: ChorusErrorOptions & { byteOffset?: number } = {},
  ) {
    const where = options.byteOffset === undefined ? '' : ` (at byte ${options.byteOffset})`;
    super(code, `${input === '-' ? 'standard input' : input}: ${detail}${where}`, options);
    this.input = input;
    this.byteOffset = options.byteOffset;
  }
}

/** A broken invariant of our own: the process stops with its name. Code `invariant`. */
export class InvariantError extends ChorusError {
  readonly invariant: string;

  constructor(invariant: string, detail: string, cause?: unknown) {
    super('invariant', `broken invariant "${invariant}": ${detail}`, { cause });
    this.invariant = invariant;
  }
}
