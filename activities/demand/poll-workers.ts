import { PoolPoll, type PollLimits } from './poll-pools.js';
import { QueueRefusedError } from '../../domain/demand-source.js';
import {
  compareWorkers,
  inactiveWorkers,
  isSilent,
  type QueueWorker,
  type RunningWorker,
} from '../../domain/inactivity.js';
import { workerKeyText } from '../../domain/ids.js';
import { callSignal } from '../../providers/shared/call-scope.js';
import { poolsWithRunningWorkers, runningWorkers } from '../../database/running-workers.js';
import { LifecycleSignals } from '../../temporal/lifecycle-signals.js';
import type { QueueActivity } from '../../temporal/messages.js';
import type { ActivityDeps } from '../support/deps.js';
import { engineNow } from '../support/engine-clock.js';
import { withHeartbeat } from '../support/heartbeat.js';
import { inParallel } from '../support/in-parallel.js';
import { QueueReport } from './poll-report.js';
import { WaitPoll } from './poll-waits.js';
import { RepeatedSignals } from './repeated-signals.js';
import { Rotation } from './rotation.js';

export interface WorkerPollActivities {
  /** Polls the queue about the workers of all pools, and signals lifecycles of which it says something new. */
  pollWorkers(): Promise<WorkerPollResult>;
}

/** Counts only: a history keeps them. */
export interface WorkerPollResult {
  readonly pools: number;
  /** Pools of which the queue did not answer everything, or not in time: whom it was silent about is not inactive. */
  readonly unanswered: number;
  readonly signalled: number;
  /** Signals that a lifecycle did not take. */
  readonly refused: number;
}

export const WORKER_POLL_LIMITS: PollLimits = {
  poolTimeoutMs: 30_000,
  totalTimeoutMs: 45_000,
  slowAfterMs: 5_000,
  lanes: 6,
  slowLanes: 2,
};
const CALLS_AT_ONCE = 8;
/**
 * How long one pool's workers may be asked about singly: then those that are found are signalled within the pool's
 * limit.
 */
const CONFIRMATIONS_TIMEOUT_MS = 15_000;
/**
 * Workers of one pool that one poll asks about singly, the last proof before they are removed; the rest is the next's.
 */
const MAX_CONFIRMATIONS = 100;

interface Finding {
  readonly worker: RunningWorker;
  readonly activity: QueueActivity;
}

/** What is known of one pool's workers, and what kept more of it from being known. */
interface PoolFindings {
  readonly findings: readonly Finding[];
  readonly failure: { readonly error: unknown } | null;
  /** Workers that seem inactive and that no call to the queue was made for, or that it gave no answer about. */
  readonly unconfirmed?: readonly RunningWorker[];
}

/** What one process keeps of a pool between two polls. */
interface PoolState {
  readonly repeated: RepeatedSignals;
  readonly rotation: Rotation;
}

const nameIn = (workerPoolId: string) => (worker: RunningWorker) => workerKeyText({ workerPoolId, ...worker });

export function workerPollActivities(
  deps: ActivityDeps,
  limits: PollLimits = WORKER_POLL_LIMITS,
): WorkerPollActivities {
  const poll = new WorkerPoll(deps, limits);
  const waits = new WaitPoll(deps);
  return {
    pollWorkers: () =>
      withHeartbeat(async () => {
        // Beside it, because it is polled as often; nothing depends on it.
        const [result] = await Promise.all([poll.run(), waits.run()]);
        return result;
      }),
  };
}

class WorkerPoll {
  private readonly deps: ActivityDeps;
  private readonly poll: PoolPoll;
  private readonly report: QueueReport;
  private readonly lifecycles: LifecycleSignals;
  private readonly pools = new Map<string, PoolState>();

  constructor(deps: ActivityDeps, limits: PollLimits) {
    this.deps = deps;
    this.poll = new PoolPoll(limits);
    this.report = new QueueReport(deps.log);
    this.lifecycles = new LifecycleSignals(deps.client);
  }

  async run(): Promise<WorkerPollResult> {
    const workerPoolIds = await poolsWithRunningWorkers(this.deps.database.db);
    const present = new Set(workerPoolIds);
    for (const workerPoolId of this.pools.keys()) if (!present.has(workerPoolId)) this.pools.delete(workerPoolId);
    const counts = { signalled: 0, refused: 0 };
    let refusal: unknown = null;
    const outcome = await this.poll.run(workerPoolIds, callSignal(), async (workerPoolId, signal) => {
      const found = await this.findingsOf(workerPoolId, signal);
      const { failure } = found;
      const { sent, failures } = await this.signalAll(workerPoolId, found, signal);
      counts.signalled += sent;
      counts.refused += failures.length;
      refusal ??= failures[0];
      if (failure) throw failure.error;
    });
    this.report.say(outcome, { failed: counts.refused, err: refusal });
    const unanswered = outcome.failed.size + outcome.leftOut.length;
    return { pools: workerPoolIds.length, unanswered, ...counts };
  }

