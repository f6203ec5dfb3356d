/**
 * Alerts as messages of Slack, by an incoming webhook: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
 *
 * What posts say is hostile: nothing of it becomes a mention, a link or a preview. At most one message a second goes to a channel.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Alert } from '../model.ts';
import { postJson, type PostOptions } from './http-post.ts';
import { idempotencyKey, type AlertSink } from './port.ts';

export interface SlackOptions extends PostOptions {
  /** Between two messages. */
  readonly intervalMs: number;
}

/** Slack's own bounds, in characters after escaping. */
const HEADER_MAX = 150;
const SECTION_MAX = 3000;
const VARIANTS_SHOWN = 5;
const ACCOUNTS_SHOWN = 20;
const EXPLANATIONS_SHOWN = 5;

export class SlackSink implements AlertSink {
  readonly #options: SlackOptions;
  #turn: Promise<void> = Promise.resolve();
  #nextMs = 0;

  constructor(options: SlackOptions) {
    this.#options = options;
  }

  async send(alert: Alert, signal: AbortSignal): Promise<void> {
    await this.#inTurn(signal);
    const headers = { 'user-agent': 'chorus', 'idempotency-key': idempotencyKey(alert) };
    await postJson(this.#options, headers, JSON.stringify(slackMessage(alert)), signal);
  }

  settle(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #inTurn(signal: AbortSignal): Promise<void> {
    const before = this.#turn;
    const turn = (async () => {
      await before;
      await sleep(Math.max(0, this.#nextMs - performance.now()), undefined, { signal });
      this.#nextMs = performance.now() + this.#options.intervalMs;
    })();
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}

interface SlackText {
  readonly type: 'mrkdwn' | 'plain_text';
  readonly text: string;
  /** Leaves URLs and names in the text as they are. */
  readonly verbatim?: true;
  readonly emoji?: false;
}

export interface SlackMessage {
  readonly text: string;
  readonly blocks: readonly (
    | { readonly type: 'header' | 'section'; readonly text: SlackText }
    | { readonly type: 'context'; readonly elements: readonly SlackText[] }
  )[];
  readonly unfurl_links: false;
  readonly unfurl_media: false;
}

/** A header, up to five sections and a context: far below Slack's 50 blocks. */
export function slackMessage(alert: Alert): SlackMessage {
  const title = `Coordinated posting: ${alert.accountCount} accounts, severity ${alert.severity.score}, ${alert.status}`;
  const sections = [summaryOf(alert), textsOf(alert), accountsOf(alert), explanationsOf(alert)];
  const context = `alert ${escaped(alert.id)}, revision ${alert.revision} | ${escaped(alert.engine)}`;
  return {
    text: title,
    blocks: [
      { type: 'header', text: { type: 'plain_text', text: title.slice(0, HEADER_MAX), emoji: false } },
      ...sections
        .filter((text) => text !== '')
        .map((text) => ({
          type: 'section' as const,
          text: { type: 'mrkdwn' as const, text, verbatim: true as const },
        })),
      { type: 'context', elements: [{ type: 'mrkdwn', text: context, verbatim: true }] },
    ],
    unfurl_links: false,
    unfurl_media: false,
  };
}

function summaryOf(alert: Alert): string {
  const { accountCount, postCount, variantCount, firstPostAt, lastPostAt, platforms, disclosedCount } = alert;
  const posts = Object.entries(platforms).map(([name, count]) => `${escaped(name)} ${count}`);
  const merged = alert.mergedInto === undefined ? '' : `\nGone on as part of alert ${escaped(alert.mergedInto)}.`;
  const disclosed = disclosedCount > 0 ? `\nAccounts that disclose an affiliation: ${disclosedCount}.` : '';
  const counts = `*${postCount} posts* of *${accountCount} accounts* in ${variantCount} wordings (${posts.join(', ')})`;
  return bounded([`${counts}\n${firstPostAt} to ${lastPostAt}${disclosed}${merged}`]);
}

function textsOf({ variants, variantCount, removedCount }: Alert): string {
  const listed = variants.listed.slice(0, VARIANTS_SHOWN);
  if (listed.length === 0) return removedCount > 0 ? 'All of its posts were removed since.' : '';
  const lines = listed.map(({ text, accountCount }) => `${quoted(text, 500)}\n_${accountCount} accounts_`);
  return bounded([...lines, ...leftOut(variantCount - listed.length, 'further wordings')]);
}

function accountsOf({ accounts, accountCount }: Alert): string {
  const listed = accounts.listed.slice(0, ACCOUNTS_SHOWN);
  if (listed.length === 0) return '';
  const names = listed.map(({ platform, account, handle, postCount }) => {
    return `${escaped(cut(handle ?? account, 80))} (${escaped(platform)}, ${postCount})`;
  });
  return bounded(['*Accounts*', ...names, ...leftOut(accountCount - listed.length, 'more')]);
}

function explanationsOf({ explanations }: Alert): string {
  if (explanations.length === 0) return '';
  const lines = explanations.slice(0, EXPLANATIONS_SHOWN).map(({ description, share }) => {
    return `${escaped(cut(description, 300))}: ${Math.round(share * 100)} % of the posts`;
  });
  return bounded(['*Why it may be innocent*', ...lines]);
}

function leftOut(count: number, what: string): string[] {
  return count > 0 ? [`and ${count} ${what}`] : [];
}

/** As many lines as there is room for: an escape is never cut in two. */
function bounded(lines: readonly string[]): string {
  let text = '';
  for (const line of lines) {
    const longer = text === '' ? line : `${text}\n${line}`;
    if (longer.length > SECTION_MAX) break;
    text = longer;
  }
  return text;
}

function quoted(text: string, max: number): string {
  return escaped(cut(text, max))
    .split(/\r\n|[\n\r\u0085\u2028\u2029]/)
    .map((line) => `> ${line}`)
    .join('\n');
}

/** The three characters by which Slack knows a mention or a link. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  return `${text.slice(0, max).replace(/[\uD800-\uDBFF]$/, '')}…`;
}
