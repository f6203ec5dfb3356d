/**
 * Stage 1 over a log: posts and deletions of one source partition in, one frame for every partition of `fingerprints` out.
 *
 * Its only state is the source's watermark. Lateness is decided here, once, in the order of offsets, so it is the same in
 * every replay; later stages find nothing late.
 */
import { FingerprintsFrameBuilder } from '../frames/fingerprints.ts';
import { FRAME_BYTES_SOFT_MAX, FRAME_ENTRIES_MAX, type FrameRoute } from '../frames/frame.ts';
import { Router } from '../frames/route.ts';
import type { Deletion, Post } from '../model.ts';
import {
  deletionRetraction,
  editRetractions,
  RECORD_ENTRIES_MAX,
  type FingerprintStage,
  type Retraction,
} from './fingerprint.ts';

/** What became of a post. `nothing` is a native repost or a text without a letter. */
export type Taken = 'entry' | 'nothing' | 'late';

/** A frame with more of them might not have room for all entries of the next record. */
const ENTRIES_FULL = FRAME_ENTRIES_MAX - RECORD_ENTRIES_MAX;
const NOTHING = new Uint8Array();

export class SourcePartition {
  /** No post before this event time will be taken any more; -Infinity before the first post. */
  watermark = -Infinity;
  readonly #fingerprint: FingerprintStage;
  readonly #route: Omit<FrameRoute, 'target'>;
  readonly #outOfOrdernessMs: number;
  readonly #router: Router;
  readonly #builders: readonly FingerprintsFrameBuilder[];
  #from = 0;
  #isFull = false;

  constructor(fingerprint: FingerprintStage, route: Omit<FrameRoute, 'target'>, outOfOrdernessMs: number) {
    this.#fingerprint = fingerprint;
    this.#route = route;
    this.#outOfOrdernessMs = outOfOrdernessMs;
    this.#router = new Router(route.targets);
    this.#builders = Array.from({ length: route.targets }, () => new FingerprintsFrameBuilder());
  }

  /** Are the frames as large as they may be? Then they are to be finished before the next post. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** Begins frames at this offset. */
  begin(from: number): void {
    this.#from = from;
    this.#isFull = false;
    for (const builder of this.#builders) builder.clear();
  }

  /** @param post with its event time as `createdAt` */
  take(post: Post, offset: number, evidence: Uint8Array): Taken {
    const taken = this.#takePost(post, offset, evidence);
    // What it replaces goes also where the new text is late or nothing to compare.
    for (const retraction of editRetractions(post)) this.#retract(retraction, offset);
    return taken;
  }

  /** @param deletion with its event time as `createdAt` */
  delete(deletion: Deletion, offset: number): void {
    this.#retract(deletionRetraction(deletion), offset);
    this.witness(deletion.createdAt - this.#outOfOrdernessMs);
  }

  #takePost(post: Post, offset: number, evidence: Uint8Array): Taken {
    if (post.createdAt < this.watermark) return 'late';
    this.witness(post.createdAt - this.#outOfOrdernessMs);
    if (this.#fingerprint.process(post) === 0) return 'nothing';
    this.#send(offset, evidence);
    return 'entry';
  }

  /** Never late: behind the watermark it takes effect there. */
  #retract(retraction: Retraction, offset: number): void {
    const timeMs = Math.max(retraction.timeMs, this.watermark);
    this.#fingerprint.retract({ ...retraction, timeMs });
    this.#send(offset, NOTHING);
  }

  /** Sends the entry that the stage has made to its partitions. */
  #send(offset: number, evidence: Uint8Array): void {
    const { words } = this.#fingerprint;
    const router = this.#router;
    router.route(words, 0);
    for (let i = 0; i < router.count; i++) {
      const target = router.targets[i]!;
      const builder = this.#builders[target]!;
      const length = router.write(words, 0, target, builder.words, builder.wordCount);
      builder.add(length, offset - this.#from, evidence);
      if (builder.entryCount > ENTRIES_FULL || builder.size > FRAME_BYTES_SOFT_MAX) this.#isFull = true;
    }
  }

  /** A tick: no post before this event time will come from the source any more. */
  witness(watermark: number): void {
    if (watermark > this.watermark) this.watermark = watermark;
  }

  /** The frames up to offset `to`, one for each target in their order. */
  finish(to: number): Uint8Array[] {
    const span = { from: this.#from, to, watermark: this.watermark };
    const frames = this.#builders.map((builder, target) => builder.finish({ ...this.#route, target }, span));
    this.begin(to);
    return frames;
  }
}
