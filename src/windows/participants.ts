/**
 * Which accounts took part in alerts that are closed, and in how many: a bounded memory, part of the campaign stage's state.
 *
 * At the bound the accounts whose last closed alert is longest ago are forgotten. Alerts close in event time, so what is
 * remembered is a function of the log.
 */
export class Participants {
  /** Accounts forgotten at the bound. */
  forgotten = 0;
  readonly #alerts = new Map<string, number>();

  get count(): number {
    return this.#alerts.size;
  }

  /** Closed alerts that the account took part in. @param account platform and account in one string */
  alertsOf(account: string): number {
    return this.#alerts.get(account) ?? 0;
  }

  /** Notes the accounts of an alert that closes. */
  add(accounts: Iterable<string>, countMax: number): void {
    for (const account of accounts) {
      const alerts = this.alertsOf(account);
      this.#alerts.delete(account);
      this.#alerts.set(account, alerts + 1);
    }
    for (const account of this.#alerts.keys()) {
      if (this.#alerts.size <= countMax) break;
      this.#alerts.delete(account);
      this.forgotten++;
    }
  }

  /** In the order in which they will be forgotten. */
  rows(): IterableIterator<readonly [account: string, alerts: number]> {
    return this.#alerts.entries();
  }

  restore([account, alerts]: readonly [account: string, alerts: number]): void {
    this.#alerts.set(account, alerts);
  }
}
