/** What both APIs of X do to a post: the form of its text, of its links, of its chain of edits. Pure. */
import type { JsonObject } from './checks.ts';
import { objectsOf, optionalObject, optionalString } from './json-record.ts';

/** One platform, whatever API or archive told it: the ids are the same. */
export const X_PLATFORM = 'x';

const ENTITIES: Readonly<Record<string, string>> = { '&amp;': '&', '&lt;': '<', '&gt;': '>' };
const ENTITY = /&(?:amp|lt|gt);/g;

/** The text as its author wrote it: X escapes three characters in what it hands out. */
export function unescapeX(text: string): string {
  return text.includes('&') ? text.replace(ENTITY, (entity) => ENTITIES[entity]!) : text;
}

/** X puts this sentence in the place of a text that it may not show, the same for everyone. */
const WITHHELD_NOTICE = /^(?:@\w+'s account|This (?:Tweet|Post|account)\b.*) has been withheld\b/i;

export function isWithheldNotice(text: string): boolean {
  return WITHHELD_NOTICE.test(text);
}

/** A link to the post's own pictures, another one in each post. */
const OWN_MEDIA = /\/status\/\d+\/(?:photo|video)\/\d+$/;

/** Where the links of a post lead, by the furthest end that X tells. */
export function linksOf(entities: JsonObject | undefined): string[] {
  return objectsOf(entities ?? {}, 'urls')
    .filter((link) => link['media_key'] === undefined)
    .map((link) => {
      const unwound = optionalObject(link, 'unwound');
      return (
        optionalString(link, 'unwound_url') ??
        (unwound && optionalString(unwound, 'url')) ??
        optionalString(link, 'expanded_url') ??
        optionalString(link, 'url')
      );
    })
    .filter((url) => url !== undefined && !OWN_MEDIA.test(url)) as string[];
}

/** The versions before `id` in a chain of edits that goes from the first to the last. */
export function versionsBefore(id: string, chain: readonly string[]): readonly string[] {
  return chain.slice(0, Math.max(0, chain.indexOf(id)));
}
