/** The pages in a real browser, of texts that try to get out of them. */
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AccountBook } from '../../src/report/account-book.ts';
import { campaignPage } from '../../src/report/campaign-page.ts';
import { accountRows } from '../../src/report/evidence.ts';
import { indexPage, type IndexRow } from '../../src/report/index-page.ts';
import { alertId } from '../support/alerts.ts';
import { temporaryFolder } from '../support/feeds.ts';
import { debianTool, TOOL_TIMEOUT_MS } from '../support/tools.ts';
import { evidenceOf, fullAlert, HOSTILE_TEXTS } from './alerts.ts';

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
/** Every string of a page that is not a post's text. */
const SPICE = `"><script>window.pwned=1</script><img src="http://evil.example/s" onerror=window.pwned=1>' \u202E`;

const folder = temporaryFolder();
let browser: Browser;

beforeAll(async () => {
  const executablePath = await debianTool('chromium', 'chromium');
  browser = await chromium.launch({ executablePath, args: ARGUMENTS });
}, TOOL_TIMEOUT_MS);

afterAll(async () => {
  await browser?.close();
});

/** A report of campaigns that have all their accounts in common. */
function writeReport(name: string, spice: string): { index: string; campaign: string; texts: readonly string[] } {
  const alerts = [1, 2].map((number) => fullAlert(alertId(number), HOSTILE_TEXTS, spice));
  const campaigns = alerts.map(evidenceOf);
  const book = new AccountBook();
  for (const [i, evidence] of campaigns.entries()) book.add(i, accountRows(evidence), evidence.alert.lastMs);
  const root = join(folder, name);
  mkdirSync(join(root, 'campaigns'), { recursive: true });
  const ids = alerts.map(({ id }) => ({ id }));
  for (const [campaign, evidence] of campaigns.entries()) {
    const page = campaignPage({ evidence, campaign, campaigns: ids, book, generator: 'Chorus test' });
    writeFileSync(join(root, 'campaigns', `${evidence.alert.id}.html`), page);
  }
  const rows: IndexRow[] = alerts.flatMap((alert, i) =>
    HOSTILE_TEXTS.map((text, k) => ({
      id: alert.id,
      text,
      severity: (i * 37 + k * 11) % 100,
      accountCount: 5 + ((k * 7) % 20),
      postCount: 5 + k * 3,
      firstMs: Date.UTC(2025, 1, 4) + k * 60_000,
      lastMs: Date.UTC(2025, 1, 4) + k * 90_000,
      platforms: ['x', spice],
      explanation: k % 2 === 0 ? { name: spice, share: 0.7 } : undefined,
      isOpen: k === 3,
    })),
  );
  const index = indexPage({ rows, leftOut: 4, accountCount: book.size, generator: 'Chorus test' });
  writeFileSync(join(root, 'index.html'), index);
  const href = (path: string): string => pathToFileURL(join(root, path)).href;
  return { index: href('index.html'), campaign: href(`campaigns/${alertId(1)}.html`), texts: HOSTILE_TEXTS };
}

interface Opened {
  readonly page: Page;
  /** Addresses asked for. */
  readonly requests: string[];
  /** Messages of the console and uncaught errors. */
  readonly messages: string[];
}

async function open(url: string, options: BrowserContextOptions = {}): Promise<Opened> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const requests: string[] = [];
  const messages: string[] = [];
  page.on('request', (request) => requests.push(request.url()));
  page.on('console', (message) => messages.push(message.text()));
  page.on('pageerror', (error) => messages.push(String(error)));
  page.on('dialog', (dialog) => void messages.push(dialog.message()));
  await page.goto(url, { waitUntil: 'load' });
  return { page, requests, messages };
}

/** As HTML can hold it. */
function held(text: string): string {
  return text.replaceAll('\0', '\uFFFD');
}

const report = writeReport('hostile', SPICE);

