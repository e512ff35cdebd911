import type { FastifyInstance } from 'fastify';
import { workerKeyText } from '../../domain/ids.js';
import { getWorker } from '../../database/workers.js';
import type { ApiContext } from '../http/context.js';
import { workerCredentials } from '../auth/credentials.js';
import { inputError } from '../http/errors.js';
import { addOperation } from '../http/operation.js';
import { reregisterRequest, reregisterResponse } from '../schemas/workers.js';
import { presentedGeneration, workerSecret } from '../auth/secrets.js';
import { iso } from '../schemas/serialization.js';

/** Bytes. Names and a secret. */
const REREGISTER_BODY_LIMIT = 16 * 1024;

export function addReregistrationOperations(api: FastifyInstance, context: ApiContext): void {
  const { db, lifecycles, deploymentKey, issuer, now } = context;
  addOperation(api, {
    name: 'reregisterWorker',
    category: 'Worker Interface',
    stability: 'experimental',
    method: 'POST',
    path: '/worker/reregister',
    summary: 'A worker trades its secret for new credentials and a new secret',
    // Which worker, and so which scope, is in the body.
    scopes: () => [],
    contentScopes: ({ body }) => [`worker-manager:reregister-worker:${workerKeyText(body)}`],
    body: reregisterRequest,
    bodyLimit: REREGISTER_BODY_LIMIT,
    mask: () => '(OMITTED)',
    response: reregisterResponse,
    handle: async ({ body }) => {
      const worker = await getWorker(db, body);
      const generation = worker && presentedGeneration(deploymentKey, worker, body.secret);
      if (!worker || generation === null) throw inputError('There is no worker with this secret.');
      if (worker.state !== 'running') throw inputError(`This worker is ${worker.state}; only a running one may go on.`);
      if (worker.expires <= now()) throw inputError('This worker has expired.');
      // The secret is all that was proved; each is good for one answer, which may be given again.
      const updateId = `reregister/${generation}`;
      const granted = await lifecycles.reregister(worker, { updateId, secretGeneration: generation });
      return {
        expires: iso(granted.expires),
        credentials: workerCredentials(issuer, worker, granted.expires, now()),
        secret: workerSecret(deploymentKey, worker, granted.secretGeneration),
      };
    },
  });
}
