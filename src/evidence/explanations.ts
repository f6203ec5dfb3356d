/**
 * Why a campaign may be innocent. Each explanation counts the posts that show it, out of those that were looked at; nothing is
 * dropped because of it.
 *
 * A post with disguised letters is never explained: who forwards a text, shares a headline or checks in has no reason to hide
 * its letters. Neither is what only looks like a forward or a shared link: see `forwards` and `linkHeadlines`.
 */
import type { AlertExplanation, Post } from '../model.ts';
import { isOwnLink } from './forms.ts';
import { MARK, type EvidenceRules, type Formula, type PostMarks } from './marks.ts';

export interface MarkedPost {
  readonly post: Post;
  readonly marks: PostMarks;
}

/** An explanation is told from this share of the posts on, and from two posts. */
const SHARE_MIN = 0.1;
/** Posts listed with an explanation. */
const POSTS_LISTED = 5;
/** A link in more posts than this was copied with the text, if the platform makes one for each post. */
const OWN_LINK_POSTS_MAX = 2;
/** Words that more posts say than these are nobody's own. */
const OWN_WORDS_POSTS_MAX = 2;
/** Forwards of one text are compared from so many characters on where one of them was cut. */
const CUT_UNITS_MIN = 12;
/** A word of a caption is common if more than one in so many posts from that place has it. */
const COMMON_WORD_RATIO = 4;

type Test = (post: MarkedPost) => boolean;

interface Kind {
  readonly name: string;
  readonly description: string;
  readonly test: Test;
  readonly evidenceOf: (posts: readonly MarkedPost[]) => string;
}

/**
 * @param posts those looked at, in order of time
 * @param total posts that could have been looked at
 * @returns the largest share first, then in the order of `EXPLANATIONS`, the user's last
 */
export function explain(posts: readonly MarkedPost[], rules: EvidenceRules, total = posts.length): AlertExplanation[] {
  const among = posts.length < total ? `; among ${posts.length} of ${total} posts` : '';
  const plain = posts.filter(({ marks }) => (marks.bits & MARK.disguised) === 0);
  const found: AlertExplanation[] = [];
  for (const { name, description, test, evidenceOf } of [...kinds(posts), ...customKinds(rules)]) {
    const own = plain.filter(test);
    if (own.length < 2 || own.length < SHARE_MIN * posts.length) continue;
    found.push({
      name,
      share: rounded(own.length / posts.length),
      postCount: own.length,
      description,
      evidence: evidenceOf(own) + among,
      posts: own.slice(0, POSTS_LISTED).map(({ post: { platform, id } }) => ({ platform, id })),
    });
  }
  return found.sort((a, b) => b.postCount - a.postCount);
}

/** Most campaigns show nothing of most kinds, and an alert is revised often: what is counted is counted where it decides. */
function none(): boolean {
  return false;
}

function kinds(posts: readonly MarkedPost[]): Kind[] {
  return [
    {
      name: 'forwarded_by_hand',
      description: 'Posts pass on what somebody else has written, and say whose it is or that it travels.',
      test: forwards(posts),
      evidenceOf: (own) =>
        said('forwards of', own, ({ marks }) => (marks.source === '' ? [] : [`@${marks.source}`])) ||
        formula('passedOn')(own),
    },
    {
      name: 'link_headline',
      description: 'Posts share a link with its headline, or with the text that a share button fills in.',
      test: linkHeadlines(posts),
      evidenceOf: (own) => said('links', own, ({ marks }) => marks.links.slice(0, 1)),
    },
    {
      name: 'app_template',
      description: 'An application has written the text: a check-in, a like, a result, an automatic report.',
      test: appTemplates(posts),
      evidenceOf: (own) =>
        formula('app')(own) ||
        said('posted from', own, ({ marks }) => (marks.place === '' ? [] : [marks.place])) ||
        'the form of a check-in',
    },
    {
      name: 'quotation',
      description: 'Posts quote a line and name whom it is by, or a song.',
      test: ({ marks }) => (marks.bits & MARK.quotation) !== 0,
      evidenceOf: () => 'a name after the quotation, or the marks of a song',
    },
    {
      name: 'greeting',
      description: 'A wish, thanks, sympathy or a reaction of a few words, which many write in the same words.',
      test: ({ marks }) => marks.formulas.greeting !== undefined || (marks.bits & MARK.brief) !== 0,
      evidenceOf: (own) => formula('greeting')(own) || 'a few words without a link',
    },
    {
      name: 'petition',
      description: 'The text of a petition or of an application that lets people write to those who decide.',
      test: ({ marks }) => marks.formulas.petition !== undefined,
      evidenceOf: formula('petition'),
    },
    {
      name: 'same_event',
      description: 'Posts report the same event, each with a source, a link or figures of its own.',
      test: eventReports(posts),
      evidenceOf: formula('event'),
    },
    {
      name: 'cross_posts',
      description: 'One person posts the same on several platforms: accounts there have the same name.',
      test: crossPosts(posts),
      evidenceOf: (own) => said('names', own, ({ post }) => [personOf(post)]),
    },
  ];
}

