import type { WorkerKey } from '../domain/ids.js';
import { lifecycleTiming } from '../domain/lifecycle.js';
import type { Worker } from '../domain/worker.js';
import type { WorkerPool } from '../domain/worker-pool.js';
import type { PreparedLaunch, Provider } from '../providers/provider.js';
import type { LifecycleCommon, LifecycleInput, LifecycleState, StaticWorker } from './messages.js';

/**
 * Reads a worker's row and what belongs to it, for `lifecycleInput`. `stopped`: it has stopped, or there is no row.
 * `impossible`: its pool or provider is not here.
 */
export type LifecycleInputLoader = (
  worker: WorkerKey,
  endsBecause?: string,
) => Promise<LifecycleInput | 'stopped' | 'impossible'>;

/**
 * What a worker's lifecycle begins with, from its row: the same whoever starts it. A row that is past its beginning has
 * had a lifecycle, which somebody terminated: the new one goes on where the row stands. Any row may have had one. With
 * `endsBecause` it begins with the removal of its machine, for this reason.
 */
export function lifecycleInput(worker: Worker, of: LaunchContext, endsBecause?: string): LifecycleInput {
  const { workerGroup, workerId, launchToken, expires, capacity, identityAttributes } = worker;
  const common = lifecycleCommon(worker, of);
  const input: LifecycleInput = { ...common, workerGroup, workerId, replaces: true };
  const ofRow = stateOfRow(worker, common);
  const stop = ofRow.stop ?? (endsBecause === undefined ? null : { reason: endsBecause, failure: null });
  const resumeFrom = { ...ofRow, stop };
  if (launchToken === null) {
    const secretFingerprint = identityAttributes.secretFingerprint ?? '';
    return { ...input, static: { expires, capacity, secretFingerprint }, resumeFrom };
  }
  return worker.state === 'requested' && stop === null ? input : { ...input, resumeFrom };
}

/** What a static worker's lifecycle begins with when its owner announces it: it writes the row. */
export const staticLifecycleInput = (
  worker: WorkerKey,
  pool: WorkerPool,
  first: StaticWorker,
  defaults: LaunchContext['defaults'],
): LifecycleInput => ({
  workerPoolId: worker.workerPoolId,
  workerGroup: worker.workerGroup,
  workerId: worker.workerId,
  providerId: pool.providerId,
  launchConfigId: null,
  launchToken: null,
  capacity: first.capacity,
  timing: lifecycleTiming(pool.config.lifecycle, defaults),
  location: { account: null, region: null, group: null },
  registrationDeadline: null,
  creationSteps: [],
  removalSteps: [],
  static: first,
});

/** What was known only to the lifecycle (what a scan saw, what the queue said) comes again. */
const stateOfRow = (worker: Worker, { creationSteps }: LifecycleCommon): LifecycleState => ({
  state: worker.state,
  registeredAt: worker.registeredAt,
  deadline: worker.launchToken === null ? worker.expires : worker.terminateAfter,
  secretGeneration: worker.secretGeneration,
  // The answer with the last secret may have been lost.
  previousSecretAccepted: worker.secretGeneration > 1,
  capacity: worker.capacity,
  stop: worker.state === 'stopping' ? { reason: worker.stopReason ?? 'removed', failure: null } : null,
  createdSteps: creationSteps,
  // What is gone already is seen to be gone again.
  removed: [],
  creating: null,
  listed: [],
  lastObservation: null,
  seenWhileStopping: false,
});

export interface LaunchContext {
  readonly pool: WorkerPool;
  readonly provider: Provider;
  /** The worker's launch; only stepwise providers need it. */
  readonly launch: PreparedLaunch | null;
  readonly defaults: { readonly registrationSeconds: number };
}

/** What the workers of one launch have in common. */
export function lifecycleCommon(worker: Worker, { pool, provider, launch, defaults }: LaunchContext): LifecycleCommon {
  return {
    workerPoolId: worker.workerPoolId,
    providerId: worker.providerId,
    launchConfigId: worker.launchConfigId,
    launchToken: worker.launchToken,
    capacity: worker.capacity,
    timing: lifecycleTiming(pool.config.lifecycle, defaults),
    location: worker.location,
    registrationDeadline: worker.terminateAfter,
    ...creationOf(provider, launch),
    ...removalOf(provider),
    ...(provider.stepLabels && { stepLabels: provider.stepLabels }),
  };
}

/** Of a launch that builds each machine step by step; else it creates them by itself. */
function creationOf(
  { launching }: Provider,
  launch: PreparedLaunch | null,
): Pick<LifecycleCommon, 'creationSteps' | 'skippedSteps' | 'vanishesWhenPreempted' | 'tracksResources'> {
  if (launching?.kind !== 'stepwise' || !launch) return { creationSteps: [] };
  const skippedSteps = launching.skippedSteps(launch);
  return {
    creationSteps: launching.steps(launch),
    ...(skippedSteps.length > 0 && { skippedSteps }),
    ...(launching.vanishesWhenPreempted?.(launch) && { vanishesWhenPreempted: true }),
    ...(launching.tracking?.appliesTo(launch) && { tracksResources: true }),
  };
}

function removalOf({
  machines,
}: Provider): Pick<LifecycleCommon, 'removalSteps' | 'removalRepeatMs' | 'deletesAtOnce'> {
  if (!machines) return { removalSteps: [] };
  const { removalSteps, removalRepeatMs, deletesSingly } = machines;
  return {
    removalSteps,
    ...(removalRepeatMs !== undefined && { removalRepeatMs }),
    ...(deletesSingly && { deletesAtOnce: true }),
  };
}
