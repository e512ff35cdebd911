import type { DemandCounts } from '../domain/demand.js';
import { PoolPoll, type PollLimits } from '../demand/poll-pools.js';
import { logEvent } from '../observability/log-events.js';
import { callSignal } from '../providers/call-scope.js';
import { recordReadings } from '../records/demand-readings.js';
import { allPoolsCapacity } from '../records/facts.js';
import type { ActivityDeps } from './deps.js';
import { engineNow } from './engine-clock.js';
import { withHeartbeat } from './heartbeat.js';
import { inParallel } from './in-parallel.js';
import { decidePoll, type PollDecision } from './poll-decision.js';
import { PollReport } from './poll-report.js';

export interface DemandActivities {
  /** One poll of all pools; triggers those whose situation has changed. */
  lookAtDemand(): Promise<DemandLook>;
}

/** Counts only: a history keeps them. */
export interface DemandLook {
  readonly pools: number;
  readonly asked: number;
  /** Pools whose demand could not be read, or not in time; only their minimum is launched until it can. */
  readonly unreadable: number;
}

/** One pool's queue may take so long, and all of them. The next poll waits for this one. */
export const DEMAND_POLL_LIMITS: PollLimits = {
  poolTimeoutMs: 5_000,
  totalTimeoutMs: 45_000,
  slowAfterMs: 2_000,
  lanes: 20,
  slowLanes: 4,
};

/** Answers are gathered for this long: what all pools want is recorded before any of them takes its part of a limit. */
const GATHER_MS = 1_000;
const MAX_TRIGGERS_AT_ONCE = 20;

export function demandActivities(deps: ActivityDeps, limits: PollLimits = DEMAND_POLL_LIMITS): DemandActivities {
  const { records, demand, asks, log } = deps;
  const poll = new PoolPoll(limits);
  const report = new PollReport(log);

  /** Another poll makes up for a trigger that fails. */
  async function trigger(workerPoolId: string): Promise<void> {
    try {
      await asks.askForLook(workerPoolId);
    } catch (error) {
      logEvent(log, 'ask-failed', { ask: `look ${workerPoolId}`, err: error });
    }
  }

  return {
    lookAtDemand: () =>
      withHeartbeat(async () => {
        const nowMs = engineNow();
        const providerIds = deps.providers.list().map(({ providerId }) => providerId);
        const pools = await allPoolsCapacity(records.db, { nowMs, providerIds });
        const byId = new Map(pools.map((pool) => [pool.workerPoolId, pool]));
        let asked = 0;
        const answers = new Gathered<PollDecision & { workerPoolId: string }>(async (gathered) => {
          const readings = gathered.flatMap(({ reading }) => reading ?? []);
          await recordReadings(records.db, readings, nowMs);
          const triggered = gathered.filter((answer) => answer.triggered);
          asked += triggered.length;
          await inParallel(triggered, MAX_TRIGGERS_AT_ONCE, ({ workerPoolId }) => trigger(workerPoolId));
        });
        const consider = (workerPoolId: string, counts: DemandCounts | null) =>
          answers.add({ workerPoolId, ...decidePoll(deps, byId.get(workerPoolId)!, counts, nowMs) });
        try {
          const outcome = await poll.run([...byId.keys()], callSignal(), async (workerPoolId, signal) => {
            const counts = await demand.counts(workerPoolId, signal);
            if (!signal.aborted) consider(workerPoolId, counts);
          });
          const unknown = [...outcome.failed.keys(), ...outcome.leftOut];
          for (const workerPoolId of unknown) consider(workerPoolId, null);
          report.say(outcome);
          await answers.end();
          return { pools: pools.length, asked, unreadable: unknown.length };
        } finally {
          await answers.end();
        }
      }),
  };
}

/** Gathers items for a moment and does the work for all of them at once; one batch after the other. */
class Gathered<T> {
  readonly #work: (items: readonly T[]) => Promise<void>;
  readonly #timer: NodeJS.Timeout;
  #items: T[] = [];
  #done: Promise<void> = Promise.resolve();

  constructor(work: (items: readonly T[]) => Promise<void>) {
    this.#work = work;
    this.#timer = setInterval(() => this.#flush(), GATHER_MS);
  }

  add(item: T): void {
    this.#items.push(item);
  }

  /** Works on what is left; throws what a batch has thrown. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    this.#flush();
    await this.#done;
  }

  #flush(): void {
    const items = this.#items;
    if (items.length === 0) return;
    this.#items = [];
    this.#done = this.#done.then(() => this.#work(items));
    // `end` throws it.
    this.#done.catch(() => {});
  }
}
