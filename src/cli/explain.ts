/** `chorus explain`: finds two posts in files and says why they are a link or none, for people or as JSON. */
import type { Command } from 'commander';
import { openRecords } from '../consumers/file.ts';
import type { FormatChoice } from '../consumers/framing.ts';
import { ConfigError, type ConfigProblem } from '../errors.ts';
import type { Decoded, Post } from '../model.ts';
import { stageSettings } from '../runtime/engine.ts';
import { loadConfig } from './config.ts';
import { formatDuration } from './duration.ts';
import { explain, type ExplainedPost, type Explanation } from './explanation.ts';
import {
  checkInputs,
  ENCODING_OPTION,
  FORMAT_OPTION,
  MAP_OPTION,
  parseFormatFlags,
  type FormatFlags,
} from './format-flags.ts';
import { loadTable } from './table.ts';
import { oneLine, revealed } from './text.ts';
import { ENGINE } from './version.ts';

interface ExplainFlags extends FormatFlags {
  readonly post: readonly string[];
  readonly platform?: string;
  readonly window?: string;
  readonly config?: string;
  readonly table?: string;
  readonly json?: boolean;
}

/** Returns what to print. @throws ConfigError, InputError */
async function explainCommand(inputs: readonly string[], flags: ExplainFlags): Promise<string> {
  const problems: ConfigProblem[] = [];
  if (flags.post.length !== 2 || flags.post[0] === flags.post[1]) {
    problems.push({ name: '--post', value: flags.post.join(', '), bound: 'given twice, with two different ids' });
  }
  const choice = parseFormatFlags(flags, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  const config = loadConfig({
    file: flags.config,
    overrides: { window: flags.window, table: flags.table },
    secret: process.env['CHORUS_SECRET'],
  });
  const { settings } = config;
  const stages = stageSettings({ settings, table: loadTable(config.table), engine: ENGINE });
  await checkInputs(inputs, choice);
  const [first, second] = await findPosts(inputs, flags, choice);
  const explanation = explain(first, second, settings, stages);
  return flags.json === true ? `${JSON.stringify(explanation, undefined, 2)}\n` : describeExplanation(explanation);
}

async function findPosts(
  inputs: readonly string[],
  { post: ids, platform }: ExplainFlags,
  choice: FormatChoice,
): Promise<[Post, Post]> {
  const found = new Map<string, Map<string, Post>>(ids.map((id) => [id, new Map()]));
  const take = (decoded: Decoded): void => {
    if (decoded.kind !== 'post') return;
    const { post } = decoded;
    const byPlatform = platform === undefined || platform === post.platform ? found.get(post.id) : undefined;
    if (byPlatform?.has(post.platform) === false) byPlatform.set(post.platform, post);
  };
  for (const input of inputs) {
    const { format, batches } = await openRecords(input, choice);
    for await (const batch of batches) {
      for (let i = 0; i < batch.count; i++) {
        if (format === 'canonical' && !mayHold(batch.text(i), ids)) continue;
        const decoded = batch.decode(i);
        if ('kind' in decoded) take(decoded);
        else decoded.forEach(take);
      }
    }
  }
  return onePostEach(found, platform);
}

/** Spares the decoding of nearly every line; one with an escape may hold an id in another form. Other formats make ids. */
function mayHold(line: string | undefined, ids: readonly string[]): boolean {
  return line === undefined || line.includes('\\') || ids.some((id) => line.includes(id));
}

function onePostEach(
  found: ReadonlyMap<string, ReadonlyMap<string, Post>>,
  platform: string | undefined,
): [Post, Post] {
  const problems: ConfigProblem[] = [];
  const posts: Post[] = [];
  for (const [id, byPlatform] of found) {
    const platforms = Array.from(byPlatform.keys());
    const where = platform === undefined ? 'the files' : `the posts of ${platform}`;
    if (platforms.length === 0) problems.push({ name: '--post', value: id, bound: `the id of a post in ${where}` });
    else if (platforms.length > 1) {
      const bound = `of one platform: it is on ${platforms.join(' and ')}, choose with --platform`;
      problems.push({ name: '--post', value: id, bound });
    } else posts.push(byPlatform.get(platforms[0]!)!);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return [posts[0]!, posts[1]!];
}

const VERDICT_WORDS = { link: 'a link', same_text: 'the same text', no_link: 'no link' } as const;

function describeExplanation(explanation: Explanation): string {
  const { posts, sharedShingleKeys, r1, r3, r, linkSimilarity, apartMs, windowMs, because, verdict } = explanation;
  const shared = sharedShingleKeys.length === 0 ? 'none' : sharedShingleKeys.join(' ');
  const bands = explanation.sharedBands.length === 0 ? 'none' : explanation.sharedBands.join(' ');
  const lines = [
    ...posts.flatMap((post) => describePost(post, sharedShingleKeys)),
    'both',
    `  shared keys   ${shared}`,
    `  hamming       ${explanation.hammingDistance} of 64 bits, at most ${explanation.hammingMax} for the simhash family; shared bands: ${bands}`,
    `  found by      ${explanation.foundBy.join(', ') || 'nothing'}`,
    `  R1            ${r1.toFixed(3)}  (shared words, by how rare they are)`,
    `  R3            ${r3.toFixed(3)}  (shared trigrams of letters)`,
    `  R             ${r.toFixed(3)}  (the larger one; a link takes ${linkSimilarity})`,
    `  apart         ${formatDuration(apartMs)}, window ${formatDuration(windowMs)}`,
    '',
    `${VERDICT_WORDS[verdict]}, because ${because.join('; ')}`,
  ];
  return `${lines.join('\n')}\n`;
}

/** `*` marks what the other post has too. */
function describePost(post: ExplainedPost, sharedShingleKeys: readonly string[]): string[] {
  const tokens = post.tokens.map(({ token, nats, isShared }) => {
    return `${token}${isShared ? '*' : ''} ${nats === undefined ? '-' : nats.toFixed(1)}`;
  });
  const keys = post.shingleKeys.map((key) => `${key}${sharedShingleKeys.includes(key) ? '*' : ''}`);
  return [
    `${post.platform} ${post.id}, by ${oneLine(post.account)}, ${post.createdAt}${post.isNativeRepost ? ', a native repost' : ''}`,
    `  text          ${revealed(post.text)}`,
    `  left          ${post.left === '' ? '(nothing)' : post.left}`,
    `  dropped       ${post.dropped.join(', ') || 'nothing'}`,
    `  words, nats   ${tokens.join(', ') || '(none)'}`,
    `  mass          ${post.massNats.toFixed(1)} nats${post.isBrief ? ', too little to count more than one account by itself' : ''}`,
    `  keys          ${keys.join(' ') || '(none)'}`,
    `  simhash       ${post.simhash}`,
    '',
  ];
}

export function addExplainCommand(program: Command): void {
  program
    .command('explain')
    .description('say why two posts are a link or none')
    .argument('<FILE...>', 'files of posts')
    .requiredOption('--post <id>', 'id of a post; give it twice', (id: string, ids: string[]) => [...ids, id], [])
    .option('--platform <name>', 'where an id is on several platforms')
    .option('--window <duration>', 'as in replay')
    .option('--config <file>', 'as in replay')
    .option('--table <file>', 'as in replay')
    .addOption(FORMAT_OPTION)
    .addOption(MAP_OPTION)
    .addOption(ENCODING_OPTION)
    .option('--json', 'for machines')
    .addHelpText('after', '\nExample:\n  chorus explain posts.ndjson --post 1850 --post 1861')
    .action(async (inputs: string[], flags: ExplainFlags) => {
      process.stdout.write(await explainCommand(inputs, flags));
    });
}
