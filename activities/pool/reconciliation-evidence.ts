import { excerpt } from '../../database/client/sql.js';
import { type NewReconciliation, recordFailedReconciliation } from '../../database/reconciliations.js';
import type { Decision, DecisionBasis } from '../../domain/decision-record.js';
import type { ActivityDeps } from '../support/deps.js';
import { engineNow } from '../support/engine-clock.js';
import { PROCESS_NAME } from '../support/process-name.js';
import type { PoolActivities, ReconciliationReport } from './types.js';

interface Conclusion {
  readonly decision: Decision | null;
  readonly basis: DecisionBasis | null;
  /** Workers that are advised to stop, by reason. */
  readonly terminations: Readonly<Record<string, number>>;
  readonly failure: string | null;
}

/** A reconciliation's row of evidence; `nowMs` and its begin are the engine's. */
export function reconciliationOf(
  { reconciliationId, triggeredBy, begunAt, estimator, demandError, blocks, rounds }: ReconciliationReport,
  nowMs: number,
  { decision, basis, terminations, failure }: Conclusion,
): NewReconciliation {
  return {
    ...{ reconciliationId, process: PROCESS_NAME, triggeredBy, durationMs: Math.max(0, nowMs - begunAt) },
    evidence: {
      ...{ estimator, demandError, blocks, rounds, terminations, basis, failure },
      inputs: decision?.inputs ?? null,
      estimate: decision?.estimate ?? null,
      limitedBy: decision?.limitedBy ?? [],
      launches: (decision?.launches ?? []).map((launch) => ({
        ...launch,
        failure: launch.failure && excerpt(launch.failure),
      })),
    },
  };
}

export const recordFailure =
  ({ database }: ActivityDeps): PoolActivities['recordFailedReconciliation'] =>
  async (workerPoolId, report, failure) => {
    const conclusion = { decision: null, basis: null, terminations: {}, failure: excerpt(failure) };
    await recordFailedReconciliation(database.db, workerPoolId, reconciliationOf(report, engineNow(), conclusion));
  };
