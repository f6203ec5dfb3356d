/** `chorus resend`: what a sink missed, once more from the alerts topic. The work is in runtime/resend.ts. */
import type { Command } from 'commander';
import { ConfigError, type ConfigProblem } from '../errors.ts';
import { EXIT } from './exit.ts';
import { parseFeedBound } from './feed-bound.ts';
import { onInterrupt } from './interrupt.ts';
import { counted } from './summary.ts';
import type { Environment } from './secrets.ts';

export interface ResendFlags {
  readonly config: string;
  readonly sink: string;
  readonly from: string;
  readonly to?: string;
}

export function addResendCommand(program: Command): void {
  program
    .command('resend')
    .description('send alerts of the alerts topic to a sink again')
    .requiredOption('--config <file>', 'settings as YAML, as for "chorus run"')
    .requiredOption('--sink <name>', 'name of the sink')
    .requiredOption('--from <bound>', 'a time, a duration back from now, or offsets 0:1200,1:900')
    .option('--to <bound>', 'likewise (default: the end as it is now)')
    .addHelpText(
      'after',
      `
Examples:
  chorus resend --config chorus.yaml --sink desk --from 2025-02-04T09:00Z --to 2025-02-04T12:00Z
  chorus resend --config chorus.yaml --sink desk --from 6h

A time is that at which the broker took the alert. It joins no group, so a sink that runs goes on where it is. The filter of the sink
holds, and each alert has the key that it had before. Exit codes: 0 all sent, 1 some were given up, 2 usage or configuration.`,
    )
    .action(async (flags: ResendFlags) => {
      process.exitCode = await resendCommand(flags, process.env);
    });
}

/** Returns the exit code. @throws ConfigError, ChorusError */
async function resendCommand(flags: ResendFlags, env: Environment): Promise<number> {
  // The client of Kafka takes 0.1 s to load.
  const { loadDeployment } = await import('./config-deployment.ts');
  const { feedClient, interruptedError } = await import('./feed-source.ts');
  const { openSink } = await import('../runtime/sinks.ts');
  const { resend } = await import('../runtime/resend.ts');
  const problems: ConfigProblem[] = [];
  const from = parseFeedBound('--from', flags.from, Date.now(), problems);
  const to = parseFeedBound('--to', flags.to, Date.now(), problems);
  const config = loadDeployment({ file: flags.config, secret: env['CHORUS_SECRET'] }, env);
  const settings = config.sinks.find(({ name }) => name === flags.sink);
  if (settings === undefined) {
    const names = config.sinks.map(({ name }) => name).join(', ') || 'none is given';
    problems.push({ name: '--sink', value: flags.sink, bound: `the name of a sink of ${flags.config} (${names})` });
  }
  if (settings === undefined || problems.length > 0) throw new ConfigError(problems);
  const interrupt = onInterrupt();
  const client = feedClient(config);
  const parts = openSink(settings, client);
  const { signal } = interrupt;
  const log = (_level: string, message: string, { error, alert }: Readonly<Record<string, unknown>>): void => {
    process.stderr.write(`chorus: ${message}: ${JSON.stringify({ error, alert })}\n`);
  };
  try {
    const report = await resend({ client, topic: config.topics.alerts, parts, from, to, signal, log });
    const { records, sent, dropped, passedOver, unreadable } = report;
    process.stderr.write(
      `${counted(records, 'record')}: ${sent} sent to ${flags.sink}, ${passedOver} passed over, ${dropped} given up, ${unreadable} unreadable\n`,
    );
    return dropped + unreadable > 0 ? EXIT.failed : EXIT.done;
  } catch (error) {
    throw signal.aborted ? interruptedError('all was sent again') : error;
  } finally {
    await parts.sink.close();
    await parts.deadLetters?.close();
    interrupt.dispose();
  }
}
