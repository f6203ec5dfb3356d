/** UUIDs of version 5 (RFC 9562): the same name gives the same id, so that an export made twice updates what is there. */
import { createHash } from 'node:crypto';

/** For everything that Chorus names itself. A random one, made once. */
export const CHORUS_NAMESPACE = '6f1d7a52-0c0e-4d7b-9a0f-3b7e3c1f8a64';
/** STIX 2.1, section 2.9: of what is observed, by the properties that identify it. */
export const STIX_NAMESPACE = '00abedb4-aa42-466c-9c01-fed23315a9b7';

export function uuid5(namespace: string, name: string): string {
  const hash = createHash('sha1')
    .update(Buffer.from(namespace.replaceAll('-', ''), 'hex'))
    .update(name)
    .digest();
  hash[6] = (hash[6]! & 0x0f) | 0x50;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  const hex = hash.toString('hex', 0, 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
