/** The first sections of a campaign's page: what was found, why it may be innocent, what it does not show; and the last ones. */
import { SEVERITY_PARTS } from '../model.ts';
import type { ReportAlert } from './alert.ts';
import { chartHtml, timeline, type Chart } from './charts.ts';
import { escapeHtml, wordsHtml } from './escape.ts';
import { postRows, type Evidence } from './evidence.ts';
import { postHtml, postIdHtml } from './page-evidence.ts';
import { counted, lengthOf, momentOf, number, percent, rangeOf } from './words.ts';

const POSTS_MAX = 5;
const MINUTE_MS = 60_000;

/** Names of explanations as people say them; one of the user's own is said as it is named. */
const EXPLANATION_WORDS: Readonly<Record<string, string>> = {
  forwarded_by_hand: 'Forwarded by hand',
  link_headline: 'The headline or share text of one link',
  app_template: 'A check-in or app that writes the text',
  quotation: 'A quotation, a saying or lyrics',
  greeting: 'A greeting or a common reaction',
  petition: 'A petition or campaign app that offers the text',
  same_event: 'Reports of the same event',
  cross_posts: 'One person posting on several platforms',
};

const PART_WORDS: Readonly<Record<string, string>> = {
  accounts: 'Number of accounts',
  speed: 'Speed',
  likeness: 'Likeness of the texts',
  obfuscation: 'Disguised letters',
  freshness: 'Accounts created close together',
  repeats: 'Accounts seen in earlier campaigns',
  explained: 'Innocent explanations found',
};

const STATUS_WORDS: Readonly<Record<string, string>> = {
  open: 'open: it may still grow',
  updated: 'open: it may still grow',
  merged: 'merged into another campaign that this report does not have',
  closed: 'closed: no post of it came for a window of time',
};

export function explanationWords(name: string): string {
  return EXPLANATION_WORDS[name] ?? name.replaceAll('_', ' ');
}

function headline({ accountCount, postCount, firstMs, lastMs }: ReportAlert): string {
  const span = lastMs > firstMs ? ` within ${lengthOf(lastMs - firstMs)}` : '';
  return `${counted(accountCount, 'account')} posted near-identical text${postCount > accountCount ? `, ${counted(postCount, 'post')} in all,` : ''}${span}`;
}

export function overview(alert: ReportAlert): string {
  const { text, firstMs, lastMs, platforms, timing, severity, variantCount, status } = alert;
  const facts = [
    fact(
      'Accounts',
      number(alert.accountCount),
      platforms.map(([name, count]) => `${wordsHtml(name, 50)} ${number(count)}`).join(', '),
    ),
    fact(
      'Posts',
      number(alert.postCount),
      alert.forwardCount > 0 ? `${number(alert.forwardCount)} forwarded by hand` : '',
    ),
    fact('Variants', number(variantCount), ''),
    fact('From first to last', lengthOf(lastMs - firstMs), `${rangeOf(firstMs, lastMs)} UTC`),
    ...(timing === undefined
      ? []
      : [
          fact('In the first minute', counted(timing.firstMinuteAccountCount, 'account'), ''),
          fact(
            'Between posts',
            lengthOf(timing.medianGapMs),
            `half of the gaps are shorter; the smallest: ${lengthOf(timing.smallestGapMs)}`,
          ),
        ]),
    ...(severity === undefined
      ? []
      : [fact('Severity', `${severity.score} of 100`, 'for sorting a list; no measure of guilt')]),
  ];
  const removed =
    alert.removedCount === 0
      ? ''
      : `<p>${counted(alert.removedCount, 'post was', 'posts were')} deleted or edited since. Their texts and accounts are not kept and not shown.</p>`;
  return `<header><p class="kicker">Coordinated posting, campaign ${alert.id}</p>
<h1>${escapeHtml(headline(alert))}</h1></header>
<main>
${text === '' ? '<p class="lead">Every post of this campaign has been deleted since.</p>' : `<blockquote>${postHtml(text)}</blockquote>`}
<dl class="facts">${facts.join('\n')}</dl>
<p>This campaign is ${STATUS_WORDS[status]!}.</p>
${removed}`;
}

/** @param more markup */
function fact(name: string, value: string, more: string): string {
  return `<div><dt>${name}</dt><dd>${value}${more === '' ? '' : `<small>${more}</small>`}</dd></div>`;
}

export function innocenceSection({ explanations }: ReportAlert): string {
  return `<section class="caution" aria-labelledby="innocent"><h2 id="innocent">Why this may be innocent</h2>
${innocence(explanations)}</section>`;
}

function innocence(explanations: ReportAlert['explanations']): string {
  if (explanations === undefined) {
    return '<p>The version that made this alert did not look for innocent explanations. Look for them yourself before anything else.</p>';
  }
  if (explanations.length === 0) {
    return '<p>None of the innocent explanations that Chorus knows was found in these posts. That is no proof of anything: look for one that it does not know.</p>';
  }
  const items = explanations.map(({ name, share, postCount, description, evidence, posts }) => {
    const ids = posts.slice(0, POSTS_MAX).map(({ platform, id }) => postIdHtml(platform, id));
    const shown =
      ids.length === 0
        ? ''
        : `<p class="muted">Shown by, among others: <span class="identifier">${ids.join(', ')}</span></p>`;
    return `<h3><span class="share">${percent(share)}</span> ${wordsHtml(explanationWords(name))}</h3>
<p>${wordsHtml(description, 2000)} ${counted(postCount, 'post')}. ${wordsHtml(evidence, 2000)}</p>${shown}`;
  });
  return `<p>Each share is that of the posts which the explanation covers. One post may have several.</p>${items.join('\n')}`;
}

