/** Tells apart what the library reports, by its codes and, where these are too coarse, by RocksDB's words. */
import { ChorusError, InvariantError } from '../errors.ts';

export type RocksFault = 'closed' | 'locked' | 'disk_full' | 'missing' | 'io' | 'damaged' | 'bug';

/** The innermost error: abstract-level wraps what went wrong at open, without saying it again. */
function rootOf(error: unknown): { code: string; message: string; name: string } {
  let at: unknown = error;
  while (at instanceof Error && at.cause instanceof Error) at = at.cause;
  const code = at instanceof Error && 'code' in at && typeof at.code === 'string' ? at.code : '';
  if (!(at instanceof Error)) return { code, message: String(at), name: '' };
  return { code, message: at.message, name: at.name };
}

export function faultOf(error: unknown): RocksFault {
  const { code, message, name } = rootOf(error);
  if (code === 'LEVEL_LOCKED') return 'locked';
  if (code === 'LEVEL_DATABASE_NOT_OPEN' || code === 'LEVEL_ITERATOR_NOT_OPEN' || code === 'LEVEL_BATCH_NOT_OPEN') {
    return 'closed';
  }
  // Before corruption: the library keeps the first fault of its background work, whatever the call was. "File too large"
  // is a limit on the size of files, which ends in the same place.
  if (/No space left|Disk quota exceeded|File too large/.test(message) || code === 'ENOSPC' || code === 'EDQUOT') {
    return 'disk_full';
  }
  if (/No such file or directory/.test(message)) return 'missing';
  if (code === 'LEVEL_IO_ERROR' || /^E[A-Z0-9]+$/.test(code)) return 'io';
  // RocksDB has many ways of saying that its files make no sense: corruption, unknown columns, "invalid argument". These have
  // no code, and are plain errors. A record that is no JSON is the same to us.
  return code === 'LEVEL_CORRUPTION' || (code === '' && (name === 'Error' || name === 'SyntaxError'))
    ? 'damaged'
    : 'bug';
}

/** What the library says, for a message. */
export function detailOf(error: unknown): string {
  return rootOf(error).message;
}

/** Code `store_damaged`. */
export class DamagedError extends ChorusError {
  /** What was found, without the advice. */
  readonly detail: string;

  constructor(path: string, detail: string, cause?: unknown) {
    super(
      'store_damaged',
      `${path}: what was stored cannot be read (${detail}). It must be set aside and made again from the log; ` +
        'if it happens again, look at the disk.',
      { cause },
    );
    this.detail = detail;
  }
}

/** The error of the port for a fault while a store is in use. */
export function storeError(path: string, error: unknown): ChorusError {
  if (error instanceof ChorusError) return error;
  const fault = faultOf(error);
  const detail = detailOf(error);
  if (fault === 'bug') return new InvariantError('store-call', `${path}: ${detail}`, error);
  if (fault === 'damaged' || fault === 'missing') return new DamagedError(path, detail, error);
  if (fault === 'disk_full') {
    const message = `${path}: no room on the disk (${detail}). Nothing of the last batch was stored. Make room and start again.`;
    return new ChorusError('store_disk_full', message, { cause: error });
  }
  return new ChorusError('store_io', `${path}: cannot be read or written (${detail})`, { cause: error });
}
