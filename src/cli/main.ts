/**
 * The command line: reads the arguments, runs one command, turns what it throws into an exit code. Runs when it is loaded.
 */
import { Command, CommanderError } from 'commander';
import { ChorusError, ConfigError, InputError } from '../errors.ts';
import type { ConfigCheckFlags } from './config-check.ts';
import { EXIT } from './exit.ts';
import { addDiffCommand } from './diff.ts';
import { addExportCommand } from './export.ts';
import { explainCommand, type ExplainFlags } from './explain.ts';
import { ENCODING_OPTION, FORMAT_OPTION, MAP_OPTION } from './format-flags.ts';
import { addIngestCommand } from './ingest.ts';
import { addPlantCommand } from './plant.ts';
import { addReportCommand } from './report.ts';
import { replayCommand, type ReplayFlags } from './replay.ts';
import { addResendCommand } from './resend.ts';
import type { RunFlags } from './run.ts';
import { addSchemasCommand } from './schemas.ts';
import { simulateCommand } from './simulate.ts';
import { counted } from './summary.ts';
import { addSweepCommand } from './sweep.ts';
import type { TopicsFlags } from './topics.ts';
import { TOPICS_ACTIONS, type TopicsAction } from './topics-actions.ts';
import { train, TABLE_DEFAULT, type TrainOptions } from './train.ts';
import type { VerifyFlags } from './verify.ts';
import { VERSION } from './version.ts';
import { addWatchCommand } from './watch.ts';

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

Exit codes: 0 done, 1 a check that found something or another error, 2 usage, configuration or topics, 3 an input cannot be
read, 4 more than half of the lines rejected, 5 a run that cannot go on (start it again).`,
  );

program
  .command('replay')
  .description(
    'find the campaigns in files of posts (any format of docs/formats.md; plain, gzip or zstd; any order), or in a Kafka topic',
  )
  .argument('[FILE...]', 'files, or - for standard input')
  .option(
    '--kafka <topic>',
    'a topic in place of files, by the settings of --config; joins no group and writes nothing',
  )
  .option(
    '--from <bound>',
    'with --kafka: a time, a duration back from now, or offsets 0:1200,1:900 (default: all there is)',
  )
  .option('--to <bound>', 'with --kafka: likewise (default: the end as it is now)')
  .addOption(FORMAT_OPTION)
  .addOption(MAP_OPTION)
  .addOption(ENCODING_OPTION)
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
  chorus replay --format csv --map id=post,account=user,text=body,createdAt=time,platform=:forum export.csv
  chorus replay --kafka posts --from 7d --config candidate.yaml --final --alerts candidate.ndjson

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
  .option('--creation-out <file>', 'where the creation dates of the accounts go, for evidence.creation')
  .addOption(FORMAT_OPTION)
  .addOption(MAP_OPTION)
  .addOption(ENCODING_OPTION)
  .addHelpText('after', '\nExample:\n  chorus train --out mine.chdf.gz last-week-*.ndjson.gz')
  .action(async (inputs: string[], flags: TrainOptions) => {
    const { lines, posts, repeated, nativeReposts, passedOver, rejected } = await train(inputs, flags);
    process.stderr.write(
      `${flags.out}: ${counted(posts, 'post')} counted of ${counted(lines, 'line')} ` +
        `(${repeated} repeated, ${counted(nativeReposts, 'native repost')}, ${passedOver} passed over, ${rejected} rejected)\n`,
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
  .addOption(FORMAT_OPTION)
  .addOption(MAP_OPTION)
  .addOption(ENCODING_OPTION)
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

addDiffCommand(program);
addReportCommand(program);
addExportCommand(program);
addSchemasCommand(program);
addWatchCommand(program);
addIngestCommand(program);
addSweepCommand(program);
addPlantCommand(program);
addResendCommand(program);

program
  .command('run')
  .description('find the campaigns in a Kafka topic, as members of consumer groups, until a signal')
  .requiredOption('--config <file>', 'settings as YAML')
  .option('--stages <list>', 'some of fingerprint, match, campaign, with commas (default: all)')
  .option('--workers <n>', 'threads, each a full member of the groups', '1')
  .addHelpText(
    'after',
    `
Examples:
  chorus run --config chorus.yaml
  chorus run --config chorus.yaml --stages fingerprint,match --workers 4

docs/configuration.md has all settings. Secrets come from the environment (CHORUS_KAFKA_PASSWORD and others) or from files
that settings name. The log is JSON lines on standard error. SIGTERM and SIGINT end it with 0, a second one at once; SIGHUP has
it say what the configuration would change by now.`,
  )
  .action(async (flags: RunFlags) => {
    // What only a deployment needs takes 0.1 s to load.
    const { runCommand } = await import('./run.ts');
    const code = await runCommand(flags, process.env);
    // What a broker that is away still holds must not keep the process.
    process.exit(code);
  });

program
  .command('config')
  .description('look at a configuration')
  .command('check')
  .description('tell all that is wrong with a configuration, its topology, and what it would change')
  .requiredOption('--config <file>', 'settings as YAML, as for "chorus run"')
  .option(
    '--against <status>',
    'URL of the port of a deployment (http://host:port), or a file with what its /status says',
  )
  .addHelpText(
    'after',
    `
Examples:
  chorus config check --config chorus.yaml
  chorus config check --config next.yaml --against http://127.0.0.1:9464

It reaches no broker, and shows no secret. Exit codes: 0 usable, and of the same topology where --against is given; 1 another
topology, which needs another kafka.prefix and state.folder; 2 not usable.`,
  )
  .action(async (flags: ConfigCheckFlags) => {
    const { checkConfig } = await import('./config-check.ts');
    const { code, text } = await checkConfig(flags, process.env);
    process.stdout.write(text);
    process.exitCode = code;
  });

const topics = program.command('topics').description('make or check the topics of a deployment');
for (const [name, description] of Object.entries(TOPICS_ACTIONS)) {
  topics
    .command(name)
    .description(description)
    .requiredOption('--config <file>', 'settings as YAML, as for "chorus run"')
    .option('--wait <duration>', 'how long to wait for brokers that do not answer', '10s')
    .addHelpText('after', `\nExample:\n  chorus topics ${name} --config chorus.yaml`)
    .action(async (flags: TopicsFlags) => {
      const { topicsCommand } = await import('./topics.ts');
      process.exitCode = await topicsCommand(name as TopicsAction, flags, process.env, {
        out: (text) => process.stdout.write(text),
        err: (text) => process.stderr.write(text),
      });
    });
}

program
  .command('verify')
  .description('recompute what a running deployment has published from its feed topic, and tell what differs')
  .requiredOption('--config <file>', 'settings as YAML, those of the deployment')
  .option('--from <bound>', 'a time, a duration back from now, or offsets 0:1200,1:900 (default: all there is)')
  .option('--to <bound>', 'likewise (default: the end as it is now)')
  .option('--json <file>', 'everything as JSON; - for standard output, in place of the text')
  .addHelpText(
    'after',
    `
Examples:
  chorus verify --config chorus.yaml
  chorus verify --config chorus.yaml --from 36h --json report.json

A time is that at which the broker took a record. It joins no group and writes nothing. Exit codes: 0 all the same,
1 something differs, 2 usage or another configuration than that of the deployment, 3 something cannot be read.`,
  )
  .action(async (flags: VerifyFlags) => {
    const { verifyCommand } = await import('./verify.ts');
    process.exitCode = await verifyCommand(flags, process.env);
  });

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