  private stateOf(workerPoolId: string): PoolState {
    const state = this.pools.get(workerPoolId) ?? { repeated: new RepeatedSignals(), rotation: new Rotation() };
    this.pools.set(workerPoolId, state);
    return state;
  }

  private async findingsOf(workerPoolId: string, signal: AbortSignal): Promise<PoolFindings> {
    // The rows are read before the list: a worker that registers meanwhile is not missing from anything.
    const workers = await runningWorkers(this.deps.database.db, workerPoolId);
    const list = await this.deps.demand.workers(workerPoolId, signal);
    this.report.answered('workers');
    const compared = compareWorkers(workers, list, engineNow());
    const changed = compared.quarantines.map(({ worker, quarantineUntil }) => ({
      worker,
      activity: { firstClaimAt: null, lastActiveAt: null, idle: false, quarantineUntil },
    }));
    // Claimed tasks come with their whole definitions: they are read only where they decide.
    if (compared.silent.length === 0) return { findings: changed, failure: null };
    try {
      const claims = await this.deps.demand.claimants(workerPoolId, signal);
      this.report.answered('claimants');
      const inactive = inactiveWorkers(workers, compared, list, claims);
      const { findings, ...others } = await this.confirmed(workerPoolId, inactive, signal);
      return { findings: [...changed, ...findings], ...others };
    } catch (error) {
      return { findings: changed, failure: this.unlessRefused(error), unconfirmed: compared.silent };
    }
  }

  /**
   * A list of many pages is not of one instant: the queue is asked about each worker before it is called inactive. One
   * about which it says nothing keeps no other from being found, and those that stay inactive keep none behind them.
   */
  private async confirmed(
    workerPoolId: string,
    inactive: readonly RunningWorker[],
    signal: AbortSignal,
  ): Promise<PoolFindings> {
    const findings: Finding[] = [];
    let failure: PoolFindings['failure'] = null;
    const within = AbortSignal.any([signal, AbortSignal.timeout(CONFIRMATIONS_TIMEOUT_MS)]);
    const { rotation } = this.stateOf(workerPoolId);
    const unconfirmed = new Set(inactive);
    const nameOf = nameIn(workerPoolId);
    const waitingLongest = rotation.longestWaitingFirst(inactive, nameOf);
    await inParallel(waitingLongest.slice(0, MAX_CONFIRMATIONS), CALLS_AT_ONCE, async (worker) => {
      try {
        if (!within.aborted) rotation.note(nameOf(worker));
        const found = await this.deps.demand.worker(workerPoolId, worker, within);
        this.report.answered('worker');
        unconfirmed.delete(worker);
        const { firstClaimAt, lastActiveAt, quarantineUntil } = found ?? NEVER_SEEN;
        // guard(inactivity-confirmed-singly): false
        if (!isSilent({ ...worker, firstClaimAt, lastActiveAt }, engineNow())) return;
        findings.push({ worker, activity: { firstClaimAt, lastActiveAt, idle: true, quarantineUntil } });
      } catch (error) {
        failure ??= this.unlessRefused(error);
      }
    });
    return { findings, failure, unconfirmed: [...unconfirmed] };
  }

  /** What the queue refuses is said once, and is no failure of its pool. */
  private unlessRefused(error: unknown): PoolFindings['failure'] {
    if (!(error instanceof QueueRefusedError)) return { error };
    this.report.refused(error);
    return null;
  }

  private async signalAll(
    workerPoolId: string,
    { findings, unconfirmed = [] }: PoolFindings,
    signal: AbortSignal,
  ): Promise<{ sent: number; failures: unknown[] }> {
    const nameOf = nameIn(workerPoolId);
    const keyOf = ({ worker, activity }: Finding) => `${nameOf(worker)} ${activity.idle} ${activity.quarantineUntil}`;
    const unknown = new Set(unconfirmed.map(nameOf));
    const isUnknown = (key: string) => unknown.has(key.slice(0, key.indexOf(' ')));
    const due = this.stateOf(workerPoolId).repeated.due(findings.map(keyOf), engineNow(), isUnknown);
    const waiting = findings.filter((finding) => due.has(keyOf(finding))).values();
    const failures: unknown[] = [];
    let sent = 0;
    const lane = async () => {
      for (const { worker, activity } of waiting) {
        if (signal.aborted) return;
        try {
          await this.lifecycles.queueActivity({ workerPoolId, ...worker }, activity);
          sent += 1;
        } catch (error) {
          failures.push(error);
        }
      }
    };
    await Promise.all(Array.from({ length: CALLS_AT_ONCE }, lane));
    return { sent, failures };
  }
}

const NEVER_SEEN: Omit<QueueWorker, 'workerGroup' | 'workerId'> = {
  firstClaimAt: null,
  lastActiveAt: null,
  quarantineUntil: null,
};
