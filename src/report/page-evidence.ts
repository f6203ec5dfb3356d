/** Sections of a campaign's page that show what was posted: variants, template, posts. */
import { diffWordsWithSpace } from 'diff';
import type { AlertTemplate, DiffPart } from '../model.ts';
import { compareText } from '../windows/alert.ts';
import type { ReportAlert, ReportSample, ReportVariant } from './alert.ts';
import { escapeHtml, shownText, wordsHtml } from './escape.ts';
import { postAddress } from './links.ts';
import { counted, momentOf, number, percent } from './words.ts';

/** UTF-16 units of one text. Posts are shorter; a page of texts that are not could not be read. */
const TEXT_UNITS_MAX = 4000;
const VARIANTS_MAX = 50;
const SAMPLES_MAX = 100;
const FILLS_MAX = 12;
/** A diff takes time by the product of length and difference. */
const DIFF_UNITS_MAX = 4000;
const DIFF_EDITS_MAX = 150;

/** The element says nothing of the language, which is not known, and takes its direction from its own letters. */
export function postHtml(text: string): string {
  const { html, more } = shownText(text, TEXT_UNITS_MAX);
  const rest = more === 0 ? '' : `<p class="muted">${counted(more, 'more character')} in the alert.</p>`;
  return `<div class="post" dir="auto" lang="">${html}</div>${rest}`;
}

export function variantsSection({ text, variants, variantCount }: ReportAlert): string {
  if (variants.listed.length === 0) return '';
  const shown = variants.listed.slice(0, VARIANTS_MAX);
  const order = orderInTime(variants.listed);
  const rows = shown.map((variant) => variantRow(variant, text, order.get(variant)!));
  const left = variantCount - shown.length;
  return `<section aria-labelledby="variants"><h2 id="variants">Variants of the text, side by side</h2>
<p>The text that most accounts posted is on the left, each variant on the right, those of most accounts first. What a variant
lacks is <del>struck out</del>, what it adds is <ins>underlined</ins>. The numbers 1, 2, 3 … tell the order in which they first appeared.</p>
<table class="variants">
<caption>${counted(shown.length, 'variant')}${left > 0 ? `; ${counted(left, 'more is', 'more are')} not listed` : ''}. Times are UTC.</caption>
<thead><tr><th scope="col">Most posted text</th><th scope="col">Variant</th><th scope="col" class="count">Posted</th></tr></thead>
<tbody>${rows.join('\n')}</tbody></table></section>`;
}

function orderInTime(variants: readonly ReportVariant[]): Map<ReportVariant, number> {
  const sorted = variants.toSorted((a, b) => a.firstMs - b.firstMs || compareText(a.text, b.text));
  return new Map(sorted.map((variant, i) => [variant, i + 1]));
}

function variantRow(variant: ReportVariant, representative: string, order: number): string {
  const parts = comparison(variant, representative);
  const isCompared =
    parts.length > 0 && joined(parts, 'removed') === representative && joined(parts, 'added') === variant.text;
  const [left, right] =
    variant.text === representative
      ? ['<span class="muted">the same</span>', postHtml(variant.text)]
      : isCompared
        ? [sideHtml(parts, 'removed'), sideHtml(parts, 'added')]
        : ['<span class="muted">too different to compare word by word</span>', postHtml(variant.text)];
  const { accountCount, postCount, firstMs } = variant;
  return `<tr><td>${left}</td><td>${right}</td><td class="count"><strong>${counted(accountCount, 'account')}</strong><br>${counted(postCount, 'post')}<br><span class="muted">${order}. first at ${momentOf(firstMs)}</span></td></tr>`;
}

function comparison({ text, diff = [] }: ReportVariant, representative: string): readonly DiffPart[] {
  if (text === representative) return [];
  return diff.length > 0 ? diff : diffOf(representative, text);
}

function joined(parts: readonly DiffPart[], side: 'added' | 'removed'): string {
  return parts
    .filter(({ op }) => op === 'same' || op === side)
    .map(({ text }) => text)
    .join('');
}

/** Of one side of a comparison: what both have, and what only this side has marked. */
function sideHtml(parts: readonly DiffPart[], side: 'added' | 'removed'): string {
  const tag = side === 'added' ? 'ins' : 'del';
  let left = TEXT_UNITS_MAX;
  const html = parts.map(({ op, text }) => {
    if ((op !== 'same' && op !== side) || left <= 0) return '';
    const shown = shownText(text, left).html;
    left -= text.length;
    return op === 'same' ? shown : `<${tag}>${shown}</${tag}>`;
  });
  return `<div class="post" dir="auto" lang="">${html.join('')}</div>`;
}

