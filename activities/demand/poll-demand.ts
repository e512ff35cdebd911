import {
  type DemandCounts,
  isReadingDue,
  nextReadingAt,
  PUSH_PRESENCE,
  PUSH_PRESENCE_MS,
} from '../../domain/demand.js';
import { PoolPoll, type PollLimits } from './poll-pools.js';
import { callSignal } from '../../providers/shared/call-scope.js';
import { recordReadings } from '../../database/demand-readings.js';
import { presenceMs } from '../../database/leases.js';
import { allPoolsCapacity, type PoolCapacity } from '../../database/pool-snapshot.js';
import type { ActivityDeps } from '../support/deps.js';
import { engineNow } from '../support/engine-clock.js';
import { withHeartbeat } from '../support/heartbeat.js';
import { inParallel } from '../support/in-parallel.js';
import { decidePoll, type PollDecision } from './poll-decision.js';
import { PollEvidence, type PollFinding } from './poll-evidence.js';
import { PollReport } from './poll-report.js';

export interface DemandActivities {
  /** One poll of all pools; triggers those whose situation has changed. */
  pollDemand(): Promise<DemandPollResult>;
}

/** Counts only: a history keeps them. */
export interface DemandPollResult {
  readonly pools: number;
  readonly triggered: number;
  /** Pools whose demand could not be read, or not in time; only their minimum is launched until it can. */
  readonly unanswered: number;
  /** Pools without work, whose new tasks are heard of: what the queue last said of them still counts. */
  readonly quiet: number;
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
  const { config, database, demand, triggers, log } = deps;
  const intervalMs = config.intervals.demandSeconds * 1000;
  const poll = new PoolPoll(limits);
  const report = new PollReport(log);
  const evidence = new PollEvidence(deps);

  return {
    pollDemand: () =>
      withHeartbeat(async () => {
        const begunAt = performance.now();
        const nowMs = engineNow();
        const { pools, quiet, dueAt } = await planPoll(deps, nowMs);
        let triggeredPools = 0;
        // Another poll makes up for a trigger that fails.
        const untriggered = new Map<string, unknown>();
        const trigger = async (workerPoolId: string): Promise<void> => {
          await triggers
            .requestReconcile(workerPoolId, 'poll')
            .catch((error: unknown) => untriggered.set(workerPoolId, error));
        };
        const answers = new Gathered<PollDecision & { workerPoolId: string }>(async (gathered) => {
          const readings = gathered.flatMap(({ workerPoolId, reading }) =>
            reading === null || quiet.has(workerPoolId) ? [] : { ...reading, dueAt: dueAt(workerPoolId, reading) },
          );
          await recordReadings(database.db, readings, nowMs);
          const triggered = gathered.filter((answer) => answer.triggered);
          triggeredPools += triggered.length;
          await inParallel(triggered, MAX_TRIGGERS_AT_ONCE, ({ workerPoolId }) => trigger(workerPoolId));
        });
        const findings: PollFinding[] = [];
        const consider = (workerPoolId: string, counts: DemandCounts | null, unread: PollFinding['unread'] = null) => {
          const pool = pools.get(workerPoolId)!;
          const decision = decidePoll(deps, pool, counts, nowMs);
          const dueMs = counts ? dueAt(workerPoolId, counts) - nowMs : intervalMs;
          findings.push({ pool, counts, decision, dueMs, unread });
          answers.add({ workerPoolId, ...decision });
        };
        try {
          for (const [workerPoolId, counts] of quiet) consider(workerPoolId, counts);
          const due = [...pools.keys()].filter((workerPoolId) => !quiet.has(workerPoolId));
          const outcome = await poll.run(due, callSignal(), async (workerPoolId, signal) => {
            const counts = await demand.counts(workerPoolId, signal);
            if (!signal.aborted) consider(workerPoolId, counts);
          });
          const { failed, leftOut } = outcome;
          for (const [workerPoolId, error] of failed) consider(workerPoolId, null, { verdict: 'unanswered', error });
          for (const workerPoolId of leftOut) consider(workerPoolId, null, { verdict: 'left-out' });
          report.say(outcome);
          await answers.end();
          await evidence.record({ begunAt, intervalMs, findings, untriggered: new Set(untriggered.keys()) });
          const unanswered = failed.size + leftOut.length;
          return { pools: pools.size, triggered: triggeredPools, unanswered, quiet: quiet.size };
        } finally {
          await answers.end().finally(() => report.notTriggered(untriggered));
        }
      }),
  };
}

interface PollPlan {
  readonly pools: ReadonlyMap<string, PoolCapacity>;
  /** Pools that the queue is not read for, and what it last said of them. */
  readonly quiet: ReadonlyMap<string, DemandCounts>;
  /** When the queue is to be read again for a pool of which it says this. */
  readonly dueAt: (workerPoolId: string, counts: DemandCounts) => number;
}

async function planPoll({ config, database, providers }: ActivityDeps, nowMs: number): Promise<PollPlan> {
  const providerIds = providers.list().map(({ providerId }) => providerId);
  const all = await allPoolsCapacity(database.db, { nowMs, providerIds });
  const heardMs = await presenceMs(database.db, PUSH_PRESENCE, PUSH_PRESENCE_MS);
  const intervalMs = config.intervals.demandSeconds * 1000;
  const pools = new Map(all.map((pool) => [pool.workerPoolId, pool]));
  const quiet = all.flatMap((pool) =>
    pool.readings === null || isReadingDue(pool, { nowMs, intervalMs, heardMs })
      ? []
      : [[pool.workerPoolId, pool.readings.latest] as const],
  );
  return {
    pools,
    quiet: new Map(quiet),
    dueAt: (workerPoolId, counts) =>
      nextReadingAt(pools.get(workerPoolId)!, counts, { nowMs, intervalMs, heard: heardMs !== null }),
  };
}

/** Gathers items for a moment and does the work for all of them at once; one batch after the other. */
class Gathered<T> {
  readonly #work: (items: readonly T[]) => Promise<void>;
  readonly #timer: NodeJS.Timeout;
  readonly #failures: unknown[] = [];
  #items: T[] = [];
  #done: Promise<void> = Promise.resolve();

  constructor(work: (items: readonly T[]) => Promise<void>) {
    this.#work = work;
    this.#timer = setInterval(() => this.#flush(), GATHER_MS);
  }

  add(item: T): void {
    this.#items.push(item);
  }

  /** Works on what is left; throws the first failure of a batch. One that fails keeps no other. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    this.#flush();
    await this.#done;
    if (this.#failures.length > 0) throw this.#failures[0];
  }

  #flush(): void {
    const items = this.#items;
    if (items.length === 0) return;
    this.#items = [];
    this.#done = this.#done.then(() => this.#work(items)).catch((error: unknown) => void this.#failures.push(error));
  }
}
