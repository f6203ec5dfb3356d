/**
 * Files of alerts and members -> campaigns that can be read one after the other, in order of severity.
 *
 * Owns a temporary file with the lines, so that memory is that of a few numbers and a short text a campaign, whatever the
 * lists hold, and standard input can be gone over twice.
 *
 * R1  The highest revision of an alert counts, wherever it stands in the file.
 * R2  A merged alert is no campaign of its own, unless the file lacks the alert that took it.
 * R3  The order is a function of the alerts: severity, accounts, first post, id.
 */
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inputBytes, readLines } from '../consumers/file.ts';
import { ChorusError, InvariantError } from '../errors.ts';
import { decodeMember, decodeReportAlert, type DecodedLine, type ReportAlert } from '../report/alert.ts';
import type { Evidence } from '../report/evidence.ts';
import type { IndexRow } from '../report/index-page.ts';
import { Rejections } from '../runtime/rejections.ts';
import { compareText } from '../windows/alert.ts';
import { ALERT_LINE_BYTES_MAX } from './alert-lines.ts';
import { counted } from './summary.ts';

const STDIN = '-';
/** UTF-16 units of a campaign's text that are kept for lists. */
const TEXT_UNITS = 600;
/** Lines of members are gathered up to this many bytes while they are of one campaign, as `chorus replay` writes them. */
const RUN_BYTES_MAX = 262_144;

/** Bytes of the temporary file. */
interface Stretch {
  readonly at: number;
  readonly bytes: number;
}

/** What is kept of an alert. Times are ms. */
export interface ArchivedCampaign extends IndexRow {
  readonly revision: number;
  readonly mergedIds: readonly string[];
}

type ArchivedAlert = ArchivedCampaign & {
  readonly mergedInto: string | undefined;
  readonly line: Stretch;
};

export interface ArchiveInputs {
  /** Path of a file, or "-" for standard input. */
  readonly alerts: string;
  readonly members: string | undefined;
}

export class AlertArchive {
  readonly #folder: string;
  readonly #file: number;
  #end = 0;
  readonly #alerts = new Map<string, ArchivedAlert>();
  readonly #members = new Map<string, Stretch[]>();
  #campaigns: readonly ArchivedCampaign[] = [];
  /** Lines, and what is to be said of those that could not be taken. */
  readonly #complaints: string[] = [];
  #isMostlyRejected = false;