describe.each([
  ['with scripts', {}],
  ['without scripts', { javaScriptEnabled: false }],
] as const)('hostile texts, %s', (_name, options) => {
  test.each(['index', 'campaign'] as const)('do nothing on the page %s', async (which) => {
    const { page, requests, messages } = await open(report[which], options);
    // What waits for the mouse or the focus has its chance as well.
    await page.mouse.move(300, 300);
    await page.keyboard.press('Tab');
    await page.mouse.wheel(0, 4000);
    expect(requests).toEqual([report[which]]);
    expect(messages).toEqual([]);
    expect(await page.evaluate('window.pwned')).toBeUndefined();
    expect(page.url()).toBe(report[which]);
    const found = await page.evaluate<Record<string, unknown>>(`({
      scripts: document.scripts.length,
      loaded: document.querySelectorAll('img,iframe,object,embed,link,base,audio,video,form,use,image,foreignObject').length,
      refreshes: document.querySelectorAll('meta[http-equiv=refresh]').length,
      styles: document.querySelectorAll('style,[style]').length,
      handlers: [...document.querySelectorAll('*')].flatMap((e) => e.getAttributeNames()).filter((n) => n.startsWith('on')),
      links: [...new Set([...document.querySelectorAll('a')].map((a) => new URL(a.href).protocol + new URL(a.href).host))].sort(),
    })`);
    expect(found).toEqual({
      scripts: which === 'index' ? 1 : 0,
      loaded: 0,
      refreshes: 0,
      styles: 1,
      handlers: [],
      links: which === 'index' ? ['file:'] : ['file:', 'https:x.com'],
    });
    await page.context().close();
  });

  test('are shown as they are', async () => {
    const { page } = await open(report.campaign, options);
    const shown = await page.evaluate<string[]>(
      `[...document.querySelectorAll('section[aria-labelledby=posts] .post')].map((e) => e.textContent)`,
    );
    const cut = new Set(shown);
    for (const text of report.texts) {
      const found = cut.has(held(text)) || (text.length > 4000 && cut.has(held(text).slice(0, 4000)));
      expect([text.slice(0, 40), found]).toEqual([text.slice(0, 40), true]);
    }
    const variants = await page.evaluate<string[]>(
      `[...document.querySelectorAll('.variants tbody tr')].map((row) => row.cells[1].querySelector('.post').textContent)`,
    );
    expect(new Set(variants.map((text) => text.slice(0, 4000)))).toEqual(
      new Set(report.texts.map((text) => held(text).slice(0, 4000))),
    );
    await page.context().close();
  });
});

