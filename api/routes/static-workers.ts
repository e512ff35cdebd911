import type { FastifyInstance } from 'fastify';
import { workerKeyText, type WorkerKey } from '../../domain/ids.js';
import { parseInstant } from '../../domain/instants.js';
import type { WorkerPool } from '../../domain/worker-pool.js';
import type { Worker } from '../../domain/worker.js';
import { getPool } from '../../database/pools.js';
import { getWorker } from '../../database/workers.js';
import type { StaticWorker } from '../../temporal/messages.js';
import type { ApiContext } from '../http/context.js';
import { LifecycleUnavailableError, WorkerExistsError } from '../../temporal/lifecycle-client.js';
import { ApiError, inputError, notFound } from '../http/errors.js';
import { addOperation } from '../http/operation.js';
import { workerParams } from '../schemas/common.js';
import { staticWorkerRequest, workerFull, USUAL_CAPACITY } from '../schemas/workers.js';
import { staticSecretFingerprint } from '../../providers/static/secret-fingerprint.js';
import { noSuchPool } from '../pools/accepted.js';
import { noSuchWorker, workerResponse } from './workers.js';

interface Submission {
  readonly expires: string;
  readonly capacity?: number | undefined;
  readonly providerInfo?: { readonly staticSecret: string } | undefined;
}

/** Workers that somebody set up by hand; only pools of a static provider have them. */
export function addStaticWorkerOperations(api: FastifyInstance, context: ApiContext): void {
  const { db, lifecycles, now } = context;
  const common = {
    path: '/workers/:workerPoolId/:workerGroup/:workerId',
    params: workerParams,
    body: staticWorkerRequest,
    response: workerFull,
    mask: maskSecret,
  };

  addOperation(api, {
    ...common,
    name: 'createWorker',
    category: 'Workers',
    stability: 'stable',
    method: 'PUT',
    summary: 'Announces a machine; the same again is no error',
    scopes: (params) => [`worker-manager:create-worker:${workerKeyText(params)}`],
    handle: async ({ params: key, body }) => {
      const pool = await staticPool(context, key.workerPoolId);
      const expires = instantOf(body.expires);
      if (expires <= now()) throw inputError('expires must be in the future.');
      if (!body.providerInfo) throw inputError('providerInfo.staticSecret is needed.');
      const secretFingerprint = fingerprint(context, key, body.providerInfo.staticSecret);
      await create(context, key, pool, { expires, capacity: body.capacity ?? USUAL_CAPACITY, secretFingerprint });
      return readWorker(context, key);
    },
  });

  addOperation(api, {
    ...common,
    name: 'updateWorker',
    category: 'Workers',
    stability: 'stable',
    method: 'POST',
    summary: 'Changes a machine’s expiry, capacity and, when one is given, secret',
    scopes: (params) => [`worker-manager:update-worker:${workerKeyText(params)}`],
    handle: async ({ params: key, body }) => {
      await staticPool(context, key.workerPoolId);
      const worker = await getWorker(db, key);
      if (!worker) throw noSuchWorker();
      if (worker.launchConfigId !== null) throw inputError('Only workers of a static provider can be updated.');
      if (worker.state !== 'running') throw inputError(`This worker is ${worker.state}.`);
      await lifecycles.updateStatic(worker, nextOf(context, worker, body));
      return readWorker(context, key);
    },
  });
}

async function staticPool({ db, providers }: ApiContext, workerPoolId: string): Promise<WorkerPool> {
  const found = await getPool(db, workerPoolId);
  if (!found) throw noSuchPool(workerPoolId);
  const { providerId } = found.pool;
  const provider = providers.get(providerId);
  if (!provider) throw notFound(`Provider ${providerId} of this pool is not configured.`);
  if (provider.providerType !== 'static') {
    throw inputError(`Provider ${providerId} makes its workers itself; they cannot be announced.`);
  }
  return found.pool;
}

/**
 * A repeat of the same is a success, and anything else under its name a conflict: nothing is silently left out. A
 * worker that has stopped, or whose row has expired, begins a new life
 * (docs/taskcluster-compatibility.md#static-workers).
 */
async function create(context: ApiContext, key: WorkerKey, pool: WorkerPool, next: StaticWorker): Promise<void> {
  const { db, lifecycles } = context;
  const present = await getWorker(db, key);
  if (present === null || isFormerLifecycle(present)) {
    try {
      return await lifecycles.createStatic(key, pool, next);
    } catch (error) {
      if (!(error instanceof WorkerExistsError)) throw error;
    }
  }
  const worker = await getWorker(db, key);
  // A lifecycle that is open writes the row of a new life, or ends that of the former, in a moment.
  if (!worker || isFormerLifecycle(worker)) throw new LifecycleUnavailableError('the worker is being written down');
  if (worker.state === 'stopping' && worker.launchToken === null)
    throw new LifecycleUnavailableError('the worker is stopping');
  if (!isSame(worker, pool, next)) throw new ApiError('RequestConflict', 'This worker exists with other properties.');
}

/** A cloud's worker never gives its name away: what its launch and its lifecycle left belongs to it. */
const isFormerLifecycle = (worker: Worker): boolean => worker.state === 'stopped' && worker.launchToken === null;

const isSame = (worker: Worker, pool: WorkerPool, next: StaticWorker): boolean =>
  worker.state === 'running' &&
  worker.providerId === pool.providerId &&
  worker.capacity === next.capacity &&
  worker.expires === next.expires &&
  worker.identityAttributes.secretFingerprint === next.secretFingerprint;

function nextOf(context: ApiContext, worker: Worker, body: Submission): StaticWorker {
  const given = body.providerInfo && fingerprint(context, worker, body.providerInfo.staticSecret);
  return {
    expires: instantOf(body.expires),
    capacity: body.capacity ?? USUAL_CAPACITY,
    secretFingerprint: given ?? worker.identityAttributes.secretFingerprint ?? '',
  };
}

/** The schema has let no other text through. */
const instantOf = (text: string): number => parseInstant(text)!;

const fingerprint = ({ deploymentKey }: ApiContext, key: WorkerKey, secret: string): string =>
  staticSecretFingerprint(deploymentKey, key, secret);

async function readWorker(context: ApiContext, key: WorkerKey) {
  const worker = await getWorker(context.db, key);
  if (!worker) throw noSuchWorker();
  return workerResponse(context, worker);
}

function maskSecret(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || !('providerInfo' in body)) return body;
  return { ...body, providerInfo: '(OMITTED)' };
}
