import { verify } from 'node:crypto';
import type { Worker } from '../../domain/worker.js';
import { bytesOfBase64 } from '../shared/base64.js';
import { IdentityError } from '../errors.js';
import type { IdentityProof } from '../provider.js';
import type { IdentityKeys } from './certificates.js';

/** Real documents have about 500 bytes and signatures 172 or 344 characters, plus line ends. */
const MAX_DOCUMENT_LENGTH = 8_192;
const MAX_SIGNATURE_LENGTH = 1_024;
/** How far the document's, EC2's and our own clock may be apart. */
const CLOCK_SKEW_MS = 5 * 60_000;
/**
 * A row may be written long after its launch, when an answer was lost; without EC2's own time this much is believed.
 */
const MAX_RECORDING_DELAY_MS = 24 * 3_600_000;

/** Members of the document that must equal the row's facts. */
export const comparedAttributes = [
  'instanceId',
  'region',
  'accountId',
  'availabilityZone',
  'architecture',
  'imageId',
  'instanceType',
  'privateIp',
] as const;

export type InstanceAttributes = Readonly<Record<string, string | null>>;
export type IdentityDocument = Readonly<Record<string, unknown>>;

/**
 * The document of a proof whose signature holds under the key of *the row's* region: the bearer does not choose the
 * key. RSA PKCS#1 v1.5 with SHA-256 over the document's exact bytes (EC2 user guide, "Verify the instance identity
 * document", `signature`). Whatever is wrong with the proof is an IdentityError.
 */
export function readSignedDocument(proof: IdentityProof, region: string | null, keys: IdentityKeys): IdentityDocument {
  const { document, signature } = proof;
  if (typeof document !== 'string' || document.length === 0) throw new IdentityError('no identity document');
  if (typeof signature !== 'string' || signature.length === 0) throw new IdentityError('no signature');
  if (document.length > MAX_DOCUMENT_LENGTH) throw new IdentityError('the identity document is too long');
  if (signature.length > MAX_SIGNATURE_LENGTH) throw new IdentityError('the signature is too long');
  const signatureBytes = bytesOfBase64(signature);
  if (!signatureBytes) throw new IdentityError('the signature is not base64');

  const key = region === null ? undefined : keys.get(region);
  if (!key) throw new IdentityError(`no identity certificate for region ${region}; see identityCertificates`);
  const holds = verify('sha256', Buffer.from(document), key, signatureBytes);
  if (!holds) throw new IdentityError('the signature does not hold');
  return parse(document);
}

function parse(document: string): IdentityDocument {
  let value: unknown;
  try {
    value = JSON.parse(document);
  } catch {
    throw new IdentityError('the identity document is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new IdentityError('the identity document is not an object');
  }
  return value as IdentityDocument;
}

/** Attributes that a row may lack when EC2 did not have them yet; they are read once before they are compared. */
export const lacksAttributes = (identityAttributes: InstanceAttributes): boolean =>
  comparedAttributes.some((name) => (identityAttributes[name] ?? null) === null);

/**
 * Throws IdentityError unless the document is this worker's. Every fact must be known and equal, except that an
 * instance without a private IPv4 address has none in its document either.
 *
 * Documents never expire, so their age is held against the machine's: `pendingTime` must be its launch, not earlier (an
 * old document of a reused address) and not in the future.
 */
export function assertDocumentIsOf(
  worker: Worker,
  identityAttributes: InstanceAttributes,
  document: IdentityDocument,
  nowMs: number,
): void {
  if (document.instanceId !== worker.workerId) throw new IdentityError('instanceId is not the worker’s');
  for (const name of comparedAttributes) {
    const known = identityAttributes[name] ?? null;
    const shown = document[name] ?? null;
    if (known === null && name !== 'privateIp') throw new IdentityError(`${name} of the machine is not known`);
    if (shown !== known) throw new IdentityError(`${name} is not the machine’s`);
  }
  const pendingTime = typeof document.pendingTime === 'string' ? Date.parse(document.pendingTime) : Number.NaN;
  if (Number.isNaN(pendingTime)) throw new IdentityError('pendingTime is missing or no time');
  if (pendingTime > nowMs + CLOCK_SKEW_MS) throw new IdentityError('pendingTime is in the future');
  const launchTime = Date.parse(identityAttributes.launchTime ?? '');
  const earliest = Number.isNaN(launchTime) ? worker.created - MAX_RECORDING_DELAY_MS : launchTime - CLOCK_SKEW_MS;
  if (pendingTime < earliest) throw new IdentityError('pendingTime is before the machine’s launch');
}
