/**
 * The header that every frame begins with: what one stage sends one partition of the next for one batch of one source.
 *
 *   byte  0   magic "Ch", kind (1 fingerprints, 2 links, 3 snapshot), version
 *         4   source, sources, target, targets: which partition of how many it comes from and goes to, 16 bits each
 *        12   number of entries, 32 bits
 *        16   topology id, 64 bits
 *        24   from: position in the source at which the batch begins       } 64-bit floating point numbers
 *        32   to: position after the batch                                 }
 *        40   watermark of the source after the batch, in ms               }
 *        48   words and bytes of the columns behind the header, 32 bits each
 *        56   columns
 *
 * All numbers are little-endian. A source's frames chain: each begins where the one before it ended (chain.ts), so that
 * what is missing or comes twice can be told.
 */
import { ChorusError } from '../errors.ts';

const FRAME_VERSION = 2;
export const FRAME_KIND = { fingerprints: 1, links: 2, snapshot: 3 } as const;
export type FrameKind = (typeof FRAME_KIND)[keyof typeof FRAME_KIND];
export const FRAME_HEADER_BYTES = 56;

const MAGIC = 0x6843;
const AT = { magic: 0, kind: 2, version: 3, source: 4, sources: 6, target: 8, targets: 10, entries: 12 } as const;
const AT_TOPOLOGY = 16;
const AT_FROM = 24;
const AT_TO = 32;
const AT_WATERMARK = 40;
const AT_WORDS = 48;
const AT_BYTES = 52;

/** Positions are Kafka offsets. Below 2^36, so that a reference to one of a frame's 4,096 entries stays an exact number. */
export const POSITION_MAX = 2 ** 36;
/** Entries of one frame, at the most. */
export const FRAME_ENTRIES_MAX = 4096;
/** Most bytes of one frame but for its last entry: well below the 1 MB that a broker takes by default. */
export const FRAME_BYTES_SOFT_MAX = 512 * 1024;

/** What makes frames of two deployments tell apart, and which partitions they run between. */
export interface FrameRoute {
  /** 16 hexadecimal digits. */
  readonly topology: string;
  readonly source: number;
  readonly sources: number;
  readonly target: number;
  readonly targets: number;
}

/** The part of a source that a frame covers. */
export interface FrameSpan {
  readonly from: number;
  readonly to: number;
  /** No post before this event time will come from this source after `to`; -Infinity before its first post. */
  readonly watermark: number;
}

export interface FrameHeader extends FrameRoute, FrameSpan {
  readonly kind: FrameKind;
  readonly entryCount: number;
  readonly wordCount: number;
  readonly byteCount: number;
}

/** A frame that cannot be read, or not by this deployment: code `frame_invalid`, `frame_version` or `frame_topology`. */
export class FrameError extends ChorusError {}

export function writeHeader(view: DataView, header: FrameHeader): void {
  view.setUint16(AT.magic, MAGIC, true);
  view.setUint8(AT.kind, header.kind);
  view.setUint8(AT.version, FRAME_VERSION);
  view.setUint16(AT.source, header.source, true);
  view.setUint16(AT.sources, header.sources, true);
  view.setUint16(AT.target, header.target, true);
  view.setUint16(AT.targets, header.targets, true);
  view.setUint32(AT.entries, header.entryCount, true);
  view.setUint32(AT_TOPOLOGY, Number.parseInt(header.topology.slice(0, 8), 16), true);
  view.setUint32(AT_TOPOLOGY + 4, Number.parseInt(header.topology.slice(8), 16), true);
  view.setFloat64(AT_FROM, header.from, true);
  view.setFloat64(AT_TO, header.to, true);
  view.setFloat64(AT_WATERMARK, header.watermark, true);
  view.setUint32(AT_WORDS, header.wordCount, true);
  view.setUint32(AT_BYTES, header.byteCount, true);
}

/** @throws FrameError unless the bytes begin with a header of this version that makes sense. */
export function readHeader(bytes: Uint8Array): FrameHeader {
  if (bytes.byteLength < FRAME_HEADER_BYTES) throw invalid(`${bytes.byteLength} bytes are no frame`);
  const view = viewOf(bytes);
  if (view.getUint16(AT.magic, true) !== MAGIC) throw invalid('it does not begin with "Ch"');
  const version = view.getUint8(AT.version);
  if (version !== FRAME_VERSION) {
    throw new FrameError(
      'frame_version',
      `a frame has format version ${version}, this program reads ${FRAME_VERSION}: run the version that wrote it, or start on new internal topics`,
    );
  }
  const kind = view.getUint8(AT.kind);
  if (kind < FRAME_KIND.fingerprints || kind > FRAME_KIND.snapshot) throw invalid(`kind ${kind} is none`);
  const header: FrameHeader = {
    kind: kind as FrameKind,
    topology: hex(view.getUint32(AT_TOPOLOGY, true)) + hex(view.getUint32(AT_TOPOLOGY + 4, true)),
    source: view.getUint16(AT.source, true),
    sources: view.getUint16(AT.sources, true),
    target: view.getUint16(AT.target, true),
    targets: view.getUint16(AT.targets, true),
    from: view.getFloat64(AT_FROM, true),
    to: view.getFloat64(AT_TO, true),
    watermark: view.getFloat64(AT_WATERMARK, true),
    entryCount: view.getUint32(AT.entries, true),
    wordCount: view.getUint32(AT_WORDS, true),
    byteCount: view.getUint32(AT_BYTES, true),
  };
  checkHeader(header);
  return header;
}

function checkHeader({ source, sources, target, targets, from, to, watermark, entryCount }: FrameHeader): void {
  if (source >= sources || target >= targets) {
    throw invalid(`it goes from partition ${source} of ${sources} to ${target} of ${targets}`);
  }
  if (!isPosition(from) || !isPosition(to) || to < from) throw invalid(`it reaches from position ${from} to ${to}`);
  if (Number.isNaN(watermark) || watermark === Infinity) throw invalid(`its watermark is ${watermark}`);
  if (entryCount > FRAME_ENTRIES_MAX) throw invalid(`it has ${entryCount} entries, at most ${FRAME_ENTRIES_MAX}`);
}

/** @throws FrameError unless the frame is of this kind, deployment and number of partitions, and goes to `target`. */
export function checkRoute(header: FrameHeader, kind: FrameKind, expected: Omit<FrameRoute, 'source'>): void {
  if (header.kind !== kind) throw invalid(`its kind is ${header.kind}, expected ${kind}`);
  if (header.topology !== expected.topology) {
    throw new FrameError(
      'frame_topology',
      `a frame of topology ${header.topology} was found by topology ${expected.topology}: settings that change results have ` +
        'changed. Give the new settings internal topics of their own (kafka.prefix), or go back to the old settings',
    );
  }
  const { target, targets, sources } = expected;
  if (header.target === target && header.targets === targets && header.sources === sources) return;
  throw new FrameError(
    'frame_topology',
    `a frame from one of ${header.sources} partitions to ${header.target} of ${header.targets} was found at ${target} of ` +
      `${targets}, with ${sources} sources: the number of partitions has changed. Give the new one internal topics of its ` +
      'own (kafka.prefix)',
  );
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function invalid(what: string): FrameError {
  return new FrameError('frame_invalid', `a frame cannot be read: ${what}`);
}

export function isPosition(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= POSITION_MAX;
}

function hex(word: number): string {
  return word.toString(16).padStart(8, '0');
}
