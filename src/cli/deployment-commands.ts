/**
 * The commands of a deployment. What they do is loaded when one of them runs: the client of Kafka and all that belongs to it takes
 * longer to load than most other commands take.
 */
import type { Command } from 'commander';
import type { ConfigCheckFlags } from './config-check.ts';
import type { RunFlags } from './run.ts';
import type { TopicsFlags } from './topics.ts';
import { TOPICS_ACTIONS, type TopicsAction } from './topics-actions.ts';
import type { VerifyFlags } from './verify.ts';

export function addRunCommand(program: Command): void {
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
      const { runCommand } = await import('./run.ts');
      const code = await runCommand(flags, process.env);
      // What a broker that is away still holds must not keep the process.
      process.exit(code);
    });
}

export function addConfigCommand(program: Command): void {
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
}

export function addTopicsCommand(program: Command): void {
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
}

export function addVerifyCommand(program: Command): void {
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
}
