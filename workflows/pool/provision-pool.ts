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
import type { PoolInput } from '../../temporal/messages.js';
import { look } from '../messages.js';
import { LaunchesInFlight } from './in-flight.js';
import { pass } from './reconcile.js';

/** Asks that come during a pass are gathered for this long before the next one. */
const GATHER_MS = 1_000;
/** A run ends even when it is still being triggered, and a new one goes on: short runs never meet the code of a later release. */
const LONGEST_RUN_MS = 2 * 60_000;

/**
 * The one decision maker of a pool (ARCHITECTURE.md#one-reconciliation). Its id is fixed, so two passes of one pool
 * never overlap, whoever asks: any number of asks while one runs give one more pass. Started and asked by
 * `signalWithStart('look')` only.
 */
export async function provisionPool({ workerPoolId }: PoolInput): Promise<void> {
  let asked = true;
  setHandler(look, () => {
    asked = true;
  });
  const launches = new LaunchesInFlight(() => {
    asked = true;
  });
  const end = Date.now() + LONGEST_RUN_MS;
  const isTimeToEnd = () => Date.now() >= end || workflowInfo().continueAsNewSuggested;
  for (let passes = 0; asked && !isTimeToEnd(); passes += 1) {
    if (passes > 0) await sleep(GATHER_MS);
    asked = false;
    try {
      await pass(workerPoolId, `${workflowInfo().runId}.${passes}`, launches);
    } catch (error) {
      // Whoever triggered meanwhile expects a reconciliation: what this one lacked may be back.
      // guard(a-trigger-outlives-a-failure): true
      if (!asked || !(error instanceof ActivityFailure) || isCancellation(error)) throw error;
    }
    await condition(() => asked || launches.isEmpty);
  }
  await launches.settled();
  // guard(a-trigger-at-the-end-is-not-lost): false
  if (asked) await continueAsNew<typeof provisionPool>({ workerPoolId });
}

setWorkflowOptions({ failureExceptionTypes: [Error] }, provisionPool);