describe('a page', () => {
  test('holds its policy against markup that would get in', async () => {
    let visits = 0;
    const server = createServer((_, response) => {
      visits++;
      response.end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const { page } = await open(report.campaign);
    const blocked = await page.evaluate<string[]>(`new Promise((resolve) => {
      const blocked = [];
      document.addEventListener('securitypolicyviolation', (event) => {
        blocked.push(event.effectiveDirective);
        if (blocked.length === 3) resolve(blocked.sort());
      });
      const script = document.createElement('script');
      script.textContent = 'window.pwned = 1';
      document.body.append(script);
      const image = document.createElement('img');
      image.src = 'http://127.0.0.1:${port}/x.png';
      document.body.append(image);
      document.body.insertAdjacentHTML('beforeend', '<p style="color:red">x</p>');
    })`);
    expect(blocked).toEqual(['img-src', 'script-src-elem', 'style-src-attr']);
    expect(await page.evaluate('window.pwned')).toBeUndefined();
    await page.context().close();
    server.close();
    expect(visits).toBe(0);
  });

  test.each(['index', 'campaign'] as const)('%s can be used without seeing it', async (which) => {
    const { page } = await open(report[which]);
    const found = await page.evaluate<{ headings: number[] } & Record<string, unknown>>(`({
      language: document.documentElement.lang,
      title: document.title.length > 0,
      headings: [...document.querySelectorAll('h1,h2,h3,h4')].map((h) => Number(h.tagName[1])),
      cellsWithoutHead: [...document.querySelectorAll('table')].filter((t) => ![...t.querySelectorAll('th')].every((h) => h.scope)).length,
      tablesWithoutHead: [...document.querySelectorAll('table')].filter((t) => !t.querySelector('th[scope]')).length,
      picturesWithoutWords: [...document.querySelectorAll('svg')].filter((s) => s.getAttribute('role') !== 'img' ||
        !s.getAttribute('aria-labelledby').split(' ').every((id) => document.getElementById(id).textContent.length > 10)).length,
      sectionsWithoutName: [...document.querySelectorAll('section')].filter((s) => !document.getElementById(s.getAttribute('aria-labelledby'))).length,
      repeatedIds: (() => { const ids = [...document.querySelectorAll('[id]')].map((e) => e.id); return ids.length - new Set(ids).size; })(),
      main: document.querySelectorAll('main').length,
    })`);
    const { headings, ...rest } = found;
    expect(headings.filter((level) => level === 1)).toHaveLength(1);
    for (const [i, level] of headings.entries()) expect(level - (headings[i - 1] ?? 0)).toBeLessThanOrEqual(1);
    expect(rest).toEqual({
      language: 'en',
      title: true,
      cellsWithoutHead: 0,
      tablesWithoutHead: 0,
      picturesWithoutWords: 0,
      sectionsWithoutName: 0,
      repeatedIds: 0,
      main: 1,
    });
    await page.context().close();
  });

  test('shows texts in their own direction, and nothing turns what stands beside them', async () => {
    const { page } = await open(report.campaign);
    const directions = await page.evaluate<
      [string, string, string][]
    >(`[...document.querySelectorAll('section[aria-labelledby=posts] .post')].map((e) => [
      e.textContent.slice(0, 5), getComputedStyle(e).direction, getComputedStyle(e).unicodeBidi])`);
    const of = (start: string): string | undefined => directions.find(([text]) => text.startsWith(start))?.[1];
    expect([of('السل'), of('שלום'), of('line')]).toEqual(['rtl', 'rtl', 'ltr']);
    expect(new Set(directions.map(([, , bidi]) => bidi))).toEqual(new Set(['isolate']));
    const marks = await page.evaluate<string[]>(
      `[...new Set([...document.querySelectorAll('.hidden-character')].map((e) => e.dataset.code))].sort()`,
    );
    for (const code of ['U+00AD', 'U+200B', 'U+202E', 'U+2028', 'U+FEFF']) expect(marks).toContain(code);
    // Letters of India and emoji need their joiners.
    expect(marks).not.toContain('U+200D');
    expect(marks).not.toContain('U+E0067');
    await page.context().close();
  });

  test.each([360, 1200])('fits a window %d wide, in light and dark', async (width) => {
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const url of [report.index, report.campaign]) {
        const { page } = await open(url, { viewport: { width, height: 800 }, colorScheme });
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
        const ground = await page.evaluate('getComputedStyle(document.body).backgroundColor');
        expect(ground).toBe(colorScheme === 'light' ? 'rgb(255, 255, 255)' : 'rgb(22, 24, 27)');
        await page.context().close();
      }
    }
  });

  test('prints', async () => {
    const { page } = await open(report.campaign, { colorScheme: 'dark' });
    const bytes = await page.pdf({ format: 'A4', printBackground: true });
    expect(bytes.subarray(0, 5).toString('latin1')).toBe('%PDF-');
    await page.emulateMedia({ media: 'print' });
    expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe('rgb(255, 255, 255)');
    expect(await page.evaluate(`getComputedStyle(document.querySelector('nav')).display`)).toBe('none');
    await page.context().close();
  });
});

describe('the index', () => {
  test('is sorted and filtered by its script', async () => {
    const { page } = await open(report.index);
    const column = (at: number): Promise<number[]> =>
      page.evaluate(
        `[...document.querySelectorAll('#campaigns tbody tr')].filter((r) => !r.hidden).map((r) => Number(r.cells[${at}].dataset.value))`,
      );
    const before = await column(2);
    await page.getByRole('button', { name: 'Accounts' }).click();
    expect(await column(2)).toEqual(before.toSorted((a, b) => b - a));
    await page.getByRole('button', { name: 'Accounts' }).click();
    expect(await column(2)).toEqual(before.toSorted((a, b) => a - b));
    expect(await page.evaluate(`document.querySelectorAll('[aria-sort]').length`)).toBe(1);

    await page.getByLabel('leave out those half or more explained').check();
    expect(await column(2)).toHaveLength(before.length / 2);
    await page.getByLabel('leave out those half or more explained').uncheck();
    await page.getByLabel('Filter by words:').fill('ONMOUSEOVER autofocus');
    expect(await column(2)).toHaveLength(2);
    expect(await page.getByRole('status').textContent()).toBe(`2 of ${before.length} shown`);
    await page.context().close();
  });

  test('lists all without it', async () => {
    const { page } = await open(report.index, { javaScriptEnabled: false });
    expect(await page.locator('#campaigns tbody tr').count()).toBe(2 * HOSTILE_TEXTS.length);
    expect(await page.locator('button, input').count()).toBe(0);
    await page.locator('#campaigns a').first().click();
    expect(page.url()).toBe(report.campaign);
    await page.context().close();
  });
});
