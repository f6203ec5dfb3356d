/** All campaigns -> the page that lists them. It works without its script, which only adds sorting and a filter. */
import { documentHtml } from './document.ts';
import { escapeHtml, oneLine, wordsHtml } from './escape.ts';
import { explanationWords } from './page-overview.ts';
import { counted, minuteOf, number, percent, shortLengthOf } from './words.ts';

/** What the list says of a campaign. Times are ms. */
export interface IndexRow {
  readonly id: string;
  readonly text: string;
  readonly severity: number | undefined;
  readonly accountCount: number;
  readonly postCount: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly platforms: readonly string[];
  /** The explanation that covers most. */
  readonly explanation: { readonly name: string; readonly share: number } | undefined;
  readonly isOpen: boolean;
}

export interface IndexPage {
  /** In order of output. */
  readonly rows: readonly IndexRow[];
  /** Campaigns of the alerts that have no page. */
  readonly leftOut: number;
  readonly accountCount: number;
  readonly generator: string;
}

const TEXT_CHARACTERS = 160;
/** From here on an explanation covers enough to be told first. */
const EXPLAINED_SHARE = 0.5;

export function indexPage({ rows, leftOut, accountCount, generator }: IndexPage): string {
  const posts = rows.reduce((sum, { postCount }) => sum + postCount, 0);
  const explained = rows.filter(({ explanation }) => explanation !== undefined && explanation.share >= EXPLAINED_SHARE);
  const left =
    leftOut === 0
      ? ''
      : ` ${counted(leftOut, 'campaign')} of lower severity ${leftOut === 1 ? 'has' : 'have'} no page here.`;
  const head = `<header><p class="kicker">Report of coordinated posting</p>
<h1>${rows.length === 0 ? 'No campaigns' : `${counted(rows.length, 'campaign')} of coordinated posting`}</h1>
<p class="lead">${counted(accountCount, 'account')}, ${counted(posts, 'post')}${periodOf(rows)}.${left}</p></header>
<main>
<section class="caution" aria-labelledby="reading"><h2 id="reading">How to read this list</h2>
<p>Each line is a group of accounts that posted near-identical text within a short time. That is a pattern, not a verdict: of ${number(rows.length)} here,
${number(explained.length)} ${explained.length === 1 ? 'is' : 'are'} at least half covered by an innocent explanation, such as a headline that people share. The list is in order of
severity, which tells what to look at first and nothing more. Every page says why its campaign may be innocent, and what it does not show.</p></section>`;
  const table = `<div class="scroll"><table class="campaigns" id="campaigns">
<caption>Campaigns. Times are UTC.</caption>
<thead><tr><th scope="col" class="number">Severity</th><th scope="col">Most posted text</th><th scope="col" class="number">Accounts</th><th scope="col" class="number">Posts</th><th scope="col">First post</th><th scope="col" class="number">Lasted</th><th scope="col">Platforms</th><th scope="col">May be innocent because</th></tr></thead>
<tbody>
${rows.map(rowHtml).join('\n')}
</tbody></table></div>`;
  return documentHtml({
    title: 'Report of coordinated posting',
    body: `${head}
${rows.length === 0 ? '<p>The alerts hold no campaign.</p>' : table}
</main>
<footer><p>Made by ${generator} from alerts. It holds what people posted and who they are: keep it as you would keep your notes.</p></footer>`,
    script: SCRIPT,
  });
}

function periodOf(rows: readonly IndexRow[]): string {
  if (rows.length === 0) return '';
  const first = rows.reduce((least, { firstMs }) => Math.min(least, firstMs), Infinity);
  const last = rows.reduce((most, { lastMs }) => Math.max(most, lastMs), -Infinity);
  return `, from ${minuteOf(first)} to ${minuteOf(last)} UTC`;
}

function rowHtml(row: IndexRow): string {
  const { id, severity, explanation, firstMs, lastMs } = row;
  const text = oneLine(row.text, TEXT_CHARACTERS) || '(every post was deleted)';
  const share = explanation?.share ?? 0;
  const reason =
    explanation === undefined ? '' : `${percent(share)} ${wordsHtml(explanationWords(explanation.name), 100)}`;
  return `<tr${share >= EXPLAINED_SHARE ? ' data-explained="1"' : ''}><td class="number" data-value="${severity ?? -1}">${severity ?? ''}</td><td><a href="campaigns/${id}.html"><span class="post" dir="auto" lang="">${escapeHtml(text)}</span></a>${row.isOpen ? ' <span class="muted">(open)</span>' : ''}</td><td class="number" data-value="${row.accountCount}">${number(row.accountCount)}</td><td class="number" data-value="${row.postCount}">${number(row.postCount)}</td><td class="when" data-value="${firstMs}">${minuteOf(firstMs)}</td><td class="number" data-value="${lastMs - firstMs}">${shortLengthOf(lastMs - firstMs)}</td><td>${row.platforms.map((name) => wordsHtml(name, 50)).join(', ')}</td><td data-value="${share}">${reason}</td></tr>`;
}

/** Reads nothing but the table's own numbers and texts, and makes no markup of them. */
const SCRIPT = `
"use strict";
(function () {
  var table = document.getElementById("campaigns");
  if (!table) return;
  var body = table.tBodies[0];
  var rows = Array.prototype.slice.call(body.rows);
  function valueOf(row, column) {
    var cell = row.cells[column];
    var value = cell.getAttribute("data-value");
    return value === null ? cell.textContent : Number(value);
  }
  Array.prototype.forEach.call(table.tHead.rows[0].cells, function (head, column) {
    var button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.textContent = "";
    head.appendChild(button);
    button.addEventListener("click", function () {
      var isDown = head.getAttribute("aria-sort") !== "descending";
      Array.prototype.forEach.call(table.tHead.rows[0].cells, function (each) { each.removeAttribute("aria-sort"); });
      head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
      rows.map(function (row, place) { return { row: row, place: place, value: valueOf(row, column) }; })
        .sort(function (a, b) {
          var order = a.value < b.value ? -1 : a.value > b.value ? 1 : 0;
          return (isDown ? -order : order) || a.place - b.place;
        })
        .forEach(function (each) { body.appendChild(each.row); });
    });
  });
  var controls = document.createElement("div");
  controls.className = "controls";
  var search = document.createElement("input");
  search.type = "search";
  var searchLabel = document.createElement("label");
  searchLabel.append("Filter by words: ", search);
  var box = document.createElement("input");
  box.type = "checkbox";
  var boxLabel = document.createElement("label");
  boxLabel.append(box, " leave out those half or more explained");
  var state = document.createElement("span");
  state.setAttribute("role", "status");
  controls.append(searchLabel, boxLabel, state);
  table.parentNode.before(controls);
  var texts = rows.map(function (row) { return row.textContent.toLowerCase(); });
  function apply() {
    var words = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
    var shown = 0;
    rows.forEach(function (row, i) {
      var fits = words.every(function (word) { return texts[i].indexOf(word) >= 0; });
      row.hidden = !fits || (box.checked && row.hasAttribute("data-explained"));
      if (!row.hidden) shown += 1;
    });
    state.textContent = shown + " of " + rows.length + " shown";
  }
  search.addEventListener("input", apply);
  box.addEventListener("change", apply);
  apply();
})();
`;
