import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Worker } from '../domain/worker.js';
import type { CallOutcome } from '../providers/provider.js';
import type { CallClass, CloudCall } from '../providers/rate-limit.js';

/** Capacity of one pool's live workers in one worker group. */
export interface GroupCapacity {
  readonly workerPoolId: string;
  readonly providerId: string;
  readonly workerGroup: string;
  /** Requested and running, quarantined ones left out. */
  readonly existing: number;
  readonly requested: number;
  readonly stopping: number;
}

/** What the queue last said of a pool, and what its last decision made of that. */
export interface PoolFigures {
  readonly workerPoolId: string;
  readonly providerId: string;
  readonly pendingTasks: number;
  readonly claimedTasks: number;
  /** Null while there was no decision with an estimate. */
  readonly desiredCapacity: number | null;
  readonly totalIdleCapacity: number | null;
  readonly adjustedPendingTasks: number | null;
}

/** Running workers that are advised to terminate. */
export interface AdvisedWorkers {
  readonly workerPoolId: string;
  readonly providerId: string;
  readonly reason: string;
  readonly workers: number;
}

export interface TaskclusterFigures {
  readonly groups: readonly GroupCapacity[];
  readonly pools: readonly PoolFigures[];
  readonly advised: readonly AdvisedWorkers[];
}

/** An answer of the API. */
export interface ApiAnswer {
  readonly operation: string | undefined;
  readonly method: string;
  readonly status: number;
  readonly seconds: number;
}

const POOL = ['workerPoolId', 'providerId'] as const;
const GROUP = [...POOL, 'workerGroup'] as const;
const REGISTRATION_BUCKETS = [15, 30, 45, 60, 90, 120, 180, 300, 600, 1200, 1800];
const STARTUP_BUCKETS = [5, 10, 15, 30, 45, 60, 90, 120, 180, 300, 600];
const LIFETIME_BUCKETS = [60, 300, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400, 172_800, 604_800, 1_209_600];
const ANSWER_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** Azure's own names of its buckets. */
const CALL_TYPES: Record<CallClass, string> = { read: 'reads', create: 'writes', delete: 'deletes' };

type GroupGauges = Record<'existing' | 'requested' | 'stopping', Gauge>;
type PoolGauges = Record<Exclude<keyof PoolFigures, 'workerPoolId' | 'providerId'>, Gauge>;
type Makers = ReturnType<typeof makersOf>;

const makersOf = (registry: Registry) => ({
  gauge: (name: string, help: string, labels: readonly string[]) =>
    new Gauge({ name: `worker_manager_${name}`, help, labelNames: [...labels], registers: [registry] }),
  counter: (name: string, help: string, labels: readonly string[]) =>
    new Counter({ name, help, labelNames: [...labels], registers: [registry] }),
  histogram: (name: string, help: string, labels: readonly string[], buckets: number[]) =>
    new Histogram({ name, help, labelNames: [...labels], buckets, registers: [registry] }),
});

const groupGauges = ({ gauge }: Makers): GroupGauges => ({
  existing: gauge(
    'existing_capacity',
    'Capacity (tasks at once) of requested and running workers, quarantined ones left out',
    GROUP,
  ),
  requested: gauge('requested_capacity', 'Capacity (tasks at once) of requested workers', GROUP),
  stopping: gauge('stopping_capacity', 'Capacity (tasks at once) of stopping workers', GROUP),
});

const poolGauges = ({ gauge }: Makers): PoolGauges => ({
  desiredCapacity: gauge('desired_capacity', 'Capacity (tasks at once) that the pool’s last decision was for', POOL),
  totalIdleCapacity: gauge(
    'total_idle_capacity',
    'Capacity (tasks at once) that the pool’s last decision found idle',
    POOL,
  ),
  adjustedPendingTasks: gauge(
    'adjusted_pending_tasks',
    'Pending tasks that the pool’s last decision found no idle capacity for',
    POOL,
  ),
  pendingTasks: gauge('pending_tasks', 'Pending tasks, as the queue last said', POOL),
  claimedTasks: gauge('claimed_tasks', 'Claimed tasks, as the queue last said', POOL),
});

/**
 * Metrics under the names that Taskcluster's worker-manager gives them, where the same is measured, so that its
 * dashboards go on (docs/taskcluster-compatibility.md#metrics).
 */
export class TaskclusterMetrics {
  readonly #groups: GroupGauges;
  readonly #pools: PoolGauges;
  readonly #advised: Gauge;
  readonly #registrationSeconds: Histogram;
  readonly #provisionSeconds: Histogram;
  readonly #startupSeconds: Histogram;
  readonly #lifetimeSeconds: Histogram;
  readonly #registrationFailures: Counter;
  readonly #throttled: Counter;
  readonly #remaining: Gauge;
  readonly #answers: Counter;
  readonly #answerSeconds: Histogram;