  private constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), 'chorus-alerts-'));
    this.#file = openSync(join(this.#folder, 'lines'), 'wx+', 0o600);
  }

  /** @throws InputError if an input cannot be read to its end */
  static async read({ alerts, members }: ArchiveInputs): Promise<AlertArchive> {
    for (const input of [alerts, members]) if (input !== undefined) await inputBytes(input);
    const archive = new AlertArchive();
    try {
      await archive.#readAlerts(alerts);
      archive.#campaigns = archive.#united();
      if (members !== undefined) await archive.#readMembers(members);
    } catch (error) {
      archive.close();
      throw error;
    }
    return archive;
  }

  /** In order of output. */
  get campaigns(): readonly ArchivedCampaign[] {
    return this.#campaigns;
  }

  /** For standard error; empty if every line was taken. */
  get complaint(): string {
    return this.#complaints.join('');
  }

  /** More than half of the lines of one of the inputs. */
  get isMostlyRejected(): boolean {
    return this.#isMostlyRejected;
  }

  load({ id, mergedIds }: ArchivedCampaign): Evidence {
    const alert = this.#decoded(this.#alerts.get(id)!.line, decodeReportAlert)[0]!;
    const stretches = [id, ...mergedIds].flatMap((each) => this.#members.get(each) ?? []);
    const members = stretches.flatMap((stretch) => this.#decoded(stretch, decodeMember));
    return { alert, mergedIds, members: members.length === 0 ? undefined : members };
  }

  close(): void {
    closeSync(this.#file);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #readAlerts(input: string): Promise<void> {
    await this.#readLines(input, decodeReportAlert, 'alerts', (alert, line) => {
      const known = this.#alerts.get(alert.id);
      if (known !== undefined && known.revision >= alert.revision) return;
      this.#alerts.set(alert.id, archived(alert, this.#append(line)));
    });
  }

  async #readMembers(input: string): Promise<void> {
    let run: { campaign: string; lines: Uint8Array[]; bytes: number } = { campaign: '', lines: [], bytes: 0 };
    const endRun = (): void => {
      if (run.lines.length === 0) return;
      const stretches = this.#members.get(run.campaign) ?? [];
      stretches.push(this.#append(Buffer.concat(run.lines)));
      this.#members.set(run.campaign, stretches);
    };
    await this.#readLines(input, decodeMember, 'members', ({ campaign }, line) => {
      if (!this.#alerts.has(campaign)) return;
      if (campaign !== run.campaign || run.bytes + line.length > RUN_BYTES_MAX) {
        endRun();
        run = { campaign, lines: [], bytes: 0 };
      }
      // The bytes of a batch are gone with the next one.
      run.lines.push(Buffer.from(line), LINE_END);
      run.bytes += line.length + 1;
    });
    endRun();
  }

  async #readLines<Value>(
    input: string,
    decode: (line: string) => DecodedLine<Value>,
    noun: string,
    take: (value: Value, line: Uint8Array) => void,
  ): Promise<void> {
    const rejections = new Rejections();
    let lines = 0;
    for await (const batch of readLines(input, { lineBytesMax: ALERT_LINE_BYTES_MAX })) {
      for (let i = 0; i < batch.count; i++) {
        lines++;
        const text = batch.text(i);
        const decoded = text === undefined ? undefined : decode(text);
        if (decoded?.kind === 'value') take(decoded.value, batch.bytes(i));
        else {
          const { reason, detail } = decoded ?? { reason: batch.reason(i), detail: 'the line is no text' };
          rejections.add(reason, detail, input, batch.number(i), batch.bytes(i));
        }
      }
    }
    if (rejections.count * 2 > lines) this.#isMostlyRejected = true;
    if (rejections.count > 0) this.#complaints.push(complaintOf(input, lines, noun, rejections));
  }

  /** R2 */
  #united(): ArchivedCampaign[] {
    const parts = new Map<string, string[]>();
    for (const alert of this.#alerts.values()) {
      const taker = this.#takerOf(alert);
      if (taker !== alert.id) parts.set(taker, [...(parts.get(taker) ?? []), alert.id]);
    }
    const taken = new Set(Array.from(parts.values()).flat());
    const alone = Array.from(this.#alerts.values()).filter(({ id }) => !taken.has(id));
    return alone
      .map((alert) => ({ ...alert, mergedIds: (parts.get(alert.id) ?? []).sort(compareText) }))
      .sort(byWeight);
  }

  /** The last alert of the file on the way of those that took it. */
  #takerOf(alert: ArchivedAlert): string {
    const passed = [alert.id];
    for (let at = alert; at.mergedInto !== undefined;) {
      const next = this.#alerts.get(at.mergedInto);
      if (next === undefined) return at.id;
      // No engine writes a circle; one in a file that was tampered with must not hold us for ever.
      if (passed.includes(next.id)) return passed.slice(passed.indexOf(next.id)).sort(compareText)[0]!;
      passed.push(next.id);
      at = next;
    }
    return passed.at(-1)!;
  }

  #append(bytes: Uint8Array): Stretch {
    const stretch = { at: this.#end, bytes: bytes.length };
    try {
      for (let written = 0; written < bytes.length;) {
        written += writeSync(this.#file, bytes, written, bytes.length - written, this.#end + written);
      }
    } catch (cause) {
      const detail = `cannot write ${this.#folder}: ${(cause as Error).message}; TMPDIR names another folder`;
      throw new ChorusError('temporary_file', detail, { cause });
    }
    this.#end += bytes.length;
    return stretch;
  }

  #decoded<Value>({ at, bytes }: Stretch, decode: (line: string) => DecodedLine<Value>): Value[] {
    const buffer = Buffer.allocUnsafe(bytes);
    for (let read = 0; read < bytes;) {
      const count = readSync(this.#file, buffer, read, bytes - read, at + read);
      if (count === 0) throw new InvariantError('R1', 'the temporary file has lost lines');
      read += count;
    }
    const lines = buffer.toString('utf8').split('\n');
    return lines.flatMap((line) => {
      const decoded = line === '' ? undefined : decode(line);
      return decoded?.kind === 'value' ? [decoded.value] : [];
    });
  }
}

const LINE_END = Buffer.from('\n');

function archived(alert: ReportAlert, line: Stretch): ArchivedAlert {
  const { id, revision, mergedInto, accountCount, postCount, firstMs, lastMs } = alert;
  const first = alert.explanations?.[0];
  return {
    id,
    revision,
    mergedInto,
    mergedIds: [],
    text: alert.text.slice(0, TEXT_UNITS),
    severity: alert.severity?.score,
    accountCount,
    postCount,
    firstMs,
    lastMs,
    platforms: alert.platforms.map(([name]) => name),
    explanation: first === undefined ? undefined : { name: first.name, share: first.share },
    isOpen: alert.status === 'open' || alert.status === 'updated',
    line,
  };
}

/** R3 */
function byWeight(a: ArchivedCampaign, b: ArchivedCampaign): number {
  return (
    (b.severity ?? -1) - (a.severity ?? -1) ||
    b.accountCount - a.accountCount ||
    a.firstMs - b.firstMs ||
    compareText(a.id, b.id)
  );
}

function complaintOf(input: string, lines: number, noun: string, rejections: Rejections): string {
  const name = input === STDIN ? 'standard input' : input;
  const told = rejections.byReason().map(({ reason, count, samples }) => {
    const { line, detail } = samples[0]!;
    return `  ${reason}: ${counted(count, 'line')}, the first is ${name}:${line}: ${detail}\n    ${rejections.excerpt(reason)}\n`;
  });
  return `chorus: ${name}: ${rejections.count} of ${counted(lines, 'line')} rejected, must be ${noun}:\n${told.join('')}`;
}
