import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { isObject } from '../../domain/values.js';
import { sealingKey } from './secrets.js';
import { SESSION_COOKIE, SESSION_MS } from './session.js';
import type { TaskclusterCredentials } from './sign.js';

/**
 * A browser's session where another service knows all clients: that one judges each request by its signature, so the
 * cookie holds what signs them, sealed with the deployment's key. A client that is disabled there is out at once.
 */

/** Browsers keep no cookie that is longer with its name and attributes. */
const MAX_LENGTH = 3_800;
const CIPHER = 'aes-256-gcm';
const [IV_BYTES, TAG_BYTES] = [12, 16];

export interface SealedSession {
  readonly credentials: TaskclusterCredentials;
  /** Epoch milliseconds. */
  readonly expires: number;
}

/** When a session that is opened now ends: with its credentials at the latest. */
export const endOfSession = ({ certificate }: TaskclusterCredentials, nowMs: number): number =>
  Math.min(nowMs + SESSION_MS, expiryOf(certificate) ?? Infinity);

function expiryOf(certificate: string | undefined): number | null {
  try {
    const value: unknown = JSON.parse(certificate ?? '');
    return isObject(value) && typeof value['expiry'] === 'number' ? value['expiry'] : null;
  } catch {
    return null;
  }
}

/** What the cookie holds; null for credentials that are too long for one. */
export function sealSession(deploymentKey: string, session: SealedSession): string | null {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, sealingKey(deploymentKey), iv);
  const sealed = Buffer.concat([cipher.update(JSON.stringify(session), 'utf8'), cipher.final()]);
  const value = `sealed.${Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url')}`;
  return value.length > MAX_LENGTH ? null : value;
}

/** The session of a request's cookies; null without one of ours that lasts. */
export function unsealSession(cookies: string, deploymentKey: string, nowMs: number): SealedSession | null {
  const bytes = Buffer.from(SEALED.exec(cookies)?.[1] ?? '', 'base64url');
  if (bytes.length <= IV_BYTES + TAG_BYTES) return null;
  try {
    const opened = createDecipheriv(CIPHER, sealingKey(deploymentKey), bytes.subarray(0, IV_BYTES));
    opened.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
    const text = Buffer.concat([opened.update(bytes.subarray(IV_BYTES + TAG_BYTES)), opened.final()]).toString('utf8');
    const session = JSON.parse(text) as SealedSession;
    return session.expires > nowMs ? session : null;
  } catch {
    return null;
  }
}

const SEALED = new RegExp(`(?:^|;\\s*)${SESSION_COOKIE}=sealed\\.([\\w-]{1,${MAX_LENGTH}})(?:;|$)`);
