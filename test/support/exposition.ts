/** The text that /metrics answers with, taken apart. */

export interface Exposed {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Exposition {
  /** Type of each metric, by its name. */
  readonly types: ReadonlyMap<string, string>;
  readonly help: ReadonlyMap<string, string>;
  readonly samples: readonly Exposed[];
  /** Of the sample with this name and at least these labels; all such are added up. Undefined without one. */
  value(name: string, labels?: Readonly<Record<string, string>>): number | undefined;
}

/** @throws Error for a line that is none, and for a series that comes twice */
export function parseExposition(text: string): Exposition {
  const types = new Map<string, string>();
  const help = new Map<string, string>();
  const samples: Exposed[] = [];
  const series = new Set<string>();
  for (const line of text.split('\n')) {
    const [, keyword, name, rest] = /^# (HELP|TYPE) (\w+) (.*)$/.exec(line) ?? [];
    if (keyword !== undefined) (keyword === 'TYPE' ? types : help).set(name!, rest!);
    if (line === '' || line.startsWith('#')) continue;
    const match = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (match === null) throw new Error(`no line of an exposition: ${line}`);
    const labels = Object.fromEntries(
      Array.from((match[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g), ([, label, value]) => [label!, value!]),
    );
    const key = match[1]! + JSON.stringify(Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)));
    if (series.has(key)) throw new Error(`comes twice: ${line}`);
    series.add(key);
    samples.push({ name: match[1]!, labels, value: Number(match[3]) });
  }
  return {
    types,
    help,
    samples,
    value: (name, labels = {}) => {
      const found = samples.filter((sample) => {
        return sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value);
      });
      return found.length === 0 ? undefined : found.reduce((sum, { value }) => sum + value, 0);
    },
  };
}
