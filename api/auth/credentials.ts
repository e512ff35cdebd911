import { createTemporaryCredentials, type TemporaryCredentials } from 'taskcluster-client';
import { WORKER_CLIENT_PREFIX, workerKeyText, type WorkerKey } from '../../domain/ids.js';

/** Who signs workers' credentials. */
export interface Issuer {
  readonly clientId: string;
  readonly accessToken: string;
}

/** Covers clocks that are behind ours. */
const START_BEFORE_MS = 15 * 60_000;
/** No certificate may span more. */
const MAX_SPAN_MS = 31 * 24 * 3600_000;

/** What the issuer must be able to do to sign workers' credentials. */
export const issuerScopes: readonly string[] = [
  'auth:create-client:worker/*',
  'assume:worker-type:*',
  'assume:worker-pool:*',
  'assume:worker-id:*',
  'notify:email:*',
  'secrets:get:worker-type:*',
  'secrets:get:worker-pool:*',
  'queue:claim-work:*',
  'queue:worker-id:*',
  'queue:pending-count:*',
  'queue:claimed-count:*',
  'worker-manager:remove-worker:*',
  'worker-manager:reregister-worker:*',
  'worker-manager:should-worker-terminate:*',
];

/** What a worker may do, in the order that clients are used to (docs/taskcluster-compatibility.md#credentials). */
export function workerScopes(worker: WorkerKey): string[] {
  const { workerPoolId: pool, workerGroup, workerId } = worker;
  return [
    `assume:worker-type:${pool}`,
    `assume:worker-pool:${pool}`,
    `assume:worker-id:${workerGroup}/${workerId}`,
    `queue:worker-id:${workerGroup}/${workerId}`,
    `secrets:get:worker-type:${pool}`,
    `secrets:get:worker-pool:${pool}`,
    `queue:claim-work:${pool}`,
    `worker-manager:remove-worker:${workerKeyText(worker)}`,
    `worker-manager:reregister-worker:${workerKeyText(worker)}`,
    `worker-manager:should-worker-terminate:${workerKeyText(worker)}`,
  ];
}

export const workerClientId = (worker: WorkerKey & { readonly providerId: string }): string =>
  `${WORKER_CLIENT_PREFIX}${worker.providerId}/${workerKeyText(worker)}`;

/** Inverse of `workerClientId`; null for every other client. */
export function parseWorkerClientId(clientId: string): (WorkerKey & { readonly providerId: string }) | null {
  const [prefix, providerId, provisionerId, workerType, workerGroup, workerId, ...rest] = clientId.split('/');
  if (prefix !== 'worker' || rest.length > 0) return null;
  if (!providerId || !provisionerId || !workerType || !workerGroup || !workerId) return null;
  return { providerId, workerPoolId: `${provisionerId}/${workerType}`, workerGroup, workerId };
}

/** Named temporary credentials of a registered worker, good until `expires`, all names taken from its row. */
export function workerCredentials(
  issuer: Issuer,
  worker: WorkerKey & { readonly providerId: string },
  expires: number,
  nowMs: number,
): TemporaryCredentials {
  const start = nowMs - START_BEFORE_MS;
  return createTemporaryCredentials({
    clientId: workerClientId(worker),
    start: new Date(start),
    expiry: new Date(Math.min(expires, start + MAX_SPAN_MS)),
    scopes: workerScopes(worker),
    credentials: issuer,
  });
}
