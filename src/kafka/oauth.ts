/**
 * Where the token of SASL OAUTHBEARER comes from. kafkajs asks anew for each connection and before a token runs out, so
 * nothing here runs on a timer. A token or secret is never part of a message.
 */
import { readFile } from 'node:fs/promises';
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
