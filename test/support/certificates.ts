/**
 * X.509 certificates for tests of TLS, made here: no tool is needed, and what is checked of them can be chosen.
 *
 * RFC 5280 in DER, no more of it than Node and Java ask for: keys on P-256, signatures of ECDSA with SHA-256.
 */
import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';

/** PEM. */
export interface Identity {
  readonly cert: string;
  /** PKCS #8. */
  readonly key: string;
}

interface Wanted {
  /** Common name. */
  readonly name: string;
  /** DNS names and addresses of IPv4 that it is for. */
  readonly hosts?: readonly string[];
  readonly fromMs?: number;
  readonly toMs?: number;
}

const DAY_MS = 86_400_000;
const ECDSA_SHA256 = sequence(oid('2a8648ce3d040302'));

let serial = 0;

export class Authority {
  /** To be trusted, PEM. */
  readonly cert: string;
  readonly #name: string;
  readonly #key: KeyObject;

  constructor(name: string) {
    this.#name = name;
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    this.#key = privateKey;
    const isAuthority = extension('551d13', sequence(boolean(true)));
    this.cert = this.#signed({ name }, publicKey, [isAuthority]);
  }

  issue(wanted: Wanted): Identity {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const { hosts = [] } = wanted;
    const alternatives = hosts.map((host) =>
      isIP(host) === 4 ? tagged(0x87, Buffer.from(host.split('.').map(Number))) : tagged(0x82, Buffer.from(host)),
    );
    const extensions = hosts.length === 0 ? [] : [extension('551d11', sequence(...alternatives))];
    return {
      cert: this.#signed(wanted, publicKey, extensions),
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    };
  }

  #signed({ name, fromMs, toMs }: Wanted, publicKey: KeyObject, extensions: readonly Buffer[]): string {
    const nowMs = Date.now();
    const body = sequence(
      tagged(0xa0, integer(2)),
      integer(++serial),
      ECDSA_SHA256,
      nameOf(this.#name),
      sequence(time(fromMs ?? nowMs - DAY_MS), time(toMs ?? nowMs + DAY_MS)),
      nameOf(name),
      publicKey.export({ type: 'spki', format: 'der' }),
      ...(extensions.length === 0 ? [] : [tagged(0xa3, sequence(...extensions))]),
    );
    const signature = sign('sha256', body, this.#key);
    const der = sequence(body, ECDSA_SHA256, tagged(0x03, Buffer.from([0]), signature));
    const lines = der.toString('base64').match(/.{1,64}/g)!;
    return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
  }
}

function tagged(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  if (length < 0x100) return Buffer.concat([Buffer.from([tag, 0x81, length]), content]);
  return Buffer.concat([Buffer.from([tag, 0x82, length >> 8, length & 0xff]), content]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, ...parts);
}

function oid(hex: string): Buffer {
  return tagged(0x06, Buffer.from(hex, 'hex'));
}

/** Below 2^15. */
function integer(value: number): Buffer {
  return tagged(0x02, value < 0x80 ? Buffer.from([value]) : Buffer.from([value >> 8, value & 0xff]));
}

function boolean(value: boolean): Buffer {
  return tagged(0x01, Buffer.from([value ? 0xff : 0]));
}

/** UTCTime, which ends in 2049. */
function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return tagged(0x17, Buffer.from(digits.slice(2)));
}

function nameOf(common: string): Buffer {
  return sequence(tagged(0x31, sequence(oid('550403'), tagged(0x0c, Buffer.from(common)))));
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(oid(id), tagged(0x04, value));
}
