import { describe, expect, test } from 'vitest';
import type { EvidenceRules } from '../../src/evidence/marks.ts';
import { EXPLANATIONS } from '../../src/model.ts';
import { explained, marked, shareOf, type Sent } from './support.ts';
import { explain } from '../../src/evidence/explanations.ts';

/** A case: what it is, and the posts of a campaign. */
type Case = readonly [what: string, posts: readonly Sent[]];

/** Links that the platform made, one for each post. */
const own = (i: number): string => `https://t.co/aBcDeFgH${i}x`;
const withOwn = (text: string): string[] => Array.from({ length: 5 }, (_, i) => `${text} ${own(i)}`);
const same = (text: string): string[] => Array.from({ length: 5 }, () => text);

const SHOWN: Readonly<Record<string, readonly Case[]>> = {
  forwarded_by_hand: [
    ['RT @name', same('RT @kestrel: the harbour toll robs nurses twice a day')],
    [
      'comments of their own before it',
      [
        'So true RT @kestrel: the toll robs nurses',
        'RT @kestrel: the toll robs nurses',
        'Read! RT @kestrel the toll robs nurses',
      ],
    ],
    [
      'one that was cut',
      [
        'RT @kestrel: the harbour toll robs nurses twice a day',
        'RT @kestrel: the harbour toll robs nurs…',
        'RT @kestrel: the harbour toll robs nurses twi ...',
      ],
    ],
    ['in quotation marks', same('“@kestrel: the harbour toll robs nurses” exactly')],
    ['Weibo, by mark and name', same('说得好//@海风:过桥费每天抢护士两次')],
    ['Weibo, by the words of the button', same('转发微博')],
    ['Spanish, by credit', same('El peaje del puerto roba a las enfermeras por @kestrel')],
    ['Arabic', same('RT @kestrel: رسوم الميناء تسرق الممرضات مرتين')],
    ['Chinese chain text', same('请大家转发！过桥费每天抢护士两次，孩子走失，联系电话见图')],
    ['German chain text', same('Bitte kopieren und teilen: die Maut nimmt den Pflegern alles')],
    [
      'reports of several sources, each with words of its own',
      [
        'RT @one: Toll bridge closed after crash',
        'RT @two: Bridge is shut, crash at the toll',
        'RT @three: A crash closes the harbour bridge',
      ],
    ],
  ],
  link_headline: [
    ['own links, in the capitals of titles', withOwn('Harbour Toll Raised Again As Nurses Protest')],
    ['own links, with the source', withOwn('Harbour toll raised again - Bay News')],
    ['own links, cut by a machine', withOwn('Harbour toll raised: the council has voted to raise the ...')],
    ['French', withOwn('Le péage du port augmente encore, les infirmières protestent')],
    ['Russian', withOwn('Плата за проезд снова выросла, медсёстры протестуют')],
    [
      'one link that all share, expanded',
      Array.from({ length: 5 }, () => ({
        text: 'Harbour toll raised again - Bay News https://t.co/aBcDeFgHi1',
        urls: ['https://bay.example/toll?utm_source=x'],
      })),
    ],
    [
      'one link, with what tracks the click',
      ['a', 'b', 'c', 'd'].map((tag) => ({
        text: 'Harbour toll raised again - Bay News',
        urls: [`https://www.bay.example/toll?utm_source=${tag}`],
      })),
    ],
  ],
  app_template: [
    [
      'check-ins',
      [
        "I'm at Harbour Café (Port City) w/ 12 others",
        "I'm at Harbour Café (Port City) w/ 3 others",
        "I'm at Harbour Café (Port City)",
      ],
    ],
    [
      'places beside captions of their own',
      [
        'Lunch with the team @ Harbour Café',
        'first day of spring! @ Harbour Café',
        'rain again @ Harbour Café',
        '@ Harbour Café',
      ],
    ],
    ['a photo', same('Just posted a photo @ Harbour Café')],
    ['a like', same('I liked a @YouTube video http://youtu.example/1 Harbour song')],
    ['Portuguese', same('Acabei de publicar uma foto em Praia Grande')],
    ['Russian', same('Мне понравилось видео "Порт" на сайте')],
    ['Japanese', same('動画を高く評価しました: 港の歌')],
    [
      'a weather station',
      ['Wind 2 mph E. Barometer 29.95 in. Temperature 66 F', 'Wind 4 mph S. Barometer 29.78 in. Temperature 71 F'],
    ],
    ['a game', same("I've collected 1,250 gold coins! #android #game")],
  ],
  quotation: [
    ['with a name after it', same('“Not all who wander are lost.” - J. Tolkien')],
    ['Chinese', same('【不必逗留采摘鲜花，继续前行，花会一路绽放。——泰戈尔】')],
    ['a song', same('♪ and the harbour lights are calling you home ♪')],
    ['by its tag', same('the harbour lights are calling you home tonight my love #lyrics')],
  ],
  greeting: [
    ['English', same('Happy birthday @anna!!! 🎂')],
    ['thanks', ['@a thanks for the follow', '@b Thanks for the follow!', '@c thanks for the follow :)']],
    ['Spanish', same('¡Feliz cumpleaños Ana!')],
    ['Arabic', same('صباح الخير جميعا')],
    ['Chinese', same('生日快乐！！')],
    ['Korean', same('새해 복 많이 받으세요')],
    ['Hindi', same('जन्मदिन की हार्दिक शुभकामनाएं')],
    ['sympathy that names what happened', same('My thoughts and prayers go out to all affected by the flood')],
    ['a few words', same('weird flex but ok')],
    ['a tag and nothing else', same('#港口之夜# [心]')],
  ],
  petition: [
    ['English', same('Sign the petition: stop the harbour toll that robs our nurses')],
    [
      'by its host',
      Array.from({ length: 4 }, () => ({
        text: 'Stop the harbour toll that robs our nurses',
        urls: ['https://www.change.org/p/toll'],
      })),
    ],
    ['German', same('Ich habe unterschrieben: Keine Maut am Hafen für Pflegekräfte')],
    ['French', same('Je viens de signer contre le péage du port, et vous ?')],
    ['Russian', same('Подпишите петицию против платы за проезд в порту')],
    ['Chinese', same('反对过桥费联署，请支持护士们')],
  ],
  same_event: [
    [
      'with figures of their own',
      [
        'Magnitude 5.1 earthquake near Port City',
        'Earthquake of 5.3 shakes the coast',
        'Quake: M 5.2, 30 km off Port City',
      ],
    ],
    [
      'with links of their own',
      [
        `Flood closes the harbour bridge ${own(1)}`,
        `Bridge shut as flood water rises ${own(2)}`,
        `Harbour flood: the bridge is closed ${own(3)}`,
      ],
    ],
    [
      'from different sources',
      [
        'RT @one: Explosion at the docks',
        'RT @two: an explosion has hit the docks',
        'RT @three: Docks explosion, roads closed',
      ],
    ],
    [
      'Spanish',
      [
        'Terremoto de 7,6 grados en la costa',
        'Sismo de magnitud 7.9 sacude la costa',
        'Fuerte temblor de 7.7 frente al puerto',
      ],
    ],
    ['Chinese', ['四川地震 7.0 级', '雅安发生 6.9 级地震', '四川雅安今晨地震，震级 7.1']],
  ],
  cross_posts: [
    [
      'one name on two platforms',
      [
        { text: 'The harbour toll robs nurses', platform: 'one', account: '1', handle: 'anna.bay.example' },
        { text: 'The harbour toll robs nurses', platform: 'two', account: '2', handle: '@Anna@social.example' },
        { text: 'The harbour toll robs nurses', platform: 'two', account: '3', handle: 'bert' },
      ],
    ],
  ],
};

