import type { Decision } from '../../domain/decision-record.js';
import { noCapacity } from '../../domain/estimator.js';

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
