/** The normaliser's tokens as texts, for people and for telling repeats; the engine itself never makes strings of them. */
import type { Normaliser } from '../fingerprints/normalise.ts';

export function tokenTexts({ letters, tokenStart, tokenCount }: Normaliser): string[] {
  const units = Buffer.from(letters.buffer, letters.byteOffset, letters.byteLength);
  return Array.from({ length: tokenCount }, (_, t) =>
    units.toString('utf16le', 2 * tokenStart[t]!, 2 * tokenStart[t + 1]!),
  );
}