/** What looks like it, and is not. */
const NOT_SHOWN: Readonly<Record<string, readonly Case[]>> = {
  forwarded_by_hand: [
    [
      'the same words of a different source each time',
      [
        'RT @a: the harbour toll robs nurses',
        'RT @b: the harbour toll robs nurses',
        'RT @c: the harbour toll robs nurses',
        'MT @d the harbour toll robs nurses',
      ],
    ],
    [
      'words that change on their way',
      [
        'RT @kestrel: the harbour toll robs nurses',
        'RT @kestrel: that harbour toll robs doctors',
        'RT @kestrel: a harbour tax robs nurses',
        'RT @kestrel: the port toll cheats nurses',
      ],
    ],
    ['disguised letters', same('RT @kestrel: the harb\u200bour toll ro\u200bbs nurses')],
    ['a mention', same('@kestrel the harbour toll robs nurses twice a day')],
    ['the letters RT in a word', same('START @kestrel now: the harbour toll robs nurses')],
  ],
  link_headline: [
    ["the platform's own link, copied with the text", same(`Harbour Toll Raised Again As Nurses Protest ${own(1)}`)],
    ['a text to somebody, with own links', withOwn("I'm so sorry that you had to pay the toll")],
    ['a call', withOwn('Stop the harbour toll now!')],
    ['no link', same('Harbour Toll Raised Again As Nurses Protest')],
    [
      'a link that was cut',
      ['Harbour Toll Raised Again As Nurses https://t…', 'Harbour Toll Raised Again As Nurses https://t.c…'],
    ],
  ],
  app_template: [
    ['one caption at one place', same('The toll robs our nurses every day @ Harbour Café')],
    [
      'captions of nearly the same words',
      [
        'The toll robs our nurses daily @ Harbour Café',
        'The toll robs our nurses weekly @ Harbour Café',
        'The toll robs our doctors daily @ Harbour Café',
      ],
    ],
    ['being at something', same("I'm at the end of my patience with this toll")],
  ],
  quotation: [
    ['a quoted text without a name', same('"The harbour toll robs nurses twice a day, scrap it"')],
    ['a dash within a sentence', same('The harbour toll - a robbery of "nurses" and of all of us')],
  ],
  greeting: [
    [
      'a greeting before a statement',
      same('Good morning. The harbour toll robs nurses twice a day, tell your councillor to scrap it'),
    ],
    [
      'sympathy in a report',
      same(
        'At the college students and staff are praying for the harbour, since the dean lost her sister and nephew in the blast',
      ),
    ],
    ['a few words with a link', withOwn('toll is robbery')],
  ],
  petition: [
    ['signing something else', same('The mayor will sign the toll contract on Thursday, nurses protest')],
    [
      'another host',
      Array.from({ length: 4 }, () => ({ text: 'Stop the harbour toll', urls: ['https://change.organic.example/p'] })),
    ],
  ],
  same_event: [
    ['copies', same('Flood closes the harbour bridge, 3 dead')],
    [
      'a person speaks',
      ['I wonder how bad this hurricane will be 1', 'I wonder how bad this hurricane is 2', 'I wonder, a hurricane 3'],
    ],
    ['an event word in another one', same('The goalkeeper floodlit the brand new quakers, 5 of them')],
  ],
  cross_posts: [
    [
      'one name on one platform',
      [
        { text: 'The harbour toll robs nurses', handle: 'anna' },
        { text: 'The harbour toll robs nurses', handle: 'anna' },
      ],
    ],
  ],
};