  constructor(registry: Registry) {
    const make = makersOf(registry);
    this.#groups = groupGauges(make);
    this.#pools = poolGauges(make);
    this.#advised = make.gauge('workers_to_terminate', 'Running workers that are advised to terminate when idle', [
      ...POOL,
      'reason',
    ]);
    this.#registrationSeconds = make.histogram(
      'worker_manager_worker_registration_seconds',
      'Seconds from the request of a worker to its registration',
      POOL,
      REGISTRATION_BUCKETS,
    );
    this.#provisionSeconds = make.histogram(
      'worker_manager_worker_provision_seconds',
      'Seconds from the request of a worker to the boot of its system, as the machine says it',
      GROUP,
      REGISTRATION_BUCKETS,
    );
    this.#startupSeconds = make.histogram(
      'worker_manager_worker_startup_seconds',
      'Seconds from the boot of a worker’s system, as the machine says it, to its registration',
      GROUP,
      STARTUP_BUCKETS,
    );
    this.#lifetimeSeconds = make.histogram(
      'worker_manager_worker_lifetime_seconds',
      'Seconds from the registration of a worker to its end',
      POOL,
      LIFETIME_BUCKETS,
    );
    this.#registrationFailures = make.counter(
      'worker_manager_worker_registration_failures_total',
      'Workers that ended before they had registered',
      POOL,
    );
    this.#throttled = make.counter(
      'worker_manager_azure_throttle_total',
      'Calls that Azure refused because there were too many',
      ['providerId', 'operationType'],
    );
    const leftOf = ['providerId', 'limitType'];
    this.#remaining = make.gauge(
      'azure_ratelimit_remaining',
      'Calls that Azure would still answer this principal',
      leftOf,
    );
    const answered = 'Calls of the API that this process has answered';
    this.#answers = make.counter('http_requests_total', answered, ['operation', 'method', 'status']);
    this.#answerSeconds = make.histogram(
      'http_request_duration_seconds',
      'Seconds until this process had answered a call of the API',
      ['operation', 'method'],
      ANSWER_BUCKETS,
    );
  }

  /** Set anew each time: what has gone leaves no figure behind. */
  set({ groups, pools, advised }: TaskclusterFigures): void {
    for (const gauge of [...Object.values(this.#groups), ...Object.values(this.#pools), this.#advised]) gauge.reset();
    for (const { existing, requested, stopping, ...labels } of groups) {
      this.#groups.existing.set(labels, existing);
      this.#groups.requested.set(labels, requested);
      this.#groups.stopping.set(labels, stopping);
    }
    for (const { workerPoolId, providerId, ...figures } of pools) {
      for (const [name, figure] of Object.entries(figures)) {
        if (figure !== null) this.#pools[name as keyof typeof figures].set({ workerPoolId, providerId }, figure);
      }
    }
    for (const { workers, reason, ...pool } of advised) {
      this.#advised.set({ ...pool, reason: reason.replaceAll(' ', '_') }, workers);
    }
  }

  readonly onRegistered = ({ workerPoolId, providerId, created }: Worker, nowMs: number): void =>
    this.#registrationSeconds.observe({ workerPoolId, providerId }, (nowMs - created) / 1000);

  /** A machine's clock may be wrong: what would be less than nothing is not counted. */
  readonly onBooted = ({ systemBootTime: bootedAt, created, registeredAt, ...worker }: Worker): void => {
    if (bootedAt === null) return;
    const { workerPoolId, providerId, workerGroup } = worker;
    const labels = { workerPoolId, providerId, workerGroup };
    if (bootedAt >= created) this.#provisionSeconds.observe(labels, (bootedAt - created) / 1000);
    if (registeredAt !== null && registeredAt >= bootedAt)
      this.#startupSeconds.observe(labels, (registeredAt - bootedAt) / 1000);
  };

  readonly onStopping = ({ workerPoolId, providerId, registeredAt, launchToken }: Worker): void => {
    if (registeredAt === null && launchToken !== null) this.#registrationFailures.inc({ workerPoolId, providerId });
  };

  readonly onStopped = ({ workerPoolId, providerId, registeredAt }: Worker, nowMs: number): void => {
    if (registeredAt !== null)
      this.#lifetimeSeconds.observe({ workerPoolId, providerId }, (nowMs - registeredAt) / 1000);
  };

  readonly onAzureCall = (
    { providerId, callClass }: CloudCall,
    { result, remaining }: Pick<CallOutcome, 'result' | 'durationMs' | 'remaining'>,
  ): void => {
    if (result === 'Throttled') this.#throttled.inc({ providerId, operationType: CALL_TYPES[callClass] });
    for (const limitType of Object.values(CALL_TYPES)) {
      const left = remaining?.get(limitType);
      if (left !== undefined) this.#remaining.set({ providerId, limitType }, left);
    }
  };

  readonly onAnswer = ({ operation = 'none', method, status, seconds }: ApiAnswer): void => {
    this.#answers.inc({ operation, method, status: String(status) });
    this.#answerSeconds.observe({ operation, method }, seconds);
  };
}
