/** Packages without types of their own: what is used of them. */
declare module 'lz4js' {
  /** Decompresses one LZ4 frame. */
  export function decompress(frame: Uint8Array): Uint8Array;
}

declare module 'kafkajs-snappy' {
  import type { ICodec } from 'kafkajs';
  export default function createCodec(): ICodec;
}
