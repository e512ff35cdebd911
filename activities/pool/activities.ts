import { dropLaunches } from '../../database/launch-failures.js';
import type { ActivityDeps } from '../support/deps.js';
import { engineNow } from '../support/engine-clock.js';
import { reportLaunches } from './launch-report.js';
import { assessPool } from './assess.js';
import { concludeReconciliation } from './conclude.js';
import { removeByForce } from './forced-removal.js';
import { recordFailure } from './reconciliation-evidence.js';
import { reserveLaunches } from './reserve.js';
import type { PoolActivities } from './types.js';
import { lifecycleStarts } from '../worker/start-lifecycles.js';

export function poolActivities(deps: ActivityDeps): PoolActivities {
  const starts = lifecycleStarts(deps);
  return {
    assessPool: assessPool(deps),
    reserveLaunches: reserveLaunches(deps),
    dropLaunches: async (tokens) => await dropLaunches(deps.database.db, tokens, engineNow()),
    reportLaunches: async (tokens, nowMs) => await reportLaunches(deps, tokens, nowMs),
    startLifecycles: (token, startedBy) => starts.ofLaunch(token, startedBy),
    concludeReconciliation: concludeReconciliation(deps),
    removeByForce: removeByForce(deps),
    recordFailedReconciliation: recordFailure(deps),
  };
}
