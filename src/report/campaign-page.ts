/** One campaign -> its page. */
import type { AccountBook } from './account-book.ts';
import { documentHtml } from './document.ts';
import { oneLine } from './escape.ts';
import { accountRows, type Evidence } from './evidence.ts';
import { accountsSection, creationSection, networkSection, type Neighbour } from './page-accounts.ts';
import { samplesSection, templateSection, variantsSection } from './page-evidence.ts';
import {
  innocenceSection,
  LIMITS_SECTION,
  overview,
  provenanceSection,
  severitySection,
  techniquesSection,
  timelineSection,
} from './page-overview.ts';

export interface CampaignPage {
  readonly evidence: Evidence;
  /** Its number in the list of campaigns. */
  readonly campaign: number;
  readonly campaigns: readonly Neighbour[];
  readonly book: AccountBook;
  /** Name and version of the program. */
  readonly generator: string;
}

export function campaignPage({ evidence, campaign, campaigns, book, generator }: CampaignPage): string {
  const { alert } = evidence;
  const rows = accountRows(evidence);
  const names = new Map(rows.map((row) => [row.key, row.handle ?? row.account]));
  const sections = [
    overview(alert),
    innocenceSection(alert),
    LIMITS_SECTION,
    timelineSection(evidence),
    variantsSection(alert),
    templateSection(alert.template),
    accountsSection(alert, rows, book, campaign, campaigns),
    creationSection(alert, rows),
    networkSection(rows, book, campaign),
    samplesSection(alert, names),
    techniquesSection(alert),
    severitySection(alert),
    provenanceSection(evidence),
  ];
  return documentHtml({
    title: `Coordinated posting: ${oneLine(alert.text, 70) || alert.id}`,
    body: `<nav><a href="../index.html">All campaigns</a></nav>
${sections.filter((section) => section !== '').join('\n')}
</main>
<footer><p>Made by ${generator} from alerts. It holds what people posted and who they are: keep it as you would keep your notes.</p></footer>`,
  });
}
