import { launchOf } from '../../database/launches.js';
import { getPool } from '../../database/pools.js';
import { getWorker } from '../../database/workers.js';
import { lifecycleInput, type LifecycleInputLoader } from '../../temporal/lifecycle-input.js';
import type { ActivityDeps } from '../support/deps.js';

export interface LoaderDeps {
  readonly database: Pick<ActivityDeps['database'], 'db'>;
  readonly providers: Pick<ActivityDeps['providers'], 'get'>;
  readonly config: Pick<ActivityDeps['config'], 'defaults'>;
}

/** Reads what a worker's lifecycle begins with: its row, its pool and its launch, and the provider's steps. */
export const lifecycleInputLoader =
  ({ database: { db }, providers, config: { defaults } }: LoaderDeps): LifecycleInputLoader =>
  async (key, endsBecause) => {
    const worker = await getWorker(db, key);
    if (!worker || worker.state === 'stopped') return 'stopped';
    const pool = await getPool(db, worker.workerPoolId);
    const provider = providers.get(worker.providerId);
    if (!pool || !provider) return 'impossible';
    const context = { pool: pool.pool, provider, launch: await launchOf(db, worker), defaults };
    return lifecycleInput(worker, context, endsBecause);
  };
