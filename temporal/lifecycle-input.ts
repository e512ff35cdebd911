import { lifecycleTiming } from '../domain/lifecycle.js';
import type { Worker } from '../domain/worker.js';
import type { WorkerPool } from '../domain/worker-pool.js';
import type { FrozenLaunch, Provider } from '../providers/provider.js';
import type { LifecycleCommon, LifecycleInput } from './messages.js';

/** What a machine's lifecycle begins with, from its row: the same whoever starts it. Cloud workers only. */
export function lifecycleInput(worker: Worker, of: LaunchContext): LifecycleInput {
  const { workerGroup, workerId } = worker;
  return { ...lifecycleCommon(worker, of), workerGroup, workerId };
}

export interface LaunchContext {
  readonly pool: WorkerPool;
  readonly provider: Provider;
  /** The worker's launch; only stepwise providers need it. */
  readonly launch: FrozenLaunch | null;
  readonly defaults: { readonly registrationSeconds: number };
}

/** What the workers of one launch have in common. */
export function lifecycleCommon(worker: Worker, { pool, provider, launch, defaults }: LaunchContext): LifecycleCommon {
  const { launching } = provider;
  return {
    workerPoolId: worker.workerPoolId,
    providerId: worker.providerId,
    launchConfigId: worker.launchConfigId,
    launchToken: worker.launchToken,
    capacity: worker.capacity,
    timing: lifecycleTiming(pool.config.lifecycle, defaults),
    location: worker.location,
    registrationDeadline: worker.terminateAfter,
    provisioningSteps: launching?.kind === 'stepwise' && launch ? launching.steps(launch) : [],
    removalSteps: provider.machines?.removalSteps ?? [],
  };
}
