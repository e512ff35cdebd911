import { timingSafeEqual } from 'node:crypto';
import type { Worker } from '../../domain/worker.js';
import { IdentityError } from '../errors.js';
import { poolValidator } from '../shared/pool-schema.js';
import type { IdentityProof, Provider, ProviderContext } from '../provider.js';
import { staticPoolSchema } from './pool-schema.js';

/** Two slugids. */
const SECRET = /^[a-zA-Z0-9_-]{44}$/;

/**
 * Machines that somebody set up by hand. There is no cloud: nothing launches, observes or removes them. A worker proves
 * who it is by the secret it was created with, of which its row keeps a keyed fingerprint (`facts.secretFingerprint`).
 */
export function staticProvider(context: ProviderContext): Provider {
  return {
    providerId: context.providerId,
    providerType: 'static',
    launching: null,
    machines: null,
    setup: async () => [],
    validatePool: poolValidator(staticPoolSchema),
    verifyIdentity: async (worker, proof) => assertSecret(worker, proof, context),
  };
}

function assertSecret(worker: Worker, { staticSecret }: IdentityProof, context: ProviderContext): void {
  if (typeof staticSecret !== 'string' || !SECRET.test(staticSecret)) throw new IdentityError('no static secret');
  const known = worker.identityAttributes.secretFingerprint;
  if (!known) throw new IdentityError('the worker has no static secret');
  const shown = Buffer.from(context.fingerprint(worker, staticSecret));
  const expected = Buffer.from(known);
  if (shown.length !== expected.length || !timingSafeEqual(shown, expected)) {
    throw new IdentityError('the static secret is not the worker’s');
  }
}
