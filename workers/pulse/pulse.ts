import type { ActivityDeps } from '../../activities/support/deps.js';
import { checkPool } from '../../activities/demand/check-pool.js';
import { FirstFailures } from '../../activities/support/first-failures.js';
import { logEvent } from '../../observability/log-events.js';
import type { Metrics } from '../../observability/metrics.js';
import { Semaphore } from '../../temporal/semaphore.js';
import { brokerUrl, namespaceOf } from './broker.js';
import { TaskPendingListener } from './listener.js';
import { Publisher } from './publisher.js';
import { Throttle } from './throttle.js';

/** Of one pool, however many tasks it gets. */
const CHECK_INTERVAL_MS = 1_000;
/** Each takes a connection to the database for a moment: most of the ten are left to others. */
const CHECKS_AT_ONCE = 4;
/** More than all that wait before it can take. */
const CHECK_PATIENCE_MS = 5 * 60_000;

/** What a process does at the message broker, beside its Temporal workers. */
export interface Pulse {
  start(): void;
  /** Ends what waits for the broker. */
  stop(): Promise<void>;
}

/** Null where the configuration names no broker. */
export function createPulse(deps: ActivityDeps, metrics: Metrics): Pulse | null {
  const { config, database, log } = deps;
  if (!config.pulse) return null;
  const url = brokerUrl(config.pulse);
  const stopping = new AbortController();
  const { signal } = stopping;
  const checks = new Throttle(checkInTurn(deps), CHECK_INTERVAL_MS, signal);
  const publisher = new Publisher({ db: database.db, url, log, onPublished: metrics.onPublished });
  const listener = new TaskPendingListener({
    ...{ db: database.db, url, log },
    namespace: namespaceOf(config.pulse),
    onTaskPending: (workerPoolId) => {
      metrics.onTaskPending();
      checks.request(workerPoolId);
    },
  });
  let running: Promise<unknown> = Promise.resolve();
  return {
    start() {
      running = Promise.all([publisher.run(signal), listener.run(signal)]);
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

/** Never rejects: what a check did not find is found by the next poll. */
function checkInTurn(deps: ActivityDeps): (workerPoolId: string) => Promise<void> {
  const turns = new Semaphore(CHECKS_AT_ONCE);
  const failing = new FirstFailures();
  return async (workerPoolId) => {
    try {
      await turns.run(CHECK_PATIENCE_MS, () => checkPool(deps, workerPoolId));
      failing.worked('check');
    } catch (error) {
      if (failing.isFirst('check')) logEvent(deps.log, 'pool-check-failed', { workerPoolId, err: error });
    }
  };
}
