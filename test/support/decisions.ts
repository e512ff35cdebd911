import type { Decision } from '../../domain/decision-record.js';
import type { ReconciliationReport } from '../../activities/pool/types.js';
import { noCapacity } from '../../domain/estimator.js';

let reconciliations = 0;

/** What a reconciliation reports beside its decision, with `change`. */
export const reportOf = (change: Partial<ReconciliationReport> = {}): ReconciliationReport => ({
  reconciliationId: `reconciliation-${(reconciliations += 1)}`,
  ...{
    triggeredBy: ['poll'],
    begunAt: Date.UTC(2030, 0, 1),
    estimator: 'corrected',
    demandError: null,
    blocks: [],
    rounds: [],
  },
  ...change,
});

/** A decision that found nothing to do, with `change`. */
export const decisionOf = (change: Partial<Decision> = {}): Decision => ({
  inputs: {
    ...{ ...noCapacity, providerId: 'aws', pendingTasks: 0, claimedTasks: 0 },
    ...{ minCapacity: 0, maxCapacity: 100, scalingRatio: 1 },
  },
  estimate: null,
  limitedBy: [],
  launches: [],
  passedOver: [],
  terminations: 0,
  ...change,
});
