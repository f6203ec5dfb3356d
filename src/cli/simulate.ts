/** `chorus simulate`: a believable feed with planted campaigns, and the truth about it, into files, or as if it were live, into a topic. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { ConfigError, type ConfigProblem } from '../errors.ts';
import type { Post } from '../model.ts';
import { postLine, simulate, type SimulatedPost } from '../simulate/feed.ts';
import type { SimulateOptions } from '../simulate/options.ts';
import { NdjsonSink, STDOUT } from '../sinks/ndjson.ts';
import { onInterrupt } from './interrupt.ts';

interface SimulateFlags {
  readonly seed: string;
  readonly posts: string;
  readonly campaigns: string;
  readonly copying: string;
  readonly hours: string;
  readonly rate?: string;
  readonly live?: boolean;
  readonly truth?: string;
  readonly out?: string;
  readonly config?: string;
}

/** Where posts go. */
interface PostOutput {
  write(post: Post): Promise<void> | undefined;
  flush(): Promise<void>;
  close(): Promise<void>;
}

const SECOND_MS = 1000;
const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2025, 1, 4);
const SEQUENCES = 2 ** 32;

/** @throws ConfigError @throws ChorusError of the brokers, with --config */
async function simulateCommand(flags: SimulateFlags): Promise<void> {
  const isLive = flags.live === true;
  const options = optionsOf(flags);
  const feed = isLive ? endless(options) : simulate(options);
  // The options are checked with the first post, before any file is touched.
  const first = feed.next();
  const gone = new AbortController();
  const onGone = (): void => gone.abort();
  const interrupt = isLive ? onInterrupt() : undefined;
  const ending = AbortSignal.any([gone.signal, ...(interrupt === undefined ? [] : [interrupt.signal])]);
  const posts = await outputOf(flags, onGone);
  const truth = flags.truth === undefined ? undefined : new NdjsonSink({ name: '--truth', path: flags.truth, onGone });
  await truth?.writeLine('post_id\tcampaign\tlevel');
  for (let next = first; next.done !== true && !ending.aborted; next = feed.next()) {
    if (isLive && !(await isDue(next.value.post.createdAt, [posts, truth], ending))) break;
    await posts.write(next.value.post);
    const line = truthLine(next.value);
    if (line !== undefined) await truth?.writeLine(line);
  }
  await posts.close();
  await truth?.close();
  interrupt?.dispose();
}

async function outputOf({ out, truth, config }: SimulateFlags, onGone: () => void): Promise<PostOutput> {
  if (config !== undefined) {
    if (out !== undefined) throw new ConfigError([{ name: '--out', value: out, bound: 'left out with --config' }]);
    // What only a deployment needs takes 0.1 s to load.
    const [{ FeedTopic }, { loadDeployment }] = await Promise.all([
      import('./feed-topic.ts'),
      import('./config-deployment.ts'),
    ]);
    const topic = await FeedTopic.open(
      loadDeployment({ file: config, secret: process.env['CHORUS_SECRET'] }, process.env),
    );
    return {
      write: (post) => topic.write(post, postLine(post)),
      flush: () => topic.flush(),
      close: () => topic.close(),
    };
  }
  const path = out ?? STDOUT;
  if (truth === path) {
    throw new ConfigError([{ name: '--truth', value: truth, bound: 'another file than that of --out' }]);
  }
  const sink = new NdjsonSink({ name: '--out', path, onGone });
  return { write: (post) => sink.writeLine(postLine(post)), flush: () => sink.flush(), close: () => sink.close() };
}

/**
 * Feed after feed, each with the seed after the last one's. Ids never repeat: a post with an id that was there before would be
 * taken for the same post delivered again.
 */
