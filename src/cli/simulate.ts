/** `chorus simulate`: a believable feed with planted campaigns, and the truth about it, into files. */
import { ConfigError, type ConfigProblem } from '../errors.ts';
import { postLine, simulate, type SimulatedPost } from '../simulate/feed.ts';
import type { SimulateOptions } from '../simulate/options.ts';
import { NdjsonSink } from '../sinks/ndjson.ts';

export interface SimulateFlags {
  readonly seed: string;
  readonly posts: string;
  readonly campaigns: string;
  readonly copying: string;
  readonly hours: string;
  readonly truth?: string;
  readonly out: string;
}

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2025, 1, 4);

/** @throws ConfigError */
export async function simulateCommand(flags: SimulateFlags): Promise<void> {
  const feed = simulate(optionsOf(flags));
  // The options are checked with the first post, before any file is touched.
  const first = feed.next();
  const gone = new AbortController();
  const onGone = (): void => gone.abort();
  if (flags.truth !== undefined && flags.truth === flags.out) {
    throw new ConfigError([{ name: '--truth', value: flags.truth, bound: 'another file than that of --out' }]);
  }
  const truth = flags.truth === undefined ? undefined : new NdjsonSink({ name: '--truth', path: flags.truth, onGone });
  const posts = new NdjsonSink({ name: '--out', path: flags.out, onGone });
  await truth?.writeLine('post_id\tcampaign\tlevel');
  for (let next = first; next.done !== true && !gone.signal.aborted; next = feed.next()) {
    await posts.writeLine(postLine(next.value.post));
    const line = truthLine(next.value);
    if (line !== undefined) await truth?.writeLine(line);
  }
  await posts.close();
  await truth?.close();
}

/** Undefined for a post of nobody's plan. */
function truthLine({ post, campaign, level }: SimulatedPost): string | undefined {
  return campaign === undefined ? undefined : `${post.id}\t${campaign}\t${level}`;
}

function optionsOf(flags: SimulateFlags): SimulateOptions {
  const problems: ConfigProblem[] = [];
  const number = (
    name: 'seed' | 'posts' | 'campaigns' | 'copying' | 'hours',
    pattern: RegExp,
    bound: string,
  ): number => {
    const text = flags[name];
    if (!pattern.test(text)) problems.push({ name: `--${name}`, value: text, bound });
    return Number(text);
  };
  const options: SimulateOptions = {
    seed: number('seed', /^-?\d{1,15}$/, 'an integer of at most 15 digits'),
    posts: number('posts', /^\d{1,12}$/, 'a count of posts'),
    campaigns: number('campaigns', /^\d{1,6}$/, 'a count of campaigns'),
    copying: number('copying', /^\d{1,6}$/, 'a count of groups of copies'),
    durationMs: Math.round(number('hours', /^\d{1,6}(\.\d+)?$/, 'a number of hours') * HOUR_MS),
    startMs: START_MS,
  };
  if (problems.length > 0) throw new ConfigError(problems);
  return options;
}
