import type { PoolResult } from '../../database/pools.js';
import { ApiError, notFound } from '../http/errors.js';

export const noSuchPool = (workerPoolId: string) => notFound(`There is no worker pool ${workerPoolId}.`);

/** Throws what a caller is told of a change that was not made. */
export function requireAccepted(result: PoolResult, workerPoolId: string): void {
  switch (result.outcome) {
    case 'pool-exists':
      throw new ApiError('RequestConflict', `Worker pool ${workerPoolId} exists, with another definition.`);
    case 'launch-config-conflict':
      throw new ApiError(
        'RequestConflict',
        `Launch config ${result.launchConfigId} of ${workerPoolId} exists, with another content.`,
      );
    case 'not-found':
      throw noSuchPool(workerPoolId);
    case 'created':
    case 'updated':
    case 'unchanged':
  }
}
