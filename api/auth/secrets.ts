import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { workerKeyText, type WorkerKey } from '../../domain/ids.js';

/**
 * Secrets of workers, derived from the deployment's key: nothing that opens a door is ever stored, and an answer that
 * got lost can be given again (ARCHITECTURE.md#secrets).
 */

/** Length that clients expect; 264 of HMAC-SHA384's bits. */
const SECRET_CHARACTERS = 44;

/** A worker's life: a static one that is announced again under its old name begins another. */
export interface LifecycleKey extends WorkerKey {
  readonly created: number;
}

/**
 * The re-registration secret of one generation; generations begin at 1 with the first registration of a life. It holds
 * `created`, so that a secret of a former life opens nothing.
 */
export function workerSecret(deploymentKey: string, worker: LifecycleKey, generation: number): string {
  return derive(deploymentKey, `worker-secret/${workerKeyText(worker)}/${worker.created}/${generation}`).slice(
    0,
    SECRET_CHARACTERS,
  );
}

/** Access token of the issuer where the configuration names none. */
export const derivedIssuerToken = (deploymentKey: string): string => derive(deploymentKey, 'issuer');

/**
 * What proves a session to be ours. It is made of the client's access token too, so that a token that is replaced ends
 * its sessions.
 */
export const sessionMark = (
  deploymentKey: string,
  { clientId, accessToken }: { readonly clientId: string; readonly accessToken: string },
  expires: number,
): string => derive(deploymentKey, `session/${JSON.stringify([clientId, expires, accessToken])}`);

/** What seals a session that holds credentials of another service's client; 32 bytes. */
export const sealingKey = (deploymentKey: string): Buffer =>
  createHmac('sha256', deploymentKey).update('sealed-session').digest();

/**
 * Which generation's secret was presented: the row's, or the one before it; null for any other. The lifecycle decides
 * whether the one before is still good. Takes the same time for every wrong secret.
 */
export function presentedGeneration(
  deploymentKey: string,
  worker: LifecycleKey & { readonly secretGeneration: number },
  secret: string,
): number | null {
  const { secretGeneration: current } = worker;
  const isCurrent = sameText(workerSecret(deploymentKey, worker, current), secret);
  const isPrevious = sameText(workerSecret(deploymentKey, worker, current - 1), secret);
  if (current >= 1 && isCurrent) return current;
  if (current >= 2 && isPrevious) return current - 1;
  return null;
}

/** Compares texts of any length in a time that does not depend on where they differ. */
export function sameText(left: string, right: string): boolean {
  return timingSafeEqual(sha256(left), sha256(right));
}

export const sha256Hex = (text: string): string => sha256(text).toString('hex');

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();
const derive = (key: string, text: string): string => createHmac('sha384', key).update(text).digest('base64url');
