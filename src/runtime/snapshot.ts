/**
 * The state of the campaign stage as frames of the topic `links`, so that a new instance need not read the links since the
 * oldest campaign began. What a snapshot says of the future is a function of the log before its position; its bytes are not, since
 * what is let go when depends on the steps in which the log was read. So two instances may write different ones.
 *
 * Behind the header (frame.ts; `from` and `to` are the snapshot's position in the log, `wordCount` the number of the part)
 * each frame has: number of parts, 32 bits | digest of the gzipped state, 64 bits | the part of it. The state is lines: the
 * chain, the events that wait as a list of frames in base64, and the lines of campaign-state.ts.
 */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { ChorusError } from '../errors.ts';
import {
  checkRoute,
  FRAME_BYTES_SOFT_MAX,
  FRAME_HEADER_BYTES,
  FRAME_KIND,
  POSITION_MAX,
  readHeader,
  viewOf,
  writeHeader,
  type FrameRoute,
} from '../frames/frame.ts';
import { LinksFrame, LinksFrameBuilder, type LinksEvent } from '../frames/links.ts';
import type { CampaignPartition } from '../stages/campaign-partition.ts';
import { decodeCampaignState, encodeCampaignState, type CampaignState } from '../windows/campaign-state.ts';
import type { CampaignLimits } from '../windows/campaigns.ts';

export interface Snapshot {
  readonly chain: string;
  readonly pending: readonly LinksEvent[];
  readonly state: CampaignState;
}

const DIGEST_AT = FRAME_HEADER_BYTES + 4;
const DIGEST_BYTES = 8;
const PART_HEADER_BYTES = DIGEST_AT + DIGEST_BYTES;

/** The frames of a snapshot of the partition, which stands at `position` of its log. */
export function snapshotFrames(partition: CampaignPartition, position: number, route: FrameRoute): Buffer[] {
  const lines = [partition.chain.encode(), JSON.stringify(pendingFrames(partition.pending, route))];
  for (const line of encodeCampaignState(partition.stage.state)) lines.push(line);
  // Level 1: the state stops the stage while it is packed, and the topic keeps it for a short time only.
  const packed = gzipSync(lines.join('\n'), { level: 1 });
  const digest = createHash('sha256').update(packed).digest();
  const parts = Math.ceil(packed.byteLength / FRAME_BYTES_SOFT_MAX);
  return Array.from({ length: parts }, (_, part) => {
    const bytes = packed.subarray(part * FRAME_BYTES_SOFT_MAX, (part + 1) * FRAME_BYTES_SOFT_MAX);
    const frame = Buffer.alloc(PART_HEADER_BYTES + bytes.byteLength);
    writeHeader(viewOf(frame), {
      ...route,
      kind: FRAME_KIND.snapshot,
      from: position,
      to: position,
      watermark: partition.watermark,
      entryCount: 0,
      wordCount: part,
      byteCount: bytes.byteLength,
    });
    frame.writeUInt32LE(parts, FRAME_HEADER_BYTES);
    digest.copy(frame, DIGEST_AT, 0, DIGEST_BYTES);
    frame.set(bytes, PART_HEADER_BYTES);
    return frame;
  });
}

export function isSnapshot(frame: Uint8Array): boolean {
  return frame.byteLength >= FRAME_HEADER_BYTES && readHeader(frame).kind === FRAME_KIND.snapshot;
}

/** Puts the parts of a snapshot together, in whatever order and however often they come, and whoever else has written one. */
export class SnapshotReader {
  readonly #position: number;
  readonly #route: Omit<FrameRoute, 'source'>;
  /** By the digest of the whole. */
  readonly #parts = new Map<string, Map<number, Uint8Array>>();

  constructor(position: number, route: Omit<FrameRoute, 'source'>) {
    this.#position = position;
    this.#route = route;
  }

  /**
   * Takes a frame of the log, and returns the snapshot when its last part has come.
   * @throws FrameError for a frame of another deployment. @throws ChorusError `snapshot_invalid`
   */
  take(frame: Uint8Array, limits: CampaignLimits): Snapshot | undefined {
    if (!isSnapshot(frame)) return undefined;
    const header = readHeader(frame);
    if (header.from !== this.#position || frame.byteLength < PART_HEADER_BYTES) return undefined;
    checkRoute(header, FRAME_KIND.snapshot, this.#route);
    const digest = Buffer.from(frame.subarray(DIGEST_AT, PART_HEADER_BYTES)).toString('hex');
    const known = this.#parts.get(digest) ?? new Map<number, Uint8Array>();
    this.#parts.set(digest, known.set(header.wordCount, frame.subarray(PART_HEADER_BYTES)));
    const parts = viewOf(frame).getUint32(FRAME_HEADER_BYTES, true);
    if (known.size < parts) return undefined;
    return unpacked(
      Array.from({ length: parts }, (_, part) => known.get(part) ?? new Uint8Array()),
      limits,
    );
  }
}

function unpacked(parts: readonly Uint8Array[], limits: CampaignLimits): Snapshot {
  try {
    const [chain, pending, ...lines] = gunzipSync(Buffer.concat(parts)).toString('utf8').split('\n');
    const frames = JSON.parse(pending!) as readonly string[];
    return {
      chain: chain!,
      pending: frames.flatMap((frame) => new LinksFrame(Buffer.from(frame, 'base64')).events),
      state: decodeCampaignState(lines, limits),
    };
  } catch (cause) {
    throw new ChorusError('snapshot_invalid', 'a snapshot in the topic of links cannot be read', { cause });
  }
}

/** Positions in the frames count from the least: they may come from several match partitions. */
function pendingFrames(pending: readonly LinksEvent[], route: FrameRoute): string[] {
  const from = pending.reduce((least, { cause }) => Math.min(least, cause.position), POSITION_MAX);
  const frames: string[] = [];
  const builder = new LinksFrameBuilder();
  const finish = (): void => {
    frames.push(
      Buffer.from(builder.finish(route, { from, to: POSITION_MAX, watermark: -Infinity })).toString('base64'),
    );
  };
  for (const event of pending) {
    builder.add(event);
    if (builder.isFull) finish();
  }
  if (builder.entryCount > 0) finish();
  return frames;
}
