/** `chorus report`: alerts in, a folder of pages out. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { ChorusError, ConfigError, type ConfigProblem } from '../errors.ts';
import { AccountBook } from '../report/account-book.ts';
import { campaignPage } from '../report/campaign-page.ts';
import { accountRows } from '../report/evidence.ts';
import { indexPage } from '../report/index-page.ts';
import { AlertArchive, type ArchivedCampaign } from './alert-archive.ts';
import { EXIT } from './exit.ts';
import { counted } from './summary.ts';
import { VERSION } from './version.ts';

const TOP_DEFAULT = 10_000;
const STDIN = '-';
const PAGES = 'campaigns';
const PAGE = /^[0-9a-f]{16}\.html$/;
const GENERATOR = `Chorus ${VERSION}`;

interface ReportFlags {
  readonly out: string;
  readonly members?: string;
  readonly top?: string;
  readonly replace?: boolean;
}

export function addReportCommand(program: Command): void {
  program
    .command('report')
    .description('make pages of alerts that can be read, printed and checked: one for each campaign, and a list')
    .argument('<ALERTS>', 'alerts as replay or the alerts topic has them, all revisions or --final, or - for stdin')
    .requiredOption('--out <folder>', 'where the pages go: a new or empty folder')
    .option('--members <file>', 'the posts of each campaign, as replay --members writes them, for complete lists')
    .option('--top <n>', 'only the campaigns of highest severity', String(TOP_DEFAULT))
    .option('--replace', 'replace the pages of an earlier report in the folder')
    .addHelpText(
      'after',
      `
Examples:
  chorus replay --final --members members.ndjson --alerts alerts.ndjson posts.ndjson.gz
  chorus report alerts.ndjson --members members.ndjson --out report      then open report/index.html

The pages load nothing from anywhere and work without scripts. They hold what people posted and who they are.`,
    )
    .action(async (alerts: string, flags: ReportFlags) => {
      process.exitCode = await reportCommand(alerts, flags);
    });
}

/** Returns the exit code. @throws ConfigError, InputError, ChorusError `report_io` */
async function reportCommand(alerts: string, flags: ReportFlags): Promise<number> {
  const top = topOf(alerts, flags);
  const archive = await AlertArchive.read({ alerts, members: flags.members });
  try {
    const campaigns = archive.campaigns.slice(0, top);
    makeFolder(flags);
    writePages(archive, campaigns, flags.out);
    process.stderr.write(
      `${archive.complaint}${join(flags.out, 'index.html')}: ${counted(campaigns.length, 'campaign')}\n`,
    );
    return archive.isMostlyRejected ? EXIT.mostlyRejected : EXIT.done;
  } finally {
    archive.close();
  }
}

function topOf(alerts: string, { out, members, top = String(TOP_DEFAULT), replace }: ReportFlags): number {
  const problems: ConfigProblem[] = [];
  if (alerts === STDIN && members === STDIN) {
    problems.push({ name: '--members', value: STDIN, bound: 'a file where the alerts are -' });
  }
  if (!/^[1-9]\d{0,6}$/.test(top)) problems.push({ name: '--top', value: top, bound: 'an integer from 1 to 9999999' });
  const content = contentOf(out);
  if (content === undefined || (content.length > 0 && replace !== true)) {
    problems.push({
      name: '--out',
      value: out,
      bound: 'a new or empty folder, or one of an earlier report with --replace',
    });
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return Number(top);
}

/** Empty for a folder that is not there; undefined for what is no folder. */
function contentOf(folder: string): string[] | undefined {
  try {
    return readdirSync(folder);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? [] : undefined;
  }
}

/** Pages of an earlier report must not stand beside those of this one; nothing else is touched. */
function makeFolder({ out }: ReportFlags): void {
  const pages = join(out, PAGES);
  try {
    for (const name of contentOf(pages) ?? []) if (PAGE.test(name)) rmSync(join(pages, name));
    mkdirSync(pages, { recursive: true });
  } catch (cause) {
    throw new ConfigError([
      { name: '--out', value: out, bound: `a folder that can be written (${(cause as Error).message})` },
    ]);
  }
}

function writePages(archive: AlertArchive, campaigns: readonly ArchivedCampaign[], out: string): void {
  // Twice over all campaigns: a page says where else its accounts are.
  const book = new AccountBook();
  for (const [number, campaign] of campaigns.entries()) {
    book.add(number, accountRows(archive.load(campaign)), campaign.lastMs);
  }
  for (const [number, campaign] of campaigns.entries()) {
    const evidence = archive.load(campaign);
    const page = campaignPage({ evidence, campaign: number, campaigns, book, generator: GENERATOR });
    write(join(out, PAGES, `${campaign.id}.html`), page);
  }
  const leftOut = archive.campaigns.length - campaigns.length;
  write(
    join(out, 'index.html'),
    indexPage({ rows: campaigns, leftOut, accountCount: book.size, generator: GENERATOR }),
  );
}

function write(path: string, page: string): void {
  try {
    writeFileSync(path, page);
  } catch (cause) {
    throw new ChorusError('report_io', `cannot write ${path}: ${(cause as Error).message}`, { cause });
  }
}
