import { recordWaits, waitingPools } from '../../database/queue-waits.js';
import { QueueRefusedError } from '../../domain/demand-source.js';
import { queueWaits } from '../../domain/queue-waits.js';
import { logEvent } from '../../observability/log-events.js';
import { callSignal } from '../../providers/shared/call-scope.js';
import { engineNow } from '../support/engine-clock.js';
import type { ActivityDeps } from '../support/deps.js';
import { PoolPoll, type PollLimits } from './poll-pools.js';
import { QueueReport } from './poll-report.js';

/** Nobody decides by it: it never holds up what is read beside it. */
const LIMITS: PollLimits = {
  poolTimeoutMs: 10_000,
  totalTimeoutMs: 30_000,
  slowAfterMs: 2_000,
  lanes: 4,
  slowLanes: 1,
};

/** Reads how long the tasks of each waiting pool have waited: a call to the queue for each, and a row. */
export class WaitPoll {
  readonly #deps: Pick<ActivityDeps, 'database' | 'demand' | 'log'>;
  readonly #poll = new PoolPoll(LIMITS);
  readonly #report: QueueReport;
  #isFailing = false;

  constructor(deps: Pick<ActivityDeps, 'database' | 'demand' | 'log'>) {
    this.#deps = deps;
    this.#report = new QueueReport(deps.log);
  }

  /** Never rejects: the next poll does it again. */
  async run(): Promise<void> {
    try {
      await this.#run();
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing) logEvent(this.#deps.log, 'waits-not-recorded', { err: error });
      this.#isFailing = true;
    }
  }

  /** A pool of which the queue says nothing has no row: polls report a queue that does not answer. */
  async #run(): Promise<void> {
    const { database, demand } = this.#deps;
    const pending: Parameters<typeof queueWaits>[0][number][] = [];
    await this.#poll.run(await waitingPools(database.db), callSignal(), async (workerPoolId, signal) => {
      try {
        const list = await demand.pending(workerPoolId, signal);
        if (!signal.aborted) pending.push({ workerPoolId, ...list });
        this.#report.answered('pending');
      } catch (error) {
        if (error instanceof QueueRefusedError) this.#report.refused(error);
        throw error;
      }
    });
    this.#report.say({ failed: new Map(), leftOut: [] }, { failed: 0, err: null });
    await recordWaits(database.db, queueWaits(pending, engineNow()));
  }
}