export const LIMITS_SECTION = `<section class="panel" aria-labelledby="limits"><h2 id="limits">What this does not show</h2>
<ul>
<li>It does not show who wrote the text, who asked for it to be posted, or whether anybody did.</li>
<li>It does not show that an account is fake or run by a program. Most of those who post the same words are people: supporters, staff, fans, readers who pressed a share button.</li>
<li>It does not show that what the posts say is false or harmful.</li>
<li>It does not show everything. It rests on the posts of one feed; reposts by the platform's own button are not compared.</li>
</ul>
<p>Before you publish or act: look at the posts where they were published, look for where the text comes from, read the accounts' other posts, and ask them.</p></section>`;

export function timelineSection(evidence: Evidence): string {
  const chart = timelineChart(evidence);
  if (chart === undefined) return '';
  return `<section aria-labelledby="time"><h2 id="time">Posts over time</h2>
${chartHtml(chart, `${chart.description} Times are UTC.`)}</section>`;
}

/** All posts where they are known, else the minutes that the alert lists, else its samples. */
function timelineChart(evidence: Evidence): Chart | undefined {
  const { alert, members } = evidence;
  const { timing } = alert;
  if (members === undefined && timing !== undefined && timing.perMinute.listed.length > 0) {
    const { listed, leftOut } = timing.perMinute;
    const points = listed.map(({ minuteMs, postCount }) => ({ ms: minuteMs, count: postCount }));
    return timeline(
      points,
      MINUTE_MS,
      leftOut > 0 ? `${counted(leftOut, 'later post is', 'later posts are')} not drawn.` : '',
    );
  }
  const rows = postRows(evidence);
  const left = alert.postCount - rows.length;
  const points = rows.map(({ createdMs }) => ({ ms: createdMs, count: 1 }));
  return timeline(
    points,
    1,
    left > 0
      ? `${counted(left, 'post')} whose time the alert does not list ${left === 1 ? 'is' : 'are'} not drawn.`
      : '',
  );
}

export function techniquesSection({ techniques }: ReportAlert): string {
  if (techniques === undefined || techniques.length === 0) return '';
  const rows = techniques.map(({ framework, version, id, name, because }) => {
    return `<tr><th scope="row">${id}</th><td>${wordsHtml(name)}</td><td>${wordsHtml(because, 2000)}</td><td>${framework} ${wordsHtml(version, 50)}</td></tr>`;
  });
  return `<section aria-labelledby="techniques"><h2 id="techniques">Candidate techniques</h2>
<p>What the pattern of posting would fit if it were an influence operation. These are candidates for an analyst, not findings.</p>
<div class="scroll"><table><thead><tr><th scope="col">Id</th><th scope="col">Technique</th><th scope="col">Why it is a candidate</th><th scope="col">Framework</th></tr></thead>
<tbody>${rows.join('\n')}</tbody></table></div></section>`;
}

export function severitySection({ severity }: ReportAlert): string {
  if (severity === undefined) return '';
  const known = new Map(severity.parts);
  const parts = SEVERITY_PARTS.flatMap((name) => (known.has(name) ? [[name, known.get(name)!] as const] : []));
  const rows = parts.map(([name, points]) => {
    return `<tr><th scope="row">${PART_WORDS[name]!}</th><td class="number">${points > 0 ? '+' : ''}${points}</td></tr>`;
  });
  return `<section aria-labelledby="severity"><h2 id="severity">Severity, in parts</h2>
<p>Severity sorts a list, so that what most deserves a look comes first. It is the sum of these parts, from 0 to 100.</p>
<table class="narrow"><thead><tr><th scope="col">Part</th><th scope="col" class="number">Points</th></tr></thead>
<tbody>${rows.join('\n')}</tbody>
<tfoot><tr><th scope="row"><strong>Severity</strong></th><td class="number"><strong>${severity.score}</strong></td></tr></tfoot></table></section>`;
}

export function provenanceSection({ alert, mergedIds, members }: Evidence): string {
  const rows: (readonly [string, string])[] = [
    ['Alert', `${alert.id}, revision ${alert.revision}, ${alert.status}, of ${momentOf(alert.revisedMs)} UTC`],
    ...(mergedIds.length === 0 ? [] : [['Alerts merged into it', mergedIds.join(', ')] as const]),
    ['Window', lengthOf(alert.windowMs)],
    ['Found by', alert.foundBy.join(', ')],
    ['Engine', alert.engine],
    ['Topology', alert.topology],
    [
      'Posts',
      members === undefined ? 'those that the alert lists' : `all ${number(members.length)}, from a file of members`,
    ],
  ];
  return `<section aria-labelledby="provenance"><h2 id="provenance">Provenance</h2>
<p>The same posts, read by the same engine with the settings and tables that the topology id stands for, give this alert again.</p>
<table class="narrow"><tbody>${rows.map(([name, value]) => `<tr><th scope="row">${name}</th><td>${wordsHtml(value, 5000)}</td></tr>`).join('\n')}</tbody></table></section>`;
}
