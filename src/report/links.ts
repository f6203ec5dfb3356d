/** Ids of posts and accounts -> addresses where a person can look at them. Only for ids of the exact form that a platform uses. */

const BLUESKY_POST = /^at:\/\/(did:[a-z]+:[A-Za-z0-9._:%-]{1,200})\/app\.bsky\.feed\.post\/([A-Za-z0-9._~:-]{1,64})$/;
const DID = /^did:[a-z]+:[A-Za-z0-9._:%-]{1,200}$/;
const DIGITS = /^\d{1,25}$/;

/** Undefined where there is no such address, or none that is known to be right. */
export function postAddress(platform: string, id: string): string | undefined {
  if (platform === 'bluesky') {
    const match = BLUESKY_POST.exec(id);
    return match === null ? undefined : `https://bsky.app/profile/${match[1]!}/post/${match[2]!}`;
  }
  if ((platform === 'x' || platform === 'twitter') && DIGITS.test(id)) return `https://x.com/i/web/status/${id}`;
  return undefined;
}

export function accountAddress(platform: string, account: string): string | undefined {
  if (platform === 'bluesky' && DID.test(account)) return `https://bsky.app/profile/${account}`;
  if ((platform === 'x' || platform === 'twitter') && DIGITS.test(account)) return `https://x.com/i/user/${account}`;
  return undefined;
}
