/**
 * The command line: reads the arguments, runs one command, turns what it throws into an exit code. Runs when it is loaded.
 *
 * Each command is defined where its work is, and only the one that is asked for is loaded: all of them take longer than a small replay.
 */
import { Command, CommanderError } from 'commander';
import { ChorusError, ConfigError, InputError } from '../errors.ts';
import { EXIT } from './exit.ts';
import { VERSION } from './version.ts';

type AddCommand = (program: Command) => void;

/** In the order of the help. */
const COMMANDS: Readonly<Record<string, () => Promise<AddCommand>>> = {
  replay: async () => (await import('./replay.ts')).addReplayCommand,
  train: async () => (await import('./train.ts')).addTrainCommand,
  explain: async () => (await import('./explain.ts')).addExplainCommand,
  simulate: async () => (await import('./simulate.ts')).addSimulateCommand,
  diff: async () => (await import('./diff.ts')).addDiffCommand,
  report: async () => (await import('./report.ts')).addReportCommand,
  export: async () => (await import('./export.ts')).addExportCommand,
  schemas: async () => (await import('./schemas.ts')).addSchemasCommand,
  watch: async () => (await import('./watch.ts')).addWatchCommand,
  ingest: async () => (await import('./ingest.ts')).addIngestCommand,
  sweep: async () => (await import('./sweep.ts')).addSweepCommand,
  plant: async () => (await import('./plant.ts')).addPlantCommand,
  resend: async () => (await import('./resend.ts')).addResendCommand,
  run: async () => (await import('./deployment-commands.ts')).addRunCommand,
  config: async () => (await import('./deployment-commands.ts')).addConfigCommand,
  topics: async () => (await import('./deployment-commands.ts')).addTopicsCommand,
  verify: async () => (await import('./deployment-commands.ts')).addVerifyCommand,
};

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

/** All of them where none is named first: for the help, and for what is like the name that was typed. */
async function addCommands(name: string | undefined): Promise<void> {
  const isNamed = name !== undefined && Object.hasOwn(COMMANDS, name);
  for (const load of isNamed ? [COMMANDS[name]!] : Object.values(COMMANDS)) (await load())(program);
}

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
  await addCommands(process.argv[2]);
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
}
