import { describe, expect, test } from 'vitest';
import { htmlToText } from '../../../src/consumers/formats/html-text.ts';

const NONE = { mentioned: new Set<string>(), hasQuote: false };

function textOf(html: string, hints = NONE): string {
  return htmlToText(html, hints).text;
}

describe('text', () => {
  test.each([
    ['<p>One<br>two<br/>three</p><p>Four</p>', 'One\ntwo\nthree\n\nFour'],
    ['<p>a &amp; b &lt;3 &#128512; &nbsp;c &hellip;</p>', 'a & b <3 😀 \u00a0c …'],
    ['<p>:anchor: stays</p>', ':anchor: stays'],
    ['<ul><li>one</li><li>two</li></ul>', 'one\ntwo'],
    ['<blockquote><p>said</p></blockquote>mine', 'said\n\nmine'],
    ['a<br><br><br><br><br>b', 'a\n\nb'],
    ['no tags at all', 'no tags at all'],
    ['<p>not closed <b>bold', 'not closed bold'],
    ['1 < 2 and 3 > 2', '1 < 2 and 3 > 2'],
    ['<script>alert("x")</script>seen<style>p{}</style>', 'seen'],
    ['<title>seen</title> <textarea>as well</textarea>', 'seen as well'],
    ['<!-- comment -->seen<![CDATA[no]]>', 'seen'],
    ['<img alt="no" src="x">seen', 'seen'],
    ['', ''],
    ['&#0;&#xD800;', '\ufffd\ufffd'],
  ])('%s', (html, text) => {
    expect(textOf(html)).toBe(text);
  });
});

describe('links', () => {
  const shortened =
    '<p>See <a href="https://www.example.org/a/long/path?q=1&amp;r=2"><span class="invisible">https://www.</span>' +
    '<span class="ellipsis">example.org/a/long</span><span class="invisible">/path?q=1&amp;r=2</span></a>!</p>';

  test('are written as the address that they show the beginning of', () => {
    expect(htmlToText(shortened, NONE)).toStrictEqual({
      text: 'See https://www.example.org/a/long/path?q=1&r=2!',
      links: ['https://www.example.org/a/long/path?q=1&r=2'],
    });
    expect(textOf('<a href="https://example.org/a/b">example.org/a…</a>')).toBe('https://example.org/a/b');
    expect(textOf('<a href="https://example.org/a/b">www.example.org/a...</a>')).toBe('https://example.org/a/b');
  });

  test('keep their text where it is no address', () => {
    expect(htmlToText('<a href="https://example.org/news">news</a>', NONE)).toStrictEqual({
      text: 'news',
      links: ['https://example.org/news'],
    });
    expect(textOf('<a href="https://evil.example/">bank.example/login</a>')).toBe('bank.example/login');
  });

  test('are of the web', () => {
    const html =
      '<a href="mailto:a@b">a</a><a href="javascript:x">b</a><a>c</a><a href="/d">d</a><a HREF="HTTPS://E.example/">e</a>';
    expect(htmlToText(html, NONE)).toStrictEqual({ text: 'abcde', links: ['HTTPS://E.example/'] });
  });

  test('end where the next begins, and at the end', () => {
    expect(htmlToText('<a href="https://a.example/">a<a href="https://b.example/">b', NONE)).toStrictEqual({
      text: 'ab',
      links: ['https://a.example/', 'https://b.example/'],
    });
  });

  test('the first of two attributes counts', () => {
    expect(htmlToText('<a href="https://a.example/" href="https://b.example/">a</a>', NONE).links).toStrictEqual([
      'https://a.example/',
    ]);
    expect(htmlToText('<a href <a href="https://b.example/">b</a>', NONE)).toStrictEqual({ text: 'b', links: [] });
  });
});

describe('mentions', () => {
  test('are dropped, by class or by address; hashtags stay and are no links', () => {
    const html =
      '<span class="h-card"><a href="https://a.example/@ben" class="u-url mention">@<span>ben</span></a></span> ' +
      '<a href="https://b.example/users/eva">@eva@b.example</a> vote ' +
      '<a href="https://a.example/tags/bridge" class="mention hashtag" rel="tag">#<span>bridge</span></a> ' +
      '<a href="https://a.example/tags/now" rel="nofollow tag">#now</a>';
    const hints = { mentioned: new Set(['https://b.example/users/eva']), hasQuote: false };
    expect(htmlToText(html, hints)).toStrictEqual({ text: 'vote #bridge #now', links: [] });
  });

  test('do not hide a text that is wrapped in one', () => {
    expect(textOf('<a class="mention" href="https://a.example/@b">@all vote for the bridge</a>')).toBe(
      '@all vote for the bridge',
    );
  });
});

describe('the paragraph that repeats a quoted post', () => {
  const html = '<p class="quote-inline">RE: <a href="https://a.example/1">https://a.example/1</a></p><p>Mine</p>';

  test('is dropped where the post quotes', () => {
    expect(htmlToText(html, { ...NONE, hasQuote: true })).toStrictEqual({ text: 'Mine', links: [] });
  });

  test('is text where it does not, and ends where the next paragraph begins', () => {
    expect(textOf(html)).toBe('RE: https://a.example/1\n\nMine');
    expect(textOf('<p class="quote-inline">RE: x<p>Mine', { ...NONE, hasQuote: true })).toBe('Mine');
  });
});

test('a megabyte of tags is read in a time that grows with its length only', () => {
  const parts = [
    '<b>',
    '<p><b>',
    '<ul><li>',
    '<svg><math>',
    '</p>',
    '<a href="https://a.example">',
    '<a ',
    '&',
    '<!--',
    '<br>\n',
    '<a href="',
  ];
  for (const part of parts) {
    const html = part.repeat(1_000_000 / part.length);
    const startMs = performance.now();
    htmlToText(html, NONE);
    expect(performance.now() - startMs, part).toBeLessThan(5000);
  }
});
