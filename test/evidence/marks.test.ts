import { describe, expect, test } from 'vitest';
import { fold } from '../../src/evidence/fold.ts';
import { MARK, Marker, NO_RULES } from '../../src/evidence/marks.ts';
import { PhraseSet } from '../../src/evidence/phrases.ts';
import { Normaliser } from '../../src/fingerprints/normalise.ts';
import { marksOf } from './support.ts';

const NO_OWN = { disclosures: [], explanations: [] };

describe('disclosures', () => {
  test.each([
    ['#ad', 'Buy this harbour tea #ad'],
    ['paid for by', 'Scrap the toll. Paid for by Citizens for the Bay'],
    ['i work for', 'Full disclosure: I work for the port'],
    ['#anzeige', 'Der beste Tee am Hafen #Anzeige'],
    ['je travaille pour', 'Je travaille pour le port'],
    ['#publicidad', 'El mejor té del puerto #Publicidad'],
    ['на правах рекламы', 'Чай из порта. На правах рекламы'],
    ['إعلان مدفوع', 'شاي الميناء إعلان مدفوع'],
    ['#广告', '港口的茶 #广告'],
    ['#광고', '항구의 차 #광고'],
    ['#pr', '港のお茶 #PR'],
    ['प्रायोजित', 'बंदरगाह की चाय प्रायोजित'],
  ])('%s', (phrase, text) => {
    expect(marksOf(text).disclosure).toBe(phrase);
  });

  test.each([
    'This ad campaign is dreadful',
    'so sad #address #adventure',
    'he works for the port, and I work forever',
    'pruned #pruning',
  ])('not: %s', (text) => {
    expect(marksOf(text).disclosure).toBeUndefined();
  });

  test("one's own", () => {
    const rules = { ...NO_OWN, disclosures: ['#teamtoll', 'i canvass for *'] };
    expect(marksOf('vote no #TeamToll', rules).disclosure).toBe('#teamtoll');
    expect(marksOf('I canvass for the bay party', rules).disclosure).toBe('i canvass for *');
    expect(marksOf('vote no #teamtollgate', rules).disclosure).toBeUndefined();
  });
});

describe('disguised letters', () => {
  const isDisguised = (text: string): boolean => (marksOf(text).bits & MARK.disguised) !== 0;

  test.each([
    ['zero-width characters', 'the har\u200bbour toll robs nurses'],
    ['look-alike letters', 'the h\u0430rbour toll robs nurses'],
    ['styled letters', 'the 𝐡𝐚𝐫𝐛𝐨𝐮𝐫 toll robs nurses'],
    ['full-width letters', 'the ｈａｒｂｏｕｒ toll robs nurses'],
    ['digits for letters', 'the h4rbour t0ll robs nur5es'],
    ['marks on letters that take none', 'the ha\u0332rbour to\u0332ll robs nurses'],
  ])('are seen: %s', (_, text) => {
    expect(isDisguised(text)).toBe(true);
  });

  test.each([
    ['accents, composed and apart', 'péage de l’été, pe\u0301age'],
    ['a word with a digit', 'b2b sales are up'],
    ['Japanese with full-width letters', '港のＴＯＬＬが高い'],
    ['Russian', 'Плата за проезд снова выросла'],
    ['Arabic with vowel signs', 'رُسُومُ المِينَاءِ'],
    ['emoji with joiners', 'nurses 👩‍⚕️ robbed'],
    ['names, tags and links', '@h4rb0ur #t0ll n0w https://b4y.example/t0ll'],
    ['English', 'the harbour toll robs nurses'],
  ])('are not seen in: %s', (_, text) => {
    expect(isDisguised(text)).toBe(false);
  });
});

