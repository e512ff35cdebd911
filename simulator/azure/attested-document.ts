import { sign } from 'node:crypto';
import forge from 'node-forge';
import type { KeyAndCertificate } from './certificates.js';
import type { Resource } from './resource.js';

const { asn1 } = forge;
const { SEQUENCE, SET, INTEGER, OCTETSTRING, NULL, OID } = asn1.Type;

/** "The attested document is valid for 6 hours" (Azure Instance Metadata Service, attested data). */
const VALID_MS = 6 * 3600 * 1000;

/** What an attested document says of a machine, in the shape and order of a real one. */
export function attestedFacts(vm: Resource, nonce: string, nowMs: number): Record<string, unknown> {
  return {
    licenseType: '',
    nonce,
    plan: { name: '', product: '', publisher: '' },
    sku: '',
    subscriptionId: vm.subscriptionId,
    timeStamp: { createdOn: timeOf(nowMs), expiresOn: timeOf(nowMs + VALID_MS) },
    vmId: vm.machine?.vmId ?? '',
  };
}

/** `MM/DD/YY HH:MM:SS -0000`. */
export function timeOf(ms: number): string {
  const [date = '', time = ''] = new Date(ms).toISOString().slice(2, 19).split('T');
  const [year, month, day] = date.split('-');
  return `${month}/${day}/${year} ${time} -0000`;
}

/**
 * Base64 of a DER SignedData (RFC 2315) with its content, the signer's certificate only, and no authenticated
 * attributes: the signature is RSA PKCS#1 v1.5 with SHA-256 over the content itself. As in a real document, the digest
 * algorithm is named sha256WithRSAEncryption and not plain SHA-256.
 */
export function signDocument(facts: unknown, signer: KeyAndCertificate): string {
  const content = Buffer.from(JSON.stringify(facts));
  const certificate = forge.pki.certificateFromPem(signer.certificate);
  const signature = sign('sha256', content, signer.privateKey);
  const digest = algorithm('1.2.840.113549.1.1.11');
  const issuer = forge.pki.distinguishedNameToAsn1(certificate.issuer);
  const signerInfo = make(SEQUENCE, [
    small(1),
    make(SEQUENCE, [issuer, leaf(INTEGER, forge.util.hexToBytes(certificate.serialNumber))]),
    digest,
    algorithm('1.2.840.113549.1.1.1'),
    leaf(OCTETSTRING, signature.toString('latin1')),
  ]);
  const signedData = make(SEQUENCE, [
    small(1),
    make(SET, [digest]),
    make(SEQUENCE, [oid('1.2.840.113549.1.7.1'), explicit([leaf(OCTETSTRING, content.toString('latin1'))])]),
    explicit([forge.pki.certificateToAsn1(certificate)]),
    make(SET, [signerInfo]),
  ]);
  const document = make(SEQUENCE, [oid('1.2.840.113549.1.7.2'), explicit([signedData])]);
  return Buffer.from(asn1.toDer(document).getBytes(), 'latin1').toString('base64');
}

const make = (type: forge.asn1.Type, parts: forge.asn1.Asn1[]) => asn1.create(asn1.Class.UNIVERSAL, type, true, parts);
const leaf = (type: forge.asn1.Type, bytes: string) => asn1.create(asn1.Class.UNIVERSAL, type, false, bytes);
const explicit = (parts: forge.asn1.Asn1[]) => asn1.create(asn1.Class.CONTEXT_SPECIFIC, 0, true, parts);
const oid = (name: string) => leaf(OID, asn1.oidToDer(name).getBytes());
const small = (value: number) => leaf(INTEGER, String.fromCharCode(value));
const algorithm = (name: string) => make(SEQUENCE, [oid(name), leaf(NULL, '')]);
