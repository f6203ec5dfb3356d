/**
 * Stage 3 over frames: the partition of `links` in, revisions of alerts out.
 *
 * Every match partition is a source. Events wait until all of them have passed their event time; those that one post has
 * caused in several partitions are put together again, so the campaign stage sees what one partition with all buckets
 * would have said.
 */
import { SourceChain } from '../frames/chain.ts';
import { checkRoute, FRAME_KIND, type FrameRoute } from '../frames/frame.ts';
import { LINKS_EVENT, LinksFrame, type Cause, type FramedPost, type LinksEvent } from '../frames/links.ts';
import { retractedBeforeMs } from '../frames/entry.ts';
import { InvariantError } from '../errors.ts';
import { hex64 } from '../fingerprints/hash.ts';
import type { Evidence } from '../model.ts';
import { CampaignStage, type CampaignEvent, type CampaignSettings, type RevisionSink } from './campaign.ts';

export class CampaignPartition {
  readonly stage: CampaignStage;
  /** Events that came again with frames sent twice. */
  repeated = 0;
  readonly #route: Omit<FrameRoute, 'source'>;
  readonly #evidenceOf: (post: FramedPost) => Evidence;
  readonly #chain: SourceChain;
  #pending: LinksEvent[] = [];

  /** @param evidenceOf decodes a post when it is looked at, with the event time of the frame */
  constructor(
    settings: CampaignSettings,
    route: Omit<FrameRoute, 'source'>,
    evidenceOf: (post: FramedPost) => Evidence,
    saved?: { readonly stage: CampaignStage; readonly chain: string; readonly pending: readonly LinksEvent[] },
  ) {
    this.stage = saved?.stage ?? new CampaignStage(settings);
    this.#chain = saved === undefined ? new SourceChain(route.sources) : SourceChain.decode(saved.chain, route.sources);
    this.#pending = saved === undefined ? [] : Array.from(saved.pending);
    this.#route = route;
    this.#evidenceOf = evidenceOf;
  }

  get watermark(): number {
    return this.#chain.least;
  }

  get chain(): SourceChain {
    return this.#chain;
  }

  /** Events that wait. */
  get pending(): readonly LinksEvent[] {
    return this.#pending;
  }

  /** @throws FrameError for a frame that cannot be read or is none of this deployment. @throws InvariantError F1, F4 */
  ingest(bytes: Uint8Array): void {
    const { header, events } = new LinksFrame(bytes);
    checkRoute(header, FRAME_KIND.links, this.#route);
    this.#chain.check(header.source, header);
    const expected = this.#chain.expected(header.source);
    const watermark = this.#chain.watermark(header.source);
    for (const event of events) {
      if (event.cause.position < expected) {
        this.repeated++;
        continue;
      }
      if (event.cause.timeMs < watermark) {
        const { position, timeMs } = event.cause;
        throw new InvariantError(
          'F4',
          `match partition ${header.source} speaks at position ${position} of event time ${timeMs}, behind its watermark ${watermark}`,
        );
      }
      this.#pending.push(event);
    }
    this.#chain.pass(header.source, header);
  }

  /** Takes what all match partitions have passed, and appends the revisions it causes. */
  release(out: RevisionSink): void {
    const watermark = this.#chain.least;
    if (watermark === -Infinity) return;
    const ready = this.#pending.filter((event) => event.cause.timeMs < watermark);
    if (ready.length > 0) {
      this.#pending = this.#pending.filter((event) => event.cause.timeMs >= watermark);
      ready.sort(compareEvents);
      for (let start = 0; start < ready.length;) {
        let end = start + 1;
        while (end < ready.length && compareCauses(ready[start]!.cause, ready[end]!.cause) === 0) end++;
        this.stage.process(ready[start]!.cause.timeMs, this.#united(ready.slice(start, end)), out);
        start = end;
      }
    }
    this.stage.advance(watermark, out);
  }

  /** Events of one cause, in order: a link that several partitions have found is one, with the key families of all. */
  #united(events: readonly LinksEvent[]): CampaignEvent[] {
    const united: CampaignEvent[] = [];
    let before: LinksEvent | undefined;
    for (const event of events) {
      const { cause, kind, otherHi, otherLo } = event;
      const node = { hi: cause.textHi, lo: cause.textLo };
      if (kind === LINKS_EVENT.retraction) {
        united.push({
          kind: 'retraction',
          post: hex64(cause.postHi, cause.postLo),
          beforeMs: retractedBeforeMs(cause.textHi, cause.textLo),
        });
        continue;
      }
      if (kind !== LINKS_EVENT.link) {
        united.push({
          kind: 'post',
          node,
          evidence: this.#evidenceOf(event.evidence!),
          first: kind === LINKS_EVENT.first,
        });
        continue;
      }
      const isSame = before !== undefined && before.otherHi === otherHi && before.otherLo === otherLo;
      const last = isSame ? united.pop() : undefined;
      const known = last?.kind === 'link' ? last : undefined;
      const other = event.otherEvidence === undefined ? undefined : this.#evidenceOf(event.otherEvidence);
      united.push({
        kind: 'link',
        later: node,
        laterEvidence: known?.laterEvidence ?? this.#evidenceOf(event.evidence!),
        earlier: { hi: otherHi, lo: otherLo },
        earlierEvidence: known?.earlierEvidence ?? other,
        similarity: event.similarity,
        families: event.families | (known?.families ?? 0),
      });
      before = event;
    }
    return united;
  }
}

/** The total order of causes; within one, first posts before posts before links, and links by the other node. */
function compareEvents(a: LinksEvent, b: LinksEvent): number {
  const order = compareCauses(a.cause, b.cause);
  if (order !== 0) return order;
  return rank(a) - rank(b) || a.otherHi - b.otherHi || a.otherLo - b.otherLo;
}

function rank({ kind }: LinksEvent): number {
  return kind === LINKS_EVENT.first ? 0 : kind === LINKS_EVENT.post ? 1 : 2;
}

function compareCauses(a: Cause, b: Cause): number {
  return (
    a.timeMs - b.timeMs || a.postHi - b.postHi || a.postLo - b.postLo || a.textHi - b.textHi || a.textLo - b.textLo
  );
}
