import { createHash } from 'node:crypto';
import { sameText } from './secrets.js';
import { AuthenticationError } from './client.js';

/**
 * Types that clients hash with the body, whatever Content-Type they send: Python's hashes none for a call without a
 * body, Rust's `text/json`. JSON is the only type that the API reads, so the type protects nothing.
 */
const HASHED_TYPES = ['application/json', '', 'text/json'];

/** Throws AuthenticationError where a Hawk signature covers a body, and it was for another one than this. */
export function assertPayloadHash(hash: string, body: Buffer, contentType: string | undefined): void {
  const sent = contentType?.split(';')[0]?.trim().toLowerCase() ?? '';
  const matches = [...new Set([sent, ...HASHED_TYPES])].some((type) => sameText(hashOf(body, type), hash));
  if (!matches) throw new AuthenticationError('The payload is not the one that was signed.');
}

const hashOf = (body: Buffer, type: string): string =>
  createHash('sha256').update(`hawk.1.payload\n${type}\n`).update(body).update('\n').digest('base64');
