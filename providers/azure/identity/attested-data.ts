import { IdentityError } from '../../errors.js';
import { isObject } from '../../../domain/values.js';

/** How far Azure's clock and our own may be apart. */
const CLOCK_SKEW_MS = 5 * 60_000;

/** What an attested document says of the machine that fetched it; what nobody checks is left out. */
export interface AttestedData {
  readonly vmId: string;
  /** Null when the document carries none. */
  readonly subscriptionId: string | null;
  readonly createdMs: number;
  readonly expiresMs: number;
}

/**
 * Reads the signed content (Azure Instance Metadata Service, "Attested data"). Whatever is wrong is an IdentityError.
 */
export function readAttestedData(content: Buffer): AttestedData {
  let value: unknown;
  try {
    value = JSON.parse(content.toString('utf8'));
  } catch {
    throw new IdentityError('the attested data is not JSON');
  }
  if (!isObject(value)) throw new IdentityError('the attested data is not an object');
  const { vmId, subscriptionId, timeStamp } = value;
  if (typeof vmId !== 'string' || vmId === '') throw new IdentityError('the attested data has no vmId');
  if (subscriptionId !== undefined && typeof subscriptionId !== 'string') {
    throw new IdentityError('the subscriptionId of the attested data is no text');
  }
  if (!isObject(timeStamp)) throw new IdentityError('the attested data has no timeStamp');
  return {
    vmId,
    subscriptionId: subscriptionId || null,
    createdMs: timeOf(timeStamp.createdOn, 'createdOn'),
    expiresMs: timeOf(timeStamp.expiresOn, 'expiresOn'),
  };
}

/** Throws IdentityError when `nowMs` is not between the document's times, five minutes more on either side. */
export function assertInTime({ createdMs, expiresMs }: AttestedData, nowMs: number): void {
  if (nowMs > expiresMs + CLOCK_SKEW_MS) {
    throw new IdentityError(`the attested document expired at ${new Date(expiresMs).toISOString()}`);
  }
  if (createdMs > nowMs + CLOCK_SKEW_MS) {
    throw new IdentityError(`the attested document is of the future: ${new Date(createdMs).toISOString()}`);
  }
}

/** `MM/DD/YY HH:MM:SS -0000`: UTC, whatever the documentation's examples show. */
function timeOf(text: unknown, name: string): number {
  const match = typeof text === 'string' && /^(\d\d)\/(\d\d)\/(\d\d) (\d\d:\d\d:\d\d) [+-]0000$/.exec(text);
  const ms = match ? Date.parse(`20${match[3]}-${match[1]}-${match[2]}T${match[4]}Z`) : Number.NaN;
  if (Number.isNaN(ms)) throw new IdentityError(`${name} is missing or no time`);
  return ms;
}
