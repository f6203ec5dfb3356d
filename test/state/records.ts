/** Small records for tests of stores. */
import type { Store, StoreBatch, StoredFrame } from '../../src/state/store.ts';

export const TOPOLOGY = '00112233445566ff';

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function textOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
}

export function frame(offset: number, text = `frame ${offset}`): StoredFrame {
  return { offset, bytes: bytesOf(text) };
}

/** A batch whose checkpoint is a text. */
export function batch(checkpoint: string, rest: Omit<StoreBatch, 'checkpoint'> = {}): StoreBatch {
  return { checkpoint: bytesOf(checkpoint), ...rest };
}

export async function scanned(store: Store, from = 0): Promise<StoredFrame[]> {
  const frames: StoredFrame[] = [];
  for await (const group of store.scan(from)) frames.push(...group);
  return frames;
}
