/**
 * The HTML of a post in the fediverse -> its text and its links. Pure; never throws.
 *
 * Lines end where <br> and blocks end. Mentions are dropped, since each copy of a text names other people. A link whose
 * text is the beginning of its address (instances shorten it for the eye) is written as the address, so that it is seen to
 * be one; another link keeps its text. Hashtags are text, not links. Scripts and styles are neither.
 *
 * Tags are read one by one: htmlparser2's Parser, which keeps a stack of open elements, takes a minute for a megabyte of
 * opening tags; its Tokenizer is linear, and no question here needs a tree.
 */
import { Tokenizer, type TokenizerCallbacks } from 'htmlparser2';

export interface HtmlText {
  readonly text: string;
  /** Addresses of links in order, http and https only. */
  readonly links: readonly string[];
}

export interface HtmlHints {
  /** Addresses of accounts: a link to one is a mention whatever its class. */
  readonly mentioned: ReadonlySet<string>;
  /** The post quotes another: the paragraph that repeats it, for software that knows no quotations, is dropped. */
  readonly hasQuote: boolean;
}

const BLOCKS: ReadonlySet<string> = new Set(
  'p div li ul ol blockquote pre h1 h2 h3 h4 h5 h6 tr table section article'.split(' '),
);
const WEB_ADDRESS = /^https?:\/\//i;
const SCHEME_AND_WWW = /^(?:https?:\/\/)?(?:www\.)?/i;
/** Whoever wraps a whole text in the class of a mention does not get it out of sight. */
const MENTION_TEXT = /^\s*@\S+\s*$/;

export function htmlToText(html: string, hints: HtmlHints): HtmlText {
  const reader = new Reader(html, hints);
  const tokenizer = new Tokenizer({ decodeEntities: true }, reader);
  tokenizer.write(html);
  tokenizer.end();
  return { text: reader.text(), links: reader.links };
}

interface Tag {
  readonly name: string;
  href: string | undefined;
  class: string | undefined;
  rel: string | undefined;
}

interface Anchor {
  /** Undefined where the text stays as it is: a hashtag, or no address. */
  readonly address: string | undefined;
  readonly isMention: boolean;
  text: string;
}

class Reader implements TokenizerCallbacks {
  readonly links: string[] = [];
  readonly #html: string;
  readonly #hints: HtmlHints;
  #out = '';
  #tag: Tag = { name: '', href: undefined, class: undefined, rel: undefined };
  #attribute = '';
  #value = '';
  #anchor: Anchor | undefined;
  /** The element whose content is dropped. */
  #silent: string | undefined;

  constructor(html: string, hints: HtmlHints) {
    this.#html = html;
    this.#hints = hints;
  }

  text(): string {
    this.#endAnchor();
    return this.#out.replaceAll(/\n{3,}/g, '\n\n').trim();
  }

  onopentagname(start: number, end: number): void {
    this.#tag = { name: this.#html.slice(start, end).toLowerCase(), href: undefined, class: undefined, rel: undefined };
  }

  onattribname(start: number, end: number): void {
    this.#attribute = this.#html.slice(start, end).toLowerCase();
    this.#value = '';
  }

  onattribdata(start: number, end: number): void {
    this.#value += this.#html.slice(start, end);
  }

  onattribentity(codePoint: number): void {
    this.#value += String.fromCodePoint(codePoint);
  }

  onattribend(): void {
    const name = this.#attribute;
    // Of two attributes of one name the first counts.
    if (name === 'href' || name === 'class' || name === 'rel') this.#tag[name] ??= this.#value;
  }

  onopentagend(): void {
    const { name } = this.#tag;
    if (this.#silent !== undefined) {
      if (name !== this.#silent) return;
      this.#silent = undefined;
    }
    if (name === 'script' || name === 'style' || (name === 'p' && this.#isQuote())) this.#silent = name;
    else if (name === 'br' || name === 'hr') this.#write('\n');
    else if (name === 'a') {
      this.#endAnchor();
      this.#anchor = this.#anchorOf(this.#tag);
    }
  }

  onselfclosingtag(): void {
    this.onopentagend();
  }

  onclosetag(start: number, end: number): void {
    const name = this.#html.slice(start, end).toLowerCase();
    if (this.#silent !== undefined) {
      if (name === this.#silent) this.#silent = undefined;
    } else if (name === 'a') this.#endAnchor();
    else if (BLOCKS.has(name)) this.#write(name === 'p' ? '\n\n' : '\n');
  }

  ontext(start: number, end: number): void {
    this.#write(this.#html.slice(start, end));
  }

  ontextentity(codePoint: number): void {
    this.#write(String.fromCodePoint(codePoint));
  }

  oncdata(): void {}
  oncomment(): void {}
  ondeclaration(): void {}
  onprocessinginstruction(): void {}
  onend(): void {}

  #write(text: string): void {
    if (this.#silent !== undefined) return;
    if (this.#anchor === undefined) this.#out += text;
    else this.#anchor.text += text;
  }

  #isQuote(): boolean {
    return this.#hints.hasQuote && hasWord(this.#tag.class, 'quote-inline');
  }

  #anchorOf({ href = '', class: classes, rel }: Tag): Anchor {
    const isHashtag = hasWord(classes, 'hashtag') || hasWord(rel, 'tag');
    const isMention = !isHashtag && (hasWord(classes, 'mention') || this.#hints.mentioned.has(href));
    return { address: !isHashtag && !isMention && WEB_ADDRESS.test(href) ? href : undefined, isMention, text: '' };
  }

  #endAnchor(): void {
    const anchor = this.#anchor;
    if (anchor === undefined) return;
    this.#anchor = undefined;
    if (anchor.isMention && MENTION_TEXT.test(anchor.text)) return;
    if (anchor.address === undefined) this.#out += anchor.text;
    else {
      this.links.push(anchor.address);
      this.#out += isStartOf(anchor.text, anchor.address) ? anchor.address : anchor.text;
    }
  }
}

/** The address from its beginning, perhaps without the scheme, perhaps cut. */
function isStartOf(text: string, address: string): boolean {
  const shown = text
    .trim()
    .replace(SCHEME_AND_WWW, '')
    .replace(/(?:…|\.\.\.)$/, '');
  return shown.includes('.') && address.replace(SCHEME_AND_WWW, '').startsWith(shown);
}

function hasWord(words: string | undefined, word: string): boolean {
  return words?.includes(word) === true && words.split(' ').includes(word);
}