function* endless(options: SimulateOptions): Generator<SimulatedPost> {
  const { seed, startMs, durationMs, posts } = options;
  // Twice the rate, so that a feed that is started again begins beyond what the one before has used.
  const first = Math.floor(startMs / SECOND_MS) * Math.ceil((2 * posts * SECOND_MS) / durationMs);
  for (let round = 0; ; round += 1) {
    yield* simulate({
      ...options,
      seed: seed + round,
      startMs: startMs + round * durationMs,
      firstSequence: (first + round * posts) % SEQUENCES,
    });
  }
}

/** Waits for the time of a post, with nothing held back meanwhile; false if it all ends before. One that is overdue is due. */
async function isDue(
  atMs: number,
  sinks: readonly ({ flush(): Promise<void> } | undefined)[],
  ending: AbortSignal,
): Promise<boolean> {
  const waitMs = atMs - Date.now();
  if (waitMs <= 0) return true;
  for (const sink of sinks) await sink?.flush();
  await sleep(waitMs, undefined, { signal: ending }).catch(() => undefined);
  return !ending.aborted;
}

/** Undefined for a post of nobody's plan. */
function truthLine({ post, campaign, level }: SimulatedPost): string | undefined {
  return campaign === undefined ? undefined : `${post.id}\t${campaign}\t${level}`;
}

type NumericFlag = 'seed' | 'posts' | 'campaigns' | 'copying' | 'hours' | 'rate';

function optionsOf(flags: SimulateFlags): SimulateOptions {
  const problems: ConfigProblem[] = [];
  const number = (name: NumericFlag, pattern: RegExp, bound: string): number => {
    const text = flags[name]!;
    if (!pattern.test(text)) problems.push({ name: `--${name}`, value: text, bound });
    return Number(text);
  };
  const durationMs = Math.round(number('hours', /^\d{1,6}(\.\d+)?$/, 'a number of hours') * HOUR_MS);
  const isLive = flags.live === true;
  const posts =
    flags.rate === undefined
      ? number(
          'posts',
          isLive ? /^0*[1-9]\d{0,11}$/ : /^\d{1,12}$/,
          isLive ? 'a count of posts above 0' : 'a count of posts',
        )
      : Math.ceil(
          (number('rate', /^0*([1-9]\d{0,6}|\d{1,7}\.\d*[1-9])$/, 'posts a second above 0') * durationMs) / SECOND_MS,
        );
  const options: SimulateOptions = {
    seed: number('seed', /^-?\d{1,15}$/, 'an integer of at most 15 digits'),
    posts,
    campaigns: number('campaigns', /^\d{1,6}$/, 'a count of campaigns'),
    copying: number('copying', /^\d{1,6}$/, 'a count of groups of copies'),
    durationMs,
    startMs: isLive ? Date.now() : START_MS,
  };
  if (problems.length > 0) throw new ConfigError(problems);
  return options;
}

export function addSimulateCommand(program: Command): void {
  program
    .command('simulate')
    .description('make a believable feed with planted campaigns')
    .option('--seed <n>', 'the same seed gives the same bytes', '1')
    .option('--posts <n>', 'posts in all', '60000')
    .option('--campaigns <n>', 'campaigns to plant, of all levels in turn', '6')
    .option('--copying <n>', 'groups of organic copying: headlines, forwards, events', '6')
    .option('--hours <n>', 'length of the feed', '24')
    .option('--rate <n>', 'posts a second in the mean, in place of --posts')
    .option('--live', 'from now on, each post at its time; then the next feed, until a signal')
    .option('--truth <file>', 'which post belongs to which campaign, tab-separated')
    .option('--out <file>', 'where the posts go, - for standard output (default: "-")')
    .option('--config <file>', 'into the feed topic of these settings, in place of --out')
    .addHelpText(
      'after',
      `
Examples:
  chorus simulate --posts 100000 --campaigns 12 --truth truth.tsv --out posts.ndjson
  chorus simulate --live --rate 25 --hours 0.2 --config chorus.yaml`,
    )
    .action(simulateCommand);
}
