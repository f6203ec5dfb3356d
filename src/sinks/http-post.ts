/**
 * One POST of JSON to somebody else's server. Follows no redirect, and connects to no address of this machine or its network
 * unless that is allowed: the address is looked at after the name was resolved, at the connect itself, so that a name which
 * changes between a check and its use gains nothing.
 */
import { lookup as systemLookup } from 'node:dns';
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { SinkError } from './port.ts';

export interface PostOptions {
  readonly url: URL;
  /** Whether messages leave out its host and what tells of it: the address is a secret. */
  readonly isUrlHidden?: boolean;
  readonly timeoutMs: number;
  readonly isPrivateAllowed: boolean;
  /** PEM, beside what the system trusts not at all. */
  readonly ca?: string | undefined;
  /** How names are resolved; the system's way if not given. */
  readonly lookup?: LookupFunction;
}

/** IANA's special-purpose registries: what is not reachable from everywhere, and ways to write IPv4 in IPv6. */
const FORBIDDEN_V4 = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const;
const FORBIDDEN_V6 = [
  ['::', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const;

const forbidden = new BlockList();
for (const [net, prefix] of FORBIDDEN_V4) forbidden.addSubnet(net, prefix, 'ipv4');
for (const [net, prefix] of FORBIDDEN_V6) forbidden.addSubnet(net, prefix, 'ipv6');

/** Of an IP address: is it of this machine, its network, or of no one? */
export function isForbiddenAddress(address: string): boolean {
  const [bare = ''] = address.split('%', 1);
  return forbidden.check(bare, isIP(bare) === 6 ? 'ipv6' : 'ipv4');
}

/** @throws SinkError for all but an answer of 2xx */
export async function postJson(
  options: PostOptions,
  headers: Readonly<Record<string, string>>,
  body: string,
  signal: AbortSignal,
): Promise<void> {
  const { timeoutMs } = options;
  const bound = AbortSignal.timeout(timeoutMs);
  let answer: { status: number; retryAfter: string | undefined };
  try {
    answer = await exchange(options, headers, body, AbortSignal.any([signal, bound]));
  } catch (error) {
    if (error instanceof SinkError) throw error;
    if (signal.aborted) throw signal.reason;
    if (bound.aborted) {
      throw new SinkError('timeout', `${shownHost(options)}: no answer within ${timeoutMs} ms`, { retryable: true });
    }
    throw connectionError(options, error);
  }
  if (answer.status < 200 || answer.status > 299) {
    throw answerError(shownHost(options), answer.status, answer.retryAfter);
  }
}

function shownHost({ url, isUrlHidden }: PostOptions): string {
  return isUrlHidden === true ? 'the address that is kept secret' : url.host;
}

function exchange(
  post: PostOptions,
  headers: Readonly<Record<string, string>>,
  body: string,
  signal: AbortSignal,
): Promise<{ status: number; retryAfter: string | undefined }> {
  const { url, isPrivateAllowed, ca, lookup = systemLookup } = post;
  const literal = url.hostname.replace(/^\[(.*)\]$/, '$1');
  // A literal address is never looked up.
  if (!isPrivateAllowed && isIP(literal) !== 0 && isForbiddenAddress(literal)) throw addressError(post, literal);
  const options: RequestOptions = {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...headers },
    // A connection of its own for each: the address is looked at each time.
    agent: false,
    signal,
    lookup: isPrivateAllowed ? lookup : guarded(post, lookup),
  };
  return new Promise((resolve, reject) => {
    const onAnswer = (answer: IncomingMessage): void => {
      resolve({ status: answer.statusCode ?? 0, retryAfter: answer.headers['retry-after'] });
      // What it says beside the status is of no use here, and may have no end.
      answer.on('error', () => undefined);
      answer.destroy();
    };
    const isTls = url.protocol === 'https:';
    const request = isTls
      ? httpsRequest(url, { ...options, ...(ca === undefined ? {} : { ca }) }, onAnswer)
      : httpRequest(url, options, onAnswer);
    request.on('error', reject);
    request.end(body);
  });
}

/** One forbidden address among several is enough: which of them is taken is up to chance. */
function guarded(post: PostOptions, lookup: LookupFunction): LookupFunction {
  return (name, options, callback) => {
    lookup(name, options, (error, address, family) => {
      const found = Array.isArray(address) ? address.map((each) => each.address) : [address];
      const bad = error === null ? found.find(isForbiddenAddress) : undefined;
      callback(bad === undefined ? error : addressError(post, bad), address, family);
    });
  };
}

function addressError(post: PostOptions, address: string): SinkError {
  const is = post.isUrlHidden === true ? 'is one' : `is ${address}, an address`;
  const message = `${shownHost(post)} ${is} of this machine or its network; allowPrivate permits it`;
  return new SinkError('address_forbidden', message, { retryable: false });
}

function connectionError(post: PostOptions, cause: unknown): SinkError {
  const { code = '', message } = cause as NodeJS.ErrnoException;
  const isTls = /CERT|SSL|TLS|SIGN|ISSUER|EPROTO|ALTNAME|HOSTNAME/i.test(code);
  const reason = isTls ? 'tls' : 'unreachable';
  // The message of a fault names what was looked up or connected to.
  if (post.isUrlHidden === true) return new SinkError(reason, `${shownHost(post)}: ${code}`, { retryable: true });
  return new SinkError(reason, `${shownHost(post)}: ${message || code}`, { retryable: true, cause });
}

function answerError(host: string, status: number, retryAfter: string | undefined): SinkError {
  const message = `${host} answers ${status}`;
  const askedMs = retryAfterMs(retryAfter);
  if (status === 429) return new SinkError('throttled', message, { retryable: true, askedMs });
  if (status >= 500) return new SinkError('server_error', message, { retryable: true, askedMs });
  if (status >= 300 && status < 400) return new SinkError('redirect', message, { retryable: false });
  return new SinkError('refused', message, { retryable: status === 408 || status === 425, askedMs });
}

function retryAfterMs(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  const atMs = Date.parse(header);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - Date.now());
}
