/** Posts of files and standard input, one canonical post a line. Every line is counted once: as a post, or as rejected. */
import { Buffer } from 'node:buffer';
import { decodeCanonical } from '../consumers/formats/canonical.ts';
import { inputBytes, readLines, type ReadLinesOptions } from '../consumers/file.ts';
import { LINE_BYTES_MAX, type LineBatch } from '../consumers/lines.ts';
import { InputError } from '../errors.ts';
import type { Post, RejectionReason } from '../model.ts';
import { FingerprintStage } from '../stages/fingerprint.ts';
import { KEPT_BYTES_MAX } from './evidence.ts';
import { emptyCounts, type EntryTarget, type PostSource } from './post-source.ts';
import { Rejections } from './rejections.ts';

export class PostFiles implements PostSource {
  readonly inputs: readonly string[];
  readonly rejections = new Rejections();
  readonly counts = emptyCounts('bytes');
  readonly #stdin: AsyncIterable<Uint8Array> | undefined;

  /**
   * @param inputs paths; "-" is standard input
   * @param stdin what "-" stands for
   */
  constructor(inputs: readonly string[], stdin?: AsyncIterable<Uint8Array>) {
    this.inputs = inputs;
    this.#stdin = stdin;
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
    const reading: ReadLinesOptions = {
      onProgress: ({ bytesRead }) => {
        counts.bytesRead = before + bytesRead;
        counts.progress.done = counts.bytesRead;
      },
      ...(stdin === undefined ? {} : { stdin }),
    };
    for await (const batch of readLines(input, reading)) {
      // A line cut off by the abort must not be told as a bad one.
      if (signal?.aborted === true) return;
      this.#takeBatch(batch, input, stage, target);
      target.onProgress();
    }
  }

  #takeBatch(batch: LineBatch, input: string, stage: FingerprintStage, target: EntryTarget): void {
    this.counts.lines += batch.count;
    for (let i = 0; i < batch.count; i++) {
      const line = batch.text(i);
      if (line === undefined) {
        const reason = batch.reason(i);
        this.rejections.add(reason, LINE_DETAILS[reason]!, input, batch.number(i), batch.bytes(i));
        continue;
      }
      const decoded = decodeCanonical(line);
      if (decoded.kind === 'post') this.#takePost(decoded.post, batch.bytes(i), stage, target);
      else this.rejections.add(decoded.reason, decoded.detail, input, batch.number(i), batch.bytes(i));
    }
  }

  #takePost(post: Post, line: Uint8Array, stage: FingerprintStage, target: EntryTarget): void {
    const { counts } = this;
    const { createdAt } = post;
    counts.posts++;
    if (createdAt < counts.firstMs) counts.firstMs = createdAt;
    if (createdAt > counts.lastMs) counts.lastMs = createdAt;
    const wordCount = stage.process(post);
    if (wordCount === 0) {
      if (post.repostOf === undefined) counts.nothingToCompare++;
      else counts.nativeReposts++;
      return;
    }
    const evidence = line.length <= KEPT_BYTES_MAX ? line : Buffer.from(JSON.stringify(post));
    target.append(stage.words, wordCount, evidence);
  }
}

/** What the reader itself rejects; all other details come from the decoder. */
const LINE_DETAILS: Readonly<Partial<Record<RejectionReason, string>>> = {
  line_too_long: `the line has more than ${LINE_BYTES_MAX} bytes`,
  invalid_utf8: 'the line is not UTF-8',
};