/** For alerts that carry no comparison. None for texts that are too long or too different. */
function diffOf(from: string, to: string): DiffPart[] {
  if (from.length + to.length > DIFF_UNITS_MAX) return [];
  const changes = diffWordsWithSpace(from, to, { maxEditLength: DIFF_EDITS_MAX }) ?? [];
  return changes.map(({ added, removed, value }) => ({
    op: added ? 'added' : removed ? 'removed' : 'same',
    text: value,
  }));
}

export function templateSection(template: AlertTemplate | undefined): string {
  if (template === undefined) return '';
  const skeleton = template.parts.map((part) =>
    'slot' in part ? `<span class="slot">${part.slot}</span>` : shownText(part.text, TEXT_UNITS_MAX).html,
  );
  const slots = template.slots.map(({ fills, leftOut }, i) => {
    const shown = fills.slice(0, FILLS_MAX);
    const left = leftOut + fills.length - shown.length;
    const words = shown.map(({ text, postCount }) => {
      const fill =
        text === '' ? '<span class="muted">(nothing)</span>' : `<bdi lang="">${shownText(text, 200).html}</bdi>`;
      return `${fill} <span class="muted">${number(postCount)}</span>`;
    });
    return `<tr><th scope="row"><span class="slot">${i + 1}</span></th><td>${words.join(', ')}${left > 0 ? `, <span class="muted">${number(left)} more</span>` : ''}</td></tr>`;
  });
  return `<section aria-labelledby="template"><h2 id="template">What the variants have in common</h2>
<p>${percent(template.share)} of the posts fit this text with gaps.</p>
<blockquote><div class="post" dir="auto" lang="">${skeleton.join('')}</div></blockquote>
<table><caption>What filled the gaps, with the number of posts</caption>
<thead><tr><th scope="col">Gap</th><th scope="col">Words</th></tr></thead><tbody>${slots.join('\n')}</tbody></table></section>`;
}

export function samplesSection({ samples, postCount }: ReportAlert, names: ReadonlyMap<string, string>): string {
  if (samples.listed.length === 0) return '';
  const shown = samples.listed.slice(0, SAMPLES_MAX);
  const rows = shown.map((sample) => sampleRow(sample, names));
  const hasSource = shown.some(({ source }) => source !== undefined);
  return `<section aria-labelledby="posts"><h2 id="posts">Posts</h2>
<p>As the feed delivered them. Addresses inside posts are not links here, on purpose. Look at each post where it was published before you rely on it.</p>
<div class="scroll"><table>
<caption>${number(shown.length)} of ${counted(postCount, 'post')}, in order of time. Times are UTC.</caption>
<thead><tr><th scope="col">Time</th><th scope="col">Account</th><th scope="col">Text</th><th scope="col">Post${hasSource ? ' and place in the log' : ''}</th></tr></thead>
<tbody>${rows.join('\n')}</tbody></table></div></section>`;
}

function sampleRow(sample: ReportSample, names: ReadonlyMap<string, string>): string {
  const { platform, id, account, createdMs, text, urls, source } = sample;
  const name = names.get(`${platform}/${account}`) ?? account;
  const links = urls.map((url) => `<li class="identifier">${wordsHtml(url)}</li>`);
  const place =
    source === undefined
      ? ''
      : `<br>${wordsHtml(source.topic, 250)}, partition ${source.partition}, offset ${wordsHtml(source.offset, 50)}`;
  return `<tr><td class="when">${momentOf(createdMs)}</td><td>${wordsHtml(name, 200)}</td><td>${postHtml(text)}${links.length === 0 ? '' : `<ul>${links.slice(0, 10).join('')}</ul>`}</td><td class="identifier">${wordsHtml(platform, 50)}<br>${postIdHtml(platform, id)}${place}</td></tr>`;
}

/** The id of a post, linked where its address is known. */
export function postIdHtml(platform: string, id: string): string {
  return linkedHtml(wordsHtml(id), postAddress(platform, id));
}

/** @param html of the words */
export function linkedHtml(html: string, address: string | undefined): string {
  if (address === undefined) return html;
  return `<a rel="noopener noreferrer nofollow" href="${escapeHtml(address)}">${html}</a>`;
}
