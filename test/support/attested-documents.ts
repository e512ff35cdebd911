import { constants, generateKeyPairSync, privateEncrypt } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';
import forge from 'node-forge';
import { DAY_MS } from '../../domain/durations.js';

/** Certificates and attested documents like Azure's, under keys that are made here and kept nowhere. */

/** A subject, its key, and how its certificate is to be. */
export interface Entity {
  readonly name: string;
  readonly key: forge.pki.rsa.KeyPair;
  readonly pem: string;
}

export interface CertificateShape {
  readonly name: string;
  /** Null: self-signed. */
  readonly issuer: Entity | null;
  readonly nowMs: number;
  readonly ca?: boolean;
  readonly pathLength?: number;
  readonly fromMs?: number;
  readonly toMs?: number;
  /** caIssuers. */
  readonly addresses?: readonly string[];
  /** DNS names below which it may certify; critical. */
  readonly permitted?: string;
  /** Extended key usage; serverAuth for one that is no authority, none for an authority. Null: none. */
  readonly usage?: 'serverAuth' | 'emailProtection' | null;
  /** Alternative DNS names; its own name for one that is no authority. */
  readonly dnsNames?: readonly string[];
  readonly digest?: 'sha1' | 'sha256';
  /** Instead of a new one. */
  readonly key?: forge.pki.rsa.KeyPair;
  /** Not the issuer's key: a forgery. */
  readonly signedWith?: forge.pki.rsa.KeyPair;
}

export function newKey(): forge.pki.rsa.KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const signing = forge.pki.privateKeyFromPem(privateKey);
  // Forge's own arithmetic takes seconds under Jest.
  signing.sign = (message) => {
    const md = message as forge.md.MessageDigest & { algorithm: keyof typeof digestInfo };
    const digest = Buffer.from(md.digest().getBytes(), 'latin1');
    const padding = { key: privateKey, padding: constants.RSA_PKCS1_PADDING };
    return privateEncrypt(padding, Buffer.concat([digestInfo[md.algorithm], digest])).toString('latin1');
  };
  return { privateKey: signing, publicKey: forge.pki.publicKeyFromPem(publicKey) };
}

/** What stands before the digest in a PKCS#1 v1.5 signature (RFC 8017 §9.2). */
const digestInfo = {
  sha1: Buffer.from('3021300906052b0e03021a05000414', 'hex'),
  sha256: Buffer.from('3031300d060960864801650304020105000420', 'hex'),
};

let serial = 1;

// oxlint-disable-next-line complexity -- one condition for each option of a certificate
export function certify(shape: CertificateShape): Entity {
  const { name, issuer, nowMs, ca = true, key = newKey() } = shape;
  const { usage = ca ? null : 'serverAuth', dnsNames = ca ? [] : [name] } = shape;
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = key.publicKey;
  certificate.serialNumber = `40${String(serial++).padStart(8, '0')}`;
  certificate.validity.notBefore = new Date(shape.fromMs ?? nowMs - DAY_MS);
  certificate.validity.notAfter = new Date(shape.toMs ?? nowMs + DAY_MS);
  certificate.setSubject([{ shortName: 'CN', value: name }]);
  certificate.setIssuer([{ shortName: 'CN', value: issuer?.name ?? name }]);
  const issuerKey = (issuer?.key ?? key).publicKey;
  certificate.setExtensions([
    {
      name: 'basicConstraints',
      cA: ca,
      ...(shape.pathLength !== undefined && { pathLenConstraint: shape.pathLength }),
      critical: true,
    },
    ca
      ? { name: 'keyUsage', keyCertSign: true, critical: true }
      : { name: 'keyUsage', digitalSignature: true, critical: true },
    ...(usage ? [{ name: 'extKeyUsage', [usage]: true }] : []),
    ...(dnsNames.length > 0
      ? [{ name: 'subjectAltName', altNames: dnsNames.map((value) => ({ type: 2, value })) }]
      : []),
    { name: 'subjectKeyIdentifier' },
    { name: 'authorityKeyIdentifier', keyIdentifier: forge.pki.getPublicKeyFingerprint(issuerKey).getBytes() },
    ...(shape.addresses ? [{ id: '1.3.6.1.5.5.7.1.1', value: informationAccess(shape.addresses) }] : []),
    ...(shape.permitted ? [{ id: '2.5.29.30', critical: true, value: nameConstraints(shape.permitted) }] : []),
  ]);
  const signingKey = shape.signedWith ?? issuer?.key ?? key;
  certificate.sign(signingKey.privateKey, shape.digest === 'sha1' ? forge.md.sha1.create() : forge.md.sha256.create());
  return { name, key, pem: forge.pki.certificateToPem(certificate) };
}

