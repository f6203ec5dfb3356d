/** Sections of a campaign's page that show who posted: accounts, creation dates, network. */
import type { AccountBook } from './account-book.ts';
import type { ReportAlert } from './alert.ts';
import { chartHtml, creationHistogram } from './charts.ts';
import { wordsHtml } from './escape.ts';
import type { AccountRow } from './evidence.ts';
import { accountAddress } from './links.ts';
import { linkedHtml } from './page-evidence.ts';
import { networkHtml, networkOf, NO_LINES } from './network.ts';
import { counted, dateOf, momentOf, number } from './words.ts';

const ACCOUNTS_MAX = 500;
const CAMPAIGNS_MAX = 5;

/** What a page says of a campaign that it links to. */
export interface Neighbour {
  readonly id: string;
}

export function accountsSection(
  alert: ReportAlert,
  rows: readonly AccountRow[],
  book: AccountBook,
  campaign: number,
  campaigns: readonly Neighbour[],
): string {
  if (rows.length === 0) return '';
  const shown = rows.slice(0, ACCOUNTS_MAX);
  const left = Math.max(alert.accountCount, rows.length) - shown.length;
  const others = (row: AccountRow): readonly number[] =>
    book.get(row.key)?.campaigns.filter((each) => each !== campaign) ?? [];
  const body = shown.map((row) => accountRow(row, others(row), campaigns));
  const earlier = rows.filter(({ earlierCampaigns = 0 }) => earlierCampaigns > 0).length;
  const repeated = rows.filter((row) => others(row).length > 0).length;
  return `<section aria-labelledby="accounts"><h2 id="accounts">Accounts</h2>
<p>${sentences(alert, rows, earlier, repeated)}</p>
<div class="scroll"><table>
<caption>${number(shown.length)} of ${counted(Math.max(alert.accountCount, rows.length), 'account')}, in order of their first posts${left > 0 ? '; the others are in the alert or in "chorus export --to csv"' : ''}. Times are UTC.</caption>
<thead><tr><th scope="col">Account</th><th scope="col">Platform</th><th scope="col" class="number">Posts</th><th scope="col">First post</th><th scope="col">Last post</th><th scope="col">Created</th><th scope="col">Discloses</th><th scope="col">Earlier</th><th scope="col">Also in</th></tr></thead>
<tbody>${body.join('\n')}</tbody></table></div></section>`;
}

function sentences(alert: ReportAlert, rows: readonly AccountRow[], earlier: number, repeated: number): string {
  const said = [
    repeated === 0
      ? 'None of these accounts is in another campaign of this report.'
      : `${counted(repeated, 'account is', 'accounts are')} in other campaigns of this report too.`,
  ];
  if (earlier > 0)
    said.push(`${counted(earlier, 'account')} took part in campaigns that this deployment had seen end before.`);
  if (alert.disclosedCount !== undefined && alert.disclosedCount > 0) {
    said.push(
      `${counted(alert.disclosedCount, 'account discloses', 'accounts disclose')} an affiliation in the posts: disclosed campaigning is not the same thing as hiding it.`,
    );
  }
  const known = rows.filter(({ createdMs }) => createdMs !== undefined).length;
  if (known < rows.length) said.push(`The creation date of ${counted(rows.length - known, 'account')} is not known.`);
  return said.join(' ');
}

function accountRow(row: AccountRow, others: readonly number[], campaigns: readonly Neighbour[]): string {
  const links = others.slice(0, CAMPAIGNS_MAX).map((each) => {
    const { id } = campaigns[each]!;
    return `<a class="identifier" href="${id}.html">${id.slice(0, 8)}</a>`;
  });
  const more = others.length > CAMPAIGNS_MAX ? ` and ${number(others.length - CAMPAIGNS_MAX)} more` : '';
  const id =
    row.handle === undefined || row.handle === row.account
      ? ''
      : `<br><span class="identifier">${wordsHtml(row.account, 200)}</span>`;
  const address = accountAddress(row.platform, row.account);
  const name = wordsHtml(row.handle ?? row.account, 200);
  const linked = linkedHtml(name, address);
  const disclosure = row.disclosure === undefined ? '' : wordsHtml(row.disclosure, 200);
  return `<tr><th scope="row">${linked}${id}</th><td>${wordsHtml(row.platform, 50)}</td><td class="number">${number(row.postCount)}</td><td class="when">${momentOf(row.firstMs)}</td><td class="when">${row.lastMs === row.firstMs ? '' : momentOf(row.lastMs)}</td><td class="when">${row.createdMs === undefined ? '' : dateOf(row.createdMs)}</td><td>${disclosure}</td><td class="number">${row.earlierCampaigns ? number(row.earlierCampaigns) : ''}</td><td>${links.join(' ')}${more}</td></tr>`;
}

export function creationSection({ creation, firstMs }: ReportAlert, rows: readonly AccountRow[]): string {
  const dates = rows.flatMap(({ createdMs }) => createdMs ?? []);
  const chart = creationHistogram(dates, firstMs);
  if (chart === undefined) return '';
  const meaning =
    creation === undefined
      ? ''
      : `<p><strong>Concentration ${creation.concentration.toFixed(2)}</strong> on a scale from 0 to 1. ${wordsHtml(creation.meaning, 2000)}</p>`;
  const note = `${number(dates.length)} of ${counted(rows.length, 'account')} listed: the date of the others is not known.`;
  return `<section aria-labelledby="created"><h2 id="created">When the accounts were created</h2>
${meaning}
<p class="muted">Young accounts alone prove little: people join a platform because of an event, and then post about it.</p>
${chartHtml(chart, dates.length === rows.length ? `All ${counted(rows.length, 'account')} listed.` : note)}</section>`;
}

export function networkSection(rows: readonly AccountRow[], book: AccountBook, campaign: number): string {
  if (rows.length < 2) return '';
  const drawing = networkHtml(networkOf(rows, book, campaign), rows.length);
  return `<section aria-labelledby="network"><h2 id="network">Network of the accounts</h2>
${drawing === '' ? `<p>${NO_LINES}</p>` : drawing}</section>`;
}
