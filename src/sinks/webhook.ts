/**
 * Alerts by HTTP POST, one each, signed as "Standard Webhooks" has it (https://www.standardwebhooks.com): `webhook-id`,
 * `webhook-timestamp` in seconds, and `webhook-signature: v1,` with HMAC-SHA256 of "id.timestamp.body" in base64.
 */
import { Buffer } from 'node:buffer';
import { createHmac } from 'node:crypto';
import type { Alert } from '../model.ts';
import { postJson, type PostOptions } from './http-post.ts';
import { idempotencyKey, type AlertSink } from './port.ts';

export interface WebhookOptions extends PostOptions {
  /** Unsigned without. One that begins with `whsec_` is base64 behind it. */
  readonly secret?: string | undefined;
}

export class WebhookSink implements AlertSink {
  readonly #options: WebhookOptions;

  constructor(options: WebhookOptions) {
    this.#options = options;
  }

  async send(alert: Alert, signal: AbortSignal): Promise<void> {
    const { secret } = this.#options;
    const id = idempotencyKey(alert);
    const timestamp = String(Math.floor(Date.now() / 1000));
    const body = JSON.stringify(alert);
    const signature = secret === undefined ? undefined : signatureOf(secret, id, timestamp, body);
    const headers = {
      'user-agent': 'chorus',
      'idempotency-key': id,
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      ...(signature === undefined ? {} : { 'webhook-signature': signature }),
    };
    await postJson(this.#options, headers, body, signal);
  }

  settle(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function signatureOf(secret: string, id: string, timestamp: string, body: string): string {
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : secret;
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
}
