import { createHmac } from 'node:crypto';
import { type WorkerKey, workerKeyText } from '../../domain/ids.js';

/**
 * What a static worker's row keeps in place of the secret that its owner chose: the API writes it, the provider
 * compares.
 */
export const staticSecretFingerprint = (deploymentKey: string, worker: WorkerKey, secret: string): string =>
  createHmac('sha384', deploymentKey)
    .update(`static-secret/${workerKeyText(worker)}/${secret}`)
    .digest('base64url');
