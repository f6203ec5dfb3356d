/** Alerts as actions of Osprey, on the topic that its workers read (`osprey.actions_input`): https://github.com/roostorg/osprey */
import { hash } from 'node:crypto';
import type { Alert } from '../model.ts';
import { idempotencyKey, SinkError, type AlertSink } from './port.ts';

/** Resolves when the brokers have it. */
export type Produce = (key: string, value: string) => Promise<void>;

const ACTION_NAME = 'coordination_alert';

export class OspreySink implements AlertSink {
  readonly #produce: Produce;
  readonly #close: () => Promise<void>;

  constructor(produce: Produce, close: () => Promise<void>) {
    this.#produce = produce;
    this.#close = close;
  }

  async send(alert: Alert): Promise<void> {
    try {
      await this.#produce(alert.id, JSON.stringify(ospreyAction(alert)));
    } catch (cause) {
      if (cause instanceof SinkError) throw cause;
      throw new SinkError('kafka', (cause as Error).message, { retryable: true, cause });
    }
  }

  settle(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return this.#close();
  }
}

export interface OspreyAction {
  readonly send_time: string;
  readonly data: {
    /** Osprey's are integers; this one is made of the id and the revision, so it is the same when it is sent again. */
    readonly action_id: number;
    readonly action_name: string;
    readonly data: Alert;
  };
}

export function ospreyAction(alert: Alert): OspreyAction {
  // 52 bits: exact as a number of JavaScript.
  const actionId = Number.parseInt(hash('sha256', idempotencyKey(alert), 'hex').slice(0, 13), 16);
  return { send_time: alert.revisedAt, data: { action_id: actionId, action_name: ACTION_NAME, data: alert } };
}