describe('what a post shows', () => {
  test('whom it forwards, the one who said it first', () => {
    expect(marksOf('wow RT @one: RT @Two: the toll').source).toBe('two');
    expect(marksOf('the toll (via @kestrel)').source).toBe('kestrel');
    expect(marksOf('@kestrel the toll').source).toBe('');
  });

  test('its links, told by host and path; those of the platform only where there are no others', () => {
    expect(marksOf('toll https://www.bay.example/a/?utm_source=x&id=7#top').links).toEqual(['bay.example/a?id=7']);
    expect(marksOf({ text: 'toll https://t.co/abcdefgh12', urls: ['https://bay.example/a'] }).links).toEqual([
      'bay.example/a',
    ]);
    expect(marksOf('toll https://t.co/abcdefgh12').links).toEqual(['t.co/abcdefgh12']);
    expect(marksOf('toll https://t.co/abc… https://t.').links).toEqual([]);
  });

  test('tags and whom it speaks to', () => {
    const { tags, addressee } = marksOf('.@Vale scrap it #Toll #NoToll #toll');
    expect([tags, addressee]).toEqual([['#toll', '#notoll'], 'vale']);
    expect(marksOf({ text: 'scrap it', replyTo: '123' }).addressee).toBe('123');
  });

  test('takes time in proportion to a hostile text', () => {
    for (const part of ['@', '#', '“@a: ', 'rt @', 'http://', '[', '- A.', 'i ', '(at @', '转', 'a0', '…']) {
      const started = performance.now();
      marksOf(part.repeat(5000));
      expect(performance.now() - started, part).toBeLessThan(1000);
    }
  });
});

describe('phrases', () => {
  function found(patterns: readonly string[], text: string): string[] {
    const set = new PhraseSet<string>();
    for (const pattern of patterns) set.addPattern('x', pattern);
    const phrases: string[] = [];
    set.find(fold(text), (_, phrase) => phrases.push(phrase));
    return phrases;
  }

  test.each([
    ['case and accents', ['péage du port'], 'LE PEAGE DU  PORT', true],
    ['compatibility forms', ['toll'], 'ｔｏｌｌ', true],
    ['words as a whole', ['toll'], 'atoll tolls', false],
    ['a tag as a tag', ['#ad'], 'ad, #ads', false],
    ['anything in between', ['a * c'], 'a b b c', true],
    ['nothing in between', ['a * c'], 'a c', true],
    ['pieces in order', ['a * c'], 'c a', false],
    ['a later place, if the first fails', ['a * a c'], 'a b a a c', true],
    ['Chinese without spaces', ['请转发'], '大家请转发啊', true],
    ['Korean with a particle', ['서명'], '서명을', true],
    ['Arabic words as a whole', ['عاجل'], 'عاجلا', false],
    ['one character', ['♪'], 'la ♪ la', true],
    ['nothing for a pattern of nothing', ['*', ''], 'anything', false],
  ] as const)('%s', (_, patterns, text, isFound) => {
    expect(found(patterns, text).length > 0).toBe(isFound);
  });

  test('a pattern of many pieces does not hold up the search', () => {
    const started = performance.now();
    found([Array.from({ length: 100 }, () => 'a').join('*') + '*b'], 'a '.repeat(2000));
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

describe('copies of a text', () => {
  const post = (fields: object) => ({
    id: '1',
    platform: 'one',
    account: 'a',
    text: 'Scrap the toll',
    createdAt: 0,
    ...fields,
  });

  test('share their marks', () => {
    const marker = new Marker(new Normaliser(), NO_RULES);
    expect(marker.marksOf(post({ id: '2' }))).toBe(marker.marksOf(post({})));
  });

  test('have marks of their own where a link or an answer adds to the text', () => {
    const marker = new Marker(new Normaliser(), NO_RULES);
    marker.marksOf(post({}));
    expect(marker.marksOf(post({ replyTo: '9' })).addressee).toBe('9');
    expect(marker.marksOf(post({ urls: ['https://example.org/toll'] })).links).toEqual(['example.org/toll']);
    expect(marker.marksOf(post({ urls: [] }))).toMatchObject({ addressee: '', links: [] });
  });

  test('more than are remembered are marked anew, as they were', () => {
    const marker = new Marker(new Normaliser(), NO_RULES);
    const first = marker.marksOf(post({}));
    for (let i = 0; i < 5000; i++) marker.marksOf(post({ text: `Toll number ${i}` }));
    expect(marker.marksOf(post({}))).toEqual(first);
  });
});
