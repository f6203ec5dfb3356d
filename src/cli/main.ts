/**
 * The command line: reads the arguments, runs one command, turns what it throws into an exit code. Runs when it is loaded.
 */
import { Command, CommanderError } from 'commander';
import { ChorusError, ConfigError, InputError } from '../errors.ts';
import { EXIT } from './exit.ts';
import { addDiffCommand } from './diff.ts';
import { explainCommand, type ExplainFlags } from './explain.ts';
import { replayCommand, type ReplayFlags } from './replay.ts';
import { addSchemasCommand } from './schemas.ts';
import { simulateCommand } from './simulate.ts';
import { counted } from './summary.ts';
import { train, TABLE_DEFAULT } from './train.ts';
import { VERSION } from './version.ts';

const program = new Command('chorus')
  .description('Finds coordinated posting: many accounts that post near-identical text within a window of time.')
  .version(VERSION)
  .exitOverride()
  .showSuggestionAfterError()
  .addHelpText(
    'after',
    `
Examples:
  chorus replay posts.ndjson.gz                     alerts of a file, as NDJSON on standard output
  chorus replay --window 24h --final day-*.ndjson   one line per campaign, over a day
  zcat feed.gz | chorus replay --members m.ndjson - who posted what, from standard input

Exit codes: 0 done, 2 usage or configuration, 3 an input cannot be read, 4 more than half of the lines rejected.`,
  );

program
  .command('replay')
  .description('find the campaigns in files of posts (canonical NDJSON; plain, gzip or zstd; any order)')
  .argument('<FILE...>', 'files, or - for standard input')
  .option('--window <duration>', 'how close in time posts must be, such as 90s, 15m, 24h (default: 1h)')
  .option('--min-accounts <n>', 'distinct accounts for an alert (default: 5)')
  .option('--alerts <file>', 'where alerts go (default: standard output)')
  .option('--final', "only each alert's last revision")
  .option('--members <file>', 'the posts of each campaign in the end')
  .option('--summary <file>', 'the closing summary as JSON')
  .option('--config <file>', 'settings as YAML; the command line wins')
  .option('--table <file>', 'frequency table made by "chorus train" (default: the one that comes with Chorus)')
  .addHelpText(
    'after',
    `
Examples:
  chorus replay --window 24h --final --members members.ndjson posts.ndjson.gz
  chorus replay --config chorus.yaml --alerts alerts.ndjson --summary summary.json 2025-*.ndjson.zst

Every setting can be in the file, and each problem is told. CHORUS_SECRET in the environment is the secret.`,
  )
  .action(async (inputs: string[], flags: ReplayFlags) => {
    process.exitCode = await replayCommand(inputs, flags);
  });

program
  .command('train')
  .description('make a frequency table from your own feed')
  .argument('<FILE...>', 'files of posts, or - for standard input')
  .option('--out <file>', 'where the table goes', TABLE_DEFAULT)
  .addHelpText('after', '\nExample:\n  chorus train --out mine.chdf.gz last-week-*.ndjson.gz')
  .action(async (inputs: string[], flags: { out: string }) => {
    const { lines, posts, repeated, nativeReposts, rejected } = await train(inputs, flags);
    process.stderr.write(
      `${flags.out}: ${counted(posts, 'post')} counted of ${counted(lines, 'line')} ` +
        `(${repeated} repeated, ${counted(nativeReposts, 'native repost')}, ${rejected} rejected)\n`,
    );
  });

program
  .command('explain')
  .description('say why two posts are a link or none')
  .argument('<FILE...>', 'files of posts')
  .requiredOption('--post <id>', 'id of a post; give it twice', (id: string, ids: string[]) => [...ids, id], [])
  .option('--platform <name>', 'where an id is on several platforms')
  .option('--window <duration>', 'as in replay')
  .option('--config <file>', 'as in replay')
  .option('--table <file>', 'as in replay')
  .option('--json', 'for machines')
  .addHelpText('after', '\nExample:\n  chorus explain posts.ndjson --post 1850 --post 1861')
  .action(async (inputs: string[], flags: ExplainFlags) => {
    process.stdout.write(await explainCommand(inputs, flags));
  });

program
  .command('simulate')
  .description('make a believable feed with planted campaigns')
  .option('--seed <n>', 'the same seed gives the same bytes', '1')
  .option('--posts <n>', 'posts in all', '60000')
  .option('--campaigns <n>', 'campaigns to plant, of all levels in turn', '6')
  .option('--copying <n>', 'groups of organic copying: headlines, forwards, events', '6')
  .option('--hours <n>', 'length of the feed', '24')
  .option('--truth <file>', 'which post belongs to which campaign, tab-separated')
  .option('--out <file>', 'where the posts go, - for standard output', '-')
  .action(simulateCommand);

addDiffCommand(program);
addSchemasCommand(program);

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  if (error instanceof ConfigError) {
    for (const line of error.message.split('\n')) process.stderr.write(`chorus: ${line}\n`);
    return EXIT.usage;
  }
  if (!(error instanceof ChorusError)) throw error;
  process.stderr.write(`chorus: ${error.message}\n`);
  return error instanceof InputError ? EXIT.unreadableInput : EXIT.failed;
}

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
}
