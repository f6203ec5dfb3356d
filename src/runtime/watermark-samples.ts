/** How far event time has come in one partition of a stage, and which source holds it back, as samples. */
import type { SourceChain } from '../frames/chain.ts';
import type { Sample } from '../metrics.ts';

/** @param watermarks of each source by its number; -Infinity for one that has said nothing */
export function watermarkSamples(labels: Sample['labels'], watermarks: ReadonlyMap<number, number>): Sample[] {
  let least = Infinity;
  let greatest = -Infinity;
  let slowest = -1;
  let silent = 0;
  let leastSpoken = Infinity;
  for (const [source, watermark] of watermarks) {
    if (watermark < least) {
      least = watermark;
      slowest = source;
    }
    if (watermark === -Infinity) silent++;
    else leastSpoken = Math.min(leastSpoken, watermark);
    greatest = Math.max(greatest, watermark);
  }
  return [
    { name: 'watermark_seconds', labels, value: least / 1000 },
    { name: 'watermark_lag_seconds', labels, value: Math.max(0, (Date.now() - least) / 1000) },
    { name: 'watermark_holdback_source', labels, value: slowest },
    { name: 'watermark_spread_seconds', labels, value: Math.max(0, (greatest - leastSpoken) / 1000) },
    { name: 'sources_silent', labels, value: silent },
  ];
}

export function watermarksOf(chain: SourceChain, sources: number): Map<number, number> {
  return new Map(Array.from({ length: sources }, (_, source) => [source, chain.watermark(source)]));
}
