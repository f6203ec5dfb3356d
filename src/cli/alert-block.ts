/** An alert as people read it in a terminal: a block of lines. The same words with and without colours. */
import pc from 'picocolors';
import type { Alert, AlertAccount } from '../model.ts';
import { counted, span } from './summary.ts';
import { fit, oneLine, wrap } from './text.ts';

const TEXT_COLUMNS = 96;
const TEXT_LINES = 3;
const ACCOUNTS_SHOWN = 8;
const ACCOUNT_COLUMNS = 32;
const EXPLANATIONS_SHOWN = 3;

/** Lines, each ended, and an empty one behind them. */
export function alertBlock(alert: Alert, isColoured: boolean): string {
  const { bold, dim, red, yellow, green } = pc.createColors(isColoured);
  const { id, revision, status, severity, accountCount, postCount, variantCount } = alert;
  const colour = status === 'open' ? red : status === 'updated' ? yellow : dim;
  const lines = [
    `${bold(colour(status.toUpperCase()))}  severity ${severity.score}  ` +
      `${counted(accountCount, 'account')}, ${counted(postCount, 'post')}, ${counted(variantCount, 'variant')}  ` +
      span(alert.firstPostAt, alert.lastPostAt),
    ...wrap(oneLine(alert.text), TEXT_COLUMNS, TEXT_LINES).map((line) => `  ${bold(line)}`),
    `  accounts: ${accountsOf(alert)}`,
    ...(alert.mergedInto === undefined ? [] : [`  taken into ${alert.mergedInto}`]),
    ...(alert.disclosedCount === 0
      ? []
      : [`  ${counted(alert.disclosedCount, 'account')} of them disclose an affiliation`]),
    ...(alert.removedCount === 0 ? [] : [`  ${counted(alert.removedCount, 'post')} deleted or edited away since`]),
    ...alert.explanations
      .slice(0, EXPLANATIONS_SHOWN)
      .map(({ description, share }) =>
        green(`  may be innocent: ${oneLine(description)} (${percent(share)} of the posts)`),
      ),
    dim(`  ${id} revision ${revision}`),
  ];
  return `${lines.join('\n')}\n\n`;
}

function accountsOf({ accounts, accountCount }: Alert): string {
  const shown = accounts.listed.slice(0, ACCOUNTS_SHOWN).map(nameOf);
  const more = accountCount - shown.length;
  return `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function nameOf({ platform, account, handle }: AlertAccount): string {
  return `${fit(oneLine(handle ?? account), ACCOUNT_COLUMNS)} (${fit(oneLine(platform), ACCOUNT_COLUMNS)})`;
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
