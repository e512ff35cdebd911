import { randomBytes, sign, type KeyObject } from 'node:crypto';

/** DER, as far as a self-signed certificate needs it (X.690). */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(tag), derLength(content.length), content]);
}

function derLength(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length);
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest >>>= 8) bytes.unshift(rest & 0xff);
  return Buffer.of(0x80 | bytes.length, ...bytes);
}

const SEQUENCE = 0x30;
const SET = 0x31;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const NULL = 0x05;
const OBJECT_IDENTIFIER = 0x06;
const UTF8_STRING = 0x0c;
const GENERALIZED_TIME = 0x18;
const EXPLICIT_0 = 0xa0;

/** 1.2.840.113549.1.1.11, sha256WithRSAEncryption, with its NULL parameters (RFC 4055). */
const SIGNATURE_ALGORITHM = der(SEQUENCE, der(OBJECT_IDENTIFIER, Buffer.from('2a864886f70d01010b', 'hex')), der(NULL));
/** 2.5.4.3, commonName. */
const COMMON_NAME = der(OBJECT_IDENTIFIER, Buffer.from('550403', 'hex'));

const name = (commonName: string): Buffer =>
  der(SEQUENCE, der(SET, der(SEQUENCE, COMMON_NAME, der(UTF8_STRING, Buffer.from(commonName)))));

const time = (ms: number): Buffer =>
  der(GENERALIZED_TIME, Buffer.from(new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, '')));

/** A self-signed X.509 v3 certificate (RFC 5280) for this RSA key, as PEM; valid from `fromMs` until `untilMs`. */
export function selfSignedCertificate(
  commonName: string,
  keys: { publicKey: KeyObject; privateKey: KeyObject },
  validity: { fromMs: number; untilMs: number },
): string {
  // A serial number is positive and never begins with a zero byte.
  const serial = randomBytes(8);
  serial[0] = (serial[0]! & 0x3f) | 0x40;
  const toBeSigned = der(
    SEQUENCE,
    der(EXPLICIT_0, der(INTEGER, Buffer.of(2))),
    der(INTEGER, serial),
    SIGNATURE_ALGORITHM,
    name(commonName),
    der(SEQUENCE, time(validity.fromMs), time(validity.untilMs)),
    name(commonName),
    keys.publicKey.export({ type: 'spki', format: 'der' }),
  );
  const signature = sign('sha256', toBeSigned, keys.privateKey);
  const certificate = der(SEQUENCE, toBeSigned, SIGNATURE_ALGORITHM, der(BIT_STRING, Buffer.of(0), signature));
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}