describe.each(EXPLANATIONS)('%s', (name) => {
  test.each(SHOWN[name]!)('is told of: %s', (_, sent) => {
    expect(shareOf(name, sent)).toBeGreaterThanOrEqual(0.5);
  });

  test.each(NOT_SHOWN[name]!)('is not told of: %s', (_, sent) => {
    expect(shareOf(name, sent)).toBeLessThan(0.5);
  });
});

describe('an explanation', () => {
  const sent = [
    ...Array.from({ length: 6 }, () => 'RT @kestrel: the harbour toll robs nurses twice a day'),
    'RT @heron: the harbour toll robs nurses',
    'RT @heron: the harbour toll robs nurses',
    'the harbour toll robs nurses twice a day and nobody says a word',
    'the harbour toll robs nurses twice a day and nobody says a thing',
  ];

  test('says its share, what was found, and the earliest posts that show it', () => {
    expect(explained(sent)).toEqual([
      {
        name: 'forwarded_by_hand',
        share: 0.8,
        postCount: 8,
        description: 'Posts pass on what somebody else has written, and say whose it is or that it travels.',
        evidence: 'forwards of: @kestrel (6), @heron (2)',
        posts: [0, 1, 2, 3, 4].map((i) => ({ platform: 'one', id: `p${i}` })),
      },
    ]);
  });

  test('says so where not all posts were looked at', () => {
    expect(explain(marked(sent), { disclosures: [], explanations: [] }, 5000)[0]!.evidence).toMatch(
      /; among 10 of 5000 posts$/,
    );
  });

  test('of one post in ten or less than two posts is not told', () => {
    expect(explained([...sent.slice(-2), 'Happy birthday Anna', ...sent.slice(-2)])).toEqual([]);
  });

  test('the largest share stands first', () => {
    const both = [...sent.slice(0, 3), ...same('Happy birthday Anna')];
    expect(explained(both).map(({ name, postCount }) => [name, postCount])).toEqual([
      ['greeting', 5],
      ['forwarded_by_hand', 3],
    ]);
  });
});

describe('explanations of the user', () => {
  const rules: EvidenceRules = {
    disclosures: [],
    explanations: [
      {
        name: 'union_letter',
        description: 'The model letter.',
        texts: ['as a nurse i ask you'],
        patterns: ['dear * vale * toll'],
      },
    ],
  };

  test('are told by texts and by patterns', () => {
    const sent = [
      'As a NURSE I ask you to think',
      'Dear councillor Vale, please scrap the toll',
      'nothing at all of that which the letter says',
    ];
    expect(explained(sent, rules)).toMatchObject([
      { name: 'union_letter', postCount: 2, share: 0.667, description: 'The model letter.' },
    ]);
  });

  test('not by parts of words, or by pieces out of order', () => {
    const sent = ['was a nurse i ask yours', 'toll Vale dear', 'dear vales atoll'];
    expect(explained(sent, rules).filter(({ name }) => name === 'union_letter')).toEqual([]);
  });
});
