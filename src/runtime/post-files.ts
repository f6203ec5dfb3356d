/**
 * Posts of files and standard input, of any format. Every record is counted once: as a post, a deletion, ignored or rejected;
 * of a page, everything in it.
 */
import { inputBytes, openRecords, type ReadOptions } from '../consumers/file.ts';
import type { FormatChoice } from '../consumers/framing.ts';
import type { RecordBatch } from '../consumers/records.ts';
import { InputError } from '../errors.ts';
import type { Decoded, Deletion, IgnoredReason, Post } from '../model.ts';
import { deletionRetraction, editRetractions, FingerprintStage } from '../stages/fingerprint.ts';
import { evidenceBytes, KEPT_BYTES_MAX } from './evidence.ts';
import { emptyCounts, type EntryTarget, type PostSource } from './post-source.ts';
import { Rejections } from './rejections.ts';

const NOTHING = new Uint8Array();

export class PostFiles implements PostSource {
  readonly inputs: readonly string[];
  readonly rejections = new Rejections();
  readonly counts = emptyCounts('bytes');
  readonly #stdin: AsyncIterable<Uint8Array> | undefined;
  readonly #choice: FormatChoice;

  /**
   * @param inputs paths; "-" is standard input
   * @param stdin what "-" stands for
   */
  constructor(inputs: readonly string[], stdin?: AsyncIterable<Uint8Array>, choice: FormatChoice = {}) {
    this.inputs = inputs;
    this.#stdin = stdin;
    this.#choice = choice;
  }

  endMs(): number {
    return Infinity;
  }

  /** An input that breaks off ends the reading like an abort: what was read before may be days of posts. */
  async read(target: EntryTarget, signal: AbortSignal | undefined): Promise<InputError | undefined> {
    const sizes = await Promise.all(this.inputs.map(inputBytes));
    const isPipe = sizes.includes(undefined);
    this.counts.progress.total = isPipe ? undefined : sizes.reduce<number>((sum, size) => sum + size!, 0);
    const stage = new FingerprintStage(target.fingerprint);
    try {
      for (const input of this.inputs) {
        if (signal?.aborted === true) return undefined;
        await this.#readInput(input, stage, target, signal);
      }
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return error;
    }
    return undefined;
  }

  async #readInput(
    input: string,
    stage: FingerprintStage,
    target: EntryTarget,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { counts } = this;
    const before = counts.bytesRead;
    const stdin = this.#stdin;
    const reading: ReadOptions = {
      onProgress: ({ bytesRead }) => {
        counts.bytesRead = before + bytesRead;
        counts.progress.done = counts.bytesRead;
      },
      ...(stdin === undefined ? {} : { stdin }),
    };
    const { format, batches } = await openRecords(input, this.#choice, reading);
    const taking: Taking = { input, stage, target, isCanonical: format === 'canonical' };
    for await (const batch of batches) {
      // A line cut off by the abort must not be told as a bad one.
      if (signal?.aborted === true) return;
      this.#takeBatch(batch, taking);
      target.onProgress();
    }
  }

  #takeBatch(batch: RecordBatch, taking: Taking): void {
    for (let i = 0; i < batch.count; i++) {
      const decoded = batch.decode(i);
      if ('kind' in decoded) this.#take(decoded, batch, i, taking);
      else for (const one of decoded) this.#take(one, batch, i, taking);
    }
  }

  #take(decoded: Decoded, batch: RecordBatch, i: number, { input, stage, target, isCanonical }: Taking): void {
    this.counts.lines++;
    if (decoded.kind === 'post') {
      const line = isCanonical ? batch.bytes(i) : undefined;
      this.#takePost(decoded.post, line, stage, target);
    } else if (decoded.kind === 'deletion') this.#takeDeletion(decoded.deletion, stage, target);
    else if (decoded.kind === 'ignored') this.#ignore(decoded.reason);
    else this.rejections.add(decoded.reason, decoded.detail, input, batch.number(i), batch.bytes(i));
  }

  #ignore(reason: IgnoredReason): void {
    const { ignored } = this.counts;
    ignored.set(reason, (ignored.get(reason) ?? 0) + 1);
  }

  #takePost(post: Post, line: Uint8Array | undefined, stage: FingerprintStage, target: EntryTarget): void {
    const { counts } = this;
    const { createdAt } = post;
    counts.posts++;
    if (createdAt < counts.firstMs) counts.firstMs = createdAt;
    if (createdAt > counts.lastMs) counts.lastMs = createdAt;
    const wordCount = stage.process(post);
    if (wordCount === 0) {
      if (post.repostOf === undefined) counts.nothingToCompare++;
      else counts.nativeReposts++;
    } else {
      const isKept = line !== undefined && line.length <= KEPT_BYTES_MAX;
      const evidence = isKept ? line : evidenceBytes(post);
      target.append(stage.words, wordCount, evidence);
    }
    for (const retraction of editRetractions(post)) target.append(stage.words, stage.retract(retraction), NOTHING);
  }

  #takeDeletion(deletion: Deletion, stage: FingerprintStage, target: EntryTarget): void {
    this.counts.deletions++;
    target.append(stage.words, stage.retract(deletionRetraction(deletion)), NOTHING);
  }
}

/** What the records of one input are taken by. */
interface Taking {
  readonly input: string;
  readonly stage: FingerprintStage;
  readonly target: EntryTarget;
  readonly isCanonical: boolean;
}
