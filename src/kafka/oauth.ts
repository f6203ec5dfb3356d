/**
 * SASL OAUTHBEARER: where its token comes from, and the login itself. kafkajs asks anew for each connection and before a token
 * runs out, so nothing here runs on a timer. A token or secret is never part of a message.
 */
import { readFile } from 'node:fs/promises';
import kafkajs, { type Mechanism } from 'kafkajs';
import { ChorusError, ConfigError } from '../errors.ts';

export type TokenProvider = () => Promise<string>;

const TOKEN_TIMEOUT_MS = 10_000;
/** A kept token is given out until this share of its life is over. */
const LIFE_SHARE = 0.8;

/** Read again each time: who rotates the token replaces the file. */
export function tokenFromFile(path: string): TokenProvider {
  return async () => {
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      throw new ChorusError('kafka_token', `token file ${path} cannot be read: ${(error as Error).message}`, {
        retryable: true,
        cause: error,
      });
    }
    return notEmpty(text.trim(), `token file ${path}`);
  };
}

export function tokenFromEnvironment(name: string): TokenProvider {
  return async () => notEmpty(process.env[name] ?? '', `environment variable ${name}`);
}

function notEmpty(token: string, where: string): string {
  if (token === '') throw new ChorusError('kafka_token', `${where} is empty, must hold a token`);
  return token;
}

/** RFC 7628: the separator, and by itself what a client sends to let a login end that was refused. */
const SEPARATOR = '\u0001';

/**
 * In place of kafkajs' own, which does not read what the broker answers: a token that was refused would pass for a login, the broker
 * would close the connection at the next request, and that for ever.
 */
export function bearerLogin(token: TokenProvider): Mechanism['authenticationProvider'] {
  return ({ saslAuthenticate }) => ({
    authenticate: async () => {
      const message = `n,,${SEPARATOR}auth=Bearer ${await token()}${SEPARATOR}${SEPARATOR}`;
      let refusal = '';
      try {
        const response = { decode: unframed, parse: (bytes: Buffer) => bytes.toString() };
        refusal = (await saslAuthenticate({ request: { encode: () => framed(message) }, response })) ?? '';
        if (refusal === '') return;
        await saslAuthenticate({ request: { encode: () => framed(SEPARATOR) } });
      } catch (error) {
        throw refusedLogin(refusal === '' ? (error as Error).message : refusal);
      }
      throw refusedLogin(refusal);
    },
  });
}

/** Of the class that kafkajs does not try again; its types leave the message out. */
function refusedLogin(detail: string): Error {
  const Refusal = kafkajs.KafkaJSSASLAuthenticationError as new (message: string) => Error;
  return new Refusal(`SASL OAUTHBEARER authentication failed: ${detail}`);
}

/** Behind its length, as kafkajs wants it and gives it. */
function framed(message: string): Buffer {
  const bytes = Buffer.from(message);
  const length = Buffer.alloc(4);
  length.writeInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function unframed(bytes: Buffer): Buffer {
  return bytes.subarray(4);
}

export interface ClientCredentials {
  /** The token endpoint, https; http only on this machine. */
  readonly url: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scope?: string;
}

/**
 * OAuth 2 client credentials (RFC 6749, 4.4), the client in HTTP Basic.
 * @throws ConfigError for a URL that would send the secret in the clear.
 */
export function tokenFromClientCredentials(credentials: ClientCredentials): TokenProvider {
  const url = secureUrl(credentials.url);
  let kept: { token: string; untilMs: number } | undefined;
  return async () => {
    if (kept !== undefined && Date.now() < kept.untilMs) return kept.token;
    const { token, lifeMs } = await requestToken(url, credentials);
    kept = { token, untilMs: Date.now() + lifeMs * LIFE_SHARE };
    return token;
  };
}

function secureUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const local = url !== undefined && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (url !== undefined && (url.protocol === 'https:' || (url.protocol === 'http:' && local))) return url;
  throw new ConfigError([{ name: 'sasl.tokenUrl', value: text, bound: 'an https URL (http only to this machine)' }]);
}

async function requestToken(
  url: URL,
  { clientId, clientSecret, scope }: ClientCredentials,
): Promise<{ token: string; lifeMs: number }> {
  const form = new URLSearchParams({ grant_type: 'client_credentials' });
  if (scope !== undefined) form.set('scope', scope);
  const basic = Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`).toString('base64');
  const where = `token endpoint ${url.origin}${url.pathname}`;
  let answer: Response;
  let body: unknown;
  try {
    answer = await fetch(url, {
      method: 'POST',
      headers: { authorization: `Basic ${basic}`, accept: 'application/json' },
      body: form,
      signal: AbortSignal.timeout(TOKEN_TIMEOUT_MS),
    });
    body = await answer.json().catch(() => undefined);
  } catch (error) {
    throw new ChorusError('kafka_token', `${where} does not answer: ${(error as Error).message}`, {
      retryable: true,
      cause: error,
    });
  }
  const { access_token: token, expires_in: lifeSeconds } = (body ?? {}) as {
    access_token?: unknown;
    expires_in?: unknown;
  };
  if (!answer.ok || typeof token !== 'string' || token === '') {
    throw new ChorusError('kafka_token', `${where} answered ${answer.status} without an access_token`, {
      retryable: answer.status >= 500,
    });
  }
  return { token, lifeMs: typeof lifeSeconds === 'number' ? lifeSeconds * 1000 : 0 };
}