function customKinds({ explanations }: EvidenceRules): Kind[] {
  return explanations.map(({ name, description }, index) => ({
    name,
    description,
    test: ({ marks }) => marks.custom.includes(index),
    evidenceOf: () => "a text or pattern of this deployment's own list",
  }));
}

/**
 * A forward names a source, and says what another post says that names the same one, letter by letter up to where it was
 * cut; or names one of its own and says what nobody else says. Many different names for the same words are no forwards, nor
 * are words that change on their way from one source.
 */
function forwards(posts: readonly MarkedPost[]): Test {
  const bySource = new Map<string, MarkedPost[]>();
  for (const post of posts) {
    const { source } = post.marks;
    if (source === '') continue;
    const own = bySource.get(source);
    if (own === undefined) bySource.set(source, [post]);
    else own.push(post);
  }
  const faithful = new Set<MarkedPost>();
  if (bySource.size === 0) return ({ marks }) => marks.formulas.passedOn !== undefined;
  for (const own of bySource.values()) addFaithful(own, faithful);
  const sayings = countsOf(posts, ({ marks }) => [marks.letters]);
  return (post) => {
    const { source, letters, formulas } = post.marks;
    if (faithful.has(post) || formulas.passedOn !== undefined) return true;
    return source !== '' && sayings.get(letters)! <= OWN_WORDS_POSTS_MAX && bySource.get(source)!.length <= 2;
  };
}

function addFaithful(own: MarkedPost[], faithful: Set<MarkedPost>): void {
  own.sort((a, b) => (a.marks.said < b.marks.said ? -1 : a.marks.said > b.marks.said ? 1 : 0));
  for (let start = 0; start < own.length;) {
    const { said: words, bits } = own[start]!.marks;
    const isCut = (bits & MARK.cut) !== 0 && words.length >= CUT_UNITS_MIN;
    const isSame = ({ marks }: MarkedPost): boolean => marks.said === words || (isCut && marks.said.startsWith(words));
    let end = start + 1;
    while (end < own.length && isSame(own[end]!)) end++;
    if (end - start > 1) for (let i = start; i < end; i++) faithful.add(own[i]!);
    start = end;
  }
}

/**
 * A headline with its link. A link that the platform makes anew for each post must be the post's own: one that stands in many
 * was copied along with the text. Any other link must be shared.
 */
function linkHeadlines(posts: readonly MarkedPost[]): Test {
  if (!posts.some(({ marks }) => (marks.bits & MARK.headline) !== 0)) return none;
  const counts = countsOf(posts, ({ marks }) => marks.links);
  return ({ marks }) => {
    if ((marks.bits & MARK.headline) === 0) return false;
    return hasOwnLinks(marks, counts) || marks.links.some((link) => !isOwnLink(link) && counts.get(link)! > 1);
  };
}

function hasOwnLinks({ links }: PostMarks, counts: ReadonlyMap<string, number>): boolean {
  return links.length > 0 && links.every((link) => isOwnLink(link) && counts.get(link)! <= OWN_LINK_POSTS_MAX);
}

