import {
  ActivityFailure,
  condition,
  continueAsNew,
  isCancellation,
  setHandler,
  setWorkflowOptions,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { TriggerCause } from '../../domain/evidence.js';
import type { PoolInput } from '../../temporal/messages.js';
import { reconcile } from '../message-definitions.js';
import { LaunchesInFlight } from './in-flight.js';
import { reconcilePool } from './reconcile.js';

/** Triggers that come during a reconciliation are gathered for this long before the next one. */
const GATHER_MS = 1_000;
/**
 * A run ends even when it is still being triggered, and a new one goes on: short runs never meet the code of a later
 * release.
 */
const MAX_RUN_AGE_MS = 2 * 60_000;

/** `triggeredBy`: what has triggered it at the end of the run before. */
type ProvisionInput = PoolInput & { readonly triggeredBy?: readonly TriggerCause[] };

/**
 * The one decision maker of a pool (ARCHITECTURE.md#one-reconciliation). Its id is fixed, so two reconciliations of one
 * pool never overlap, whoever triggers them: any number of triggers while one runs give one more. Started and triggered
 * by `signalWithStart('reconcile')` only.
 */
export async function provisionPool({ workerPoolId, triggeredBy: earlier = [] }: ProvisionInput): Promise<void> {
  let triggered = true;
  const causes = new Set<TriggerCause>(earlier);
  const trigger = (cause: TriggerCause) => {
    triggered = true;
    causes.add(cause);
  };
  setHandler(reconcile, (cause) => trigger(cause ?? 'requested'));
  const launches = new LaunchesInFlight(() => trigger('launched'));
  const end = Date.now() + MAX_RUN_AGE_MS;
  const isTimeToEnd = () => Date.now() >= end || workflowInfo().continueAsNewSuggested;
  for (let reconciliations = 0; triggered && !isTimeToEnd(); reconciliations += 1) {
    if (reconciliations > 0) await sleep(GATHER_MS);
    triggered = false;
    const triggeredBy = [...causes];
    causes.clear();
    try {
      await reconcilePool(workerPoolId, { id: `${workflowInfo().runId}.${reconciliations}`, triggeredBy }, launches);
    } catch (error) {
      // Whoever triggered meanwhile expects a reconciliation: what this one lacked may be back.
      // guard(a-trigger-outlives-a-failure): true
      if (!triggered || !(error instanceof ActivityFailure) || isCancellation(error)) throw error;
    }
    await condition(() => triggered || launches.isEmpty);
  }
  await launches.settled();
  // guard(a-trigger-at-the-end-is-not-lost): false
  if (triggered) await continueAsNew<typeof provisionPool>({ workerPoolId, triggeredBy: [...causes] });
}

setWorkflowOptions({ failureExceptionTypes: [Error] }, provisionPool);