/** Of the test file's own: made with the first file, removed after its tests. */
let folder: string | undefined;
let files = 0;
afterAll(() => {
  if (folder) rmSync(folder, { recursive: true, force: true });
});

/** The path of a new file with this text. */
export function fileOf(text: string): string {
  folder ??= mkdtempSync(join(tmpdir(), 'attested-'));
  const path = join(folder, `file-${(files += 1)}`);
  writeFileSync(path, text);
  return path;
}

/** A PEM file with these, as `trustedRoots` and `trustedIntermediates` name it. */
export const pemFile = (...entities: readonly Pick<Entity, 'pem'>[]): string =>
  fileOf(entities.map(({ pem }) => pem).join('\n'));

export interface Facts {
  readonly vmId: string;
  readonly subscriptionId: string;
  readonly createdMs: number;
  readonly expiresMs: number;
}

/** The signed content of a real document, with these facts. */
export const attestedContent = ({ vmId, subscriptionId, createdMs, expiresMs }: Facts): Record<string, unknown> => ({
  licenseType: '',
  nonce: '',
  plan: { name: '', product: '', publisher: '' },
  sku: '',
  subscriptionId,
  timeStamp: { createdOn: azureTime(createdMs), expiresOn: azureTime(expiresMs) },
  vmId,
});

export function azureTime(ms: number): string {
  const [, year, month, day, time] = /^20(\d\d)-(\d\d)-(\d\d)T(.{8})/.exec(new Date(ms).toISOString())!;
  return `${month}/${day}/${year} ${time} -0000`;
}

export interface SignOptions {
  /** Beside the signer's own certificate. */
  readonly certificates?: readonly Entity[];
  /** Sign once more, with this one. */
  readonly coSigner?: Entity;
  readonly authenticatedAttributes?: boolean;
}

/** Base64 of a PKCS#7 SignedData, without authenticated attributes unless the options say so. */
export function signAttested(signer: Entity, signedContent: unknown, options: SignOptions = {}): string {
  const message = forge.pkcs7.createSignedData();
  const text = typeof signedContent === 'string' ? signedContent : JSON.stringify(signedContent);
  message.content = forge.util.createBuffer(text, 'utf8');
  for (const { pem } of [signer, ...(options.certificates ?? [])]) message.addCertificate(pem);
  const { contentType, messageDigest, sha256 } = forge.pki.oids as Record<string, string>;
  for (const { key, pem } of [signer, ...(options.coSigner ? [options.coSigner] : [])]) {
    message.addSigner({
      key: key.privateKey,
      certificate: forge.pki.certificateFromPem(pem),
      digestAlgorithm: sha256!,
      authenticatedAttributes: options.authenticatedAttributes
        ? [{ type: contentType!, value: forge.pki.oids.data! }, { type: messageDigest! }]
        : [],
    });
  }
  message.sign();
  return Buffer.from(forge.asn1.toDer(message.toAsn1()).getBytes(), 'latin1').toString('base64');
}

const { asn1 } = forge;
const sequence = (parts: forge.asn1.Asn1[]) => asn1.create(asn1.Class.UNIVERSAL, asn1.Type.SEQUENCE, true, parts);
const context = (type: number, value: string | forge.asn1.Asn1[]) =>
  asn1.create(asn1.Class.CONTEXT_SPECIFIC, type, typeof value !== 'string', value);
const der = (node: forge.asn1.Asn1) => asn1.toDer(node).getBytes();

/** RFC 5280 §4.2.2.1, with caIssuers only. */
const informationAccess = (addresses: readonly string[]): string => {
  const caIssuers = asn1.oidToDer('1.3.6.1.5.5.7.48.2').getBytes();
  return der(
    sequence(
      addresses.map((address) =>
        sequence([asn1.create(asn1.Class.UNIVERSAL, asn1.Type.OID, false, caIssuers), context(6, address)]),
      ),
    ),
  );
};

/** RFC 5280 §4.2.1.10: one permitted DNS subtree. */
const nameConstraints = (permitted: string): string => der(sequence([context(0, [sequence([context(2, permitted)])])]));
