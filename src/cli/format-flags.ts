/** `--format`, `--map` and `--encoding`, which replay, train and explain have alike. */
import { Option } from 'commander';
import iconv from 'iconv-lite';
import { formatOfFile, inputBytes } from '../consumers/file.ts';
import { parseCsvMap } from '../consumers/formats/csv-map.ts';
import { FORMATS, type Format } from '../consumers/formats/format.ts';
import type { FormatChoice } from '../consumers/framing.ts';
import type { ConfigProblem } from '../errors.ts';

export interface FormatFlags {
  readonly format?: string;
  readonly map?: string;
  readonly encoding?: string;
}

export const FORMAT_OPTION = new Option(
  '--format <name>',
  `${FORMATS.join(', ')} (default: guessed from the beginning of each file)`,
);
export const MAP_OPTION = new Option(
  '--map <fields>',
  'columns of csv, such as id=post,account=user.id,text=body,createdAt=time,platform=:forum',
);
export const ENCODING_OPTION = new Option(
  '--encoding <name>',
  'of files, such as windows-1251 (default: UTF-8, UTF-16 or windows-1252, as the bytes tell)',
);

/** Adds what is wrong to `problems`. */
export function parseFormatFlags({ format, map, encoding }: FormatFlags, problems: ConfigProblem[]): FormatChoice {
  const isKnown = format === undefined || (FORMATS as readonly string[]).includes(format);
  if (!isKnown) problems.push({ name: '--format', value: format, bound: `one of ${FORMATS.join(', ')}` });
  if (map !== undefined && format !== undefined && format !== 'csv') {
    problems.push({ name: '--map', value: map, bound: 'left out, or given with --format csv' });
  }
  if (encoding !== undefined && !iconv.encodingExists(encoding)) {
    problems.push({ name: '--encoding', value: encoding, bound: 'the name of an encoding, such as windows-1251' });
  }
  const parsed = map === undefined ? undefined : parseCsvMap(map);
  for (const { value, bound } of parsed?.problems ?? []) problems.push({ name: '--map', value, bound });
  return {
    ...(format === undefined ? {} : { format: format as Format }),
    ...(parsed === undefined ? {} : { map: parsed.map }),
    ...(encoding === undefined ? {} : { encoding }),
  };
}

/**
 * Looks at the beginnings of all files before anything is made of the first one.
 * @throws InputError, and ConfigError for a format that cannot be told or does not fit
 */
export async function checkInputs(inputs: readonly string[], choice: FormatChoice): Promise<void> {
  // What cannot be read at all is told first.
  for (const input of inputs) await inputBytes(input);
  for (const input of inputs) await formatOfFile(input, choice);
}