/** A formula, or a place that others name too beside words that are the post's own. */
function appTemplates(posts: readonly MarkedPost[]): Test {
  const places = countsOf(posts, ({ marks }) => (marks.place === '' ? [] : [marks.place]));
  if (places.size === 0) return ({ marks }) => marks.formulas.app !== undefined || (marks.bits & MARK.checkIn) !== 0;
  const words = countsOf(posts, ({ marks }) => marks.caption);
  const captioned = posts.filter(({ marks }) => marks.place !== '').length;
  const isCommon = (word: string): boolean => COMMON_WORD_RATIO * words.get(word)! > captioned;
  return ({ marks }) => {
    if (marks.formulas.app !== undefined || (marks.bits & MARK.checkIn) !== 0) return true;
    if (marks.place === '' || places.get(marks.place)! < 2) return false;
    return 3 * marks.caption.filter(isCommon).length <= marks.caption.length;
  };
}

/** Reports of an event in words of their own, and with a link, a source or figures that are not those of the others. */
function eventReports(posts: readonly MarkedPost[]): Test {
  if (!posts.some(({ marks }) => marks.formulas.event !== undefined)) return none;
  const links = countsOf(posts, ({ marks }) => marks.links);
  const sources = countsOf(posts, ({ marks }) => (marks.source === '' ? [] : [marks.source]));
  const numbers = countsOf(posts, ({ marks }) => (marks.numbers === '' ? [] : [marks.numbers]));
  const sayings = countsOf(posts, ({ marks }) => [marks.letters]);
  return ({ marks }) => {
    if (marks.formulas.event === undefined || (marks.bits & MARK.impersonal) === 0) return false;
    if (sayings.get(marks.letters)! > OWN_WORDS_POSTS_MAX) return false;
    if (hasOwnLinks(marks, links)) return true;
    if (marks.source !== '' && 2 * sources.get(marks.source)! <= posts.length) return true;
    return marks.numbers !== '' && numbers.get(marks.numbers)! <= 2;
  };
}

function crossPosts(posts: readonly MarkedPost[]): Test {
  if (!posts.some(({ post }) => post.platform !== posts[0]!.post.platform)) return none;
  const platforms = new Map<string, Set<string>>();
  for (const { post } of posts) {
    const person = personOf(post);
    const known = platforms.get(person);
    if (known === undefined) platforms.set(person, new Set([post.platform]));
    else known.add(post.platform);
  }
  return ({ post }) => platforms.get(personOf(post))!.size > 1;
}

/** The name without its server: @anna@example.org and anna.example.org are the anna of elsewhere. */
function personOf({ handle, account }: Post): string {
  return (handle ?? account).toLowerCase().replace(/^@/, '').split(/[@.]/)[0]!;
}

function countsOf(posts: readonly MarkedPost[], keysOf: (post: MarkedPost) => readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const post of posts) for (const key of keysOf(post)) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}

function formula(kind: Formula): (posts: readonly MarkedPost[]) => string {
  return (posts) =>
    said('phrases', posts, ({ marks }) => {
      const phrase = marks.formulas[kind];
      return phrase === undefined ? [] : [`"${phrase}"`];
    });
}

/** "forwards of @a (12), @b (3) and 4 more"; empty where there are none. */
function said(what: string, posts: readonly MarkedPost[], keysOf: (post: MarkedPost) => readonly string[]): string {
  const counts = Array.from(countsOf(posts, keysOf)).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  if (counts.length === 0) return '';
  const first = counts.slice(0, 3).map(([key, count]) => `${shortened(key)} (${count})`);
  const rest = counts.length - first.length;
  return `${what}: ${first.join(', ')}${rest === 0 ? '' : ` and ${rest} more`}`;
}

function shortened(key: string): string {
  return key.length <= 80 ? key : `${key.slice(0, 79)}…`;
}

export function rounded(share: number): number {
  return Math.round(share * 1000) / 1000;
}
