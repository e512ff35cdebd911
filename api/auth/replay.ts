import { createHash } from 'node:crypto';
import { TIMESTAMP_SKEW_SECONDS } from './hawk.js';
import { hawkAttributes, isHawk } from './signature.js';

/** Clocks of our own processes may differ by this much, and the auth service's from theirs. */
const OWN_SKEW_SECONDS = 5 * 60;

export interface UsedSignature {
  /** Of the MAC, which covers time, nonce and everything else that is signed. */
  readonly digest: string;
  /** Epoch milliseconds from which on no process takes it any more. */
  readonly until: number;
}

/** What is to be recorded of a Hawk header that has been verified; null for every other. */
export function usedSignature(authorization: string | undefined): UsedSignature | null {
  if (!isHawk(authorization)) return null;
  const attributes = hawkAttributes(authorization);
  const seconds = Number(attributes.get('ts')) + TIMESTAMP_SKEW_SECONDS + OWN_SKEW_SECONDS;
  const digest = createHash('sha256')
    .update(attributes.get('mac') ?? '')
    .digest('base64url');
  return { digest, until: Math.ceil(seconds * 1000) };
}
