import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { type TaskclusterFigures, TaskclusterMetrics } from './taskcluster-metrics.js';
import type { Question } from '../domain/demand-source.js';
import { workerStates, type WorkerState } from '../domain/worker.js';
import { wedgedVerdicts } from '../domain/wedged-lifecycles.js';
import type { Providers } from '../providers/configured.js';
import type { CallOutcome } from '../providers/provider.js';
import type { CloudCall } from '../providers/rate-limit.js';

/** What the database says, which every process can give. */
export interface RecordedMetrics {
  readonly workers: readonly ({ readonly workerPoolId: string; readonly providerId: string } & Readonly<
    Record<Exclude<WorkerState, 'stopped'>, number>
  >)[];
  /** `outcome`: none (no answer yet), launched, short (fewer machines than requested) or failed. */
  readonly launches: readonly { readonly status: string; readonly outcome: string; readonly launches: number }[];
  /** 0 when every launch has its answer. */
  readonly oldestOpenLaunchSeconds: number;
  readonly taskcluster?: TaskclusterFigures;
  /** Missing where there is no broker to deliver to. */
  readonly outbox?: { readonly messages: number; readonly oldestSeconds: number };
  readonly orphans: readonly { readonly providerId: string; readonly verdict: string; readonly orphans: number }[];
  /** 0 when there is none. */
  readonly oldestOrphanSeconds: number;
  readonly preempted: readonly {
    readonly workerPoolId: string;
    readonly launchConfigId: string;
    readonly machines: number;
  }[];
  /** Open lifecycles whose workflow task fails again and again. */
  readonly wedged: readonly { readonly verdict: string; readonly lifecycles: number }[];
  readonly orphanActs: readonly { readonly act: string; readonly acts: number }[];
}

/** Seconds; cloud calls are mostly tens to hundreds of milliseconds. */
const CALL_BUCKETS = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/**
 * This process's metrics and those of the database. Names and labels are what dashboards rely on:
 * `docs/reference/metrics.md` shows the same list, and a test holds the two together.
 */
export class Metrics {
  readonly registry = new Registry();
  private readonly recorded: () => Promise<RecordedMetrics>;
  private readonly calls = new Counter({
    name: 'worker_manager_cloud_calls_total',
    help: 'Calls to clouds by this process, by operation and outcome',
    labelNames: ['providerId', 'operation', 'region', 'outcome'],
    registers: [this.registry],
  });
  private readonly callSeconds = new Histogram({
    name: 'worker_manager_cloud_call_seconds',
    help: 'Duration of calls to clouds by this process',
    labelNames: ['providerId', 'operation'],
    buckets: CALL_BUCKETS,
    registers: [this.registry],
  });
  private readonly remaining = new Gauge({
    name: 'worker_manager_cloud_calls_remaining',
    help: 'Calls that the cloud would still answer, as it last answered this process, by its own name of the bucket',
    labelNames: ['providerId', 'region', 'bucket'],
    registers: [this.registry],
  });
  private readonly queueAnswers = new Gauge({
    name: 'worker_manager_queue_answers',
    help: 'Whether the queue answered this process’s last question of each kind: 1, or 0 when it failed or refused it',
    labelNames: ['question'],
    registers: [this.registry],
  });
  private readonly workers = new Gauge({
    name: 'worker_manager_workers',
    help: 'Workers that are not stopped, each of them one lifecycle, by pool and state',
    labelNames: ['workerPoolId', 'providerId', 'state'],
    registers: [this.registry],
  });
  private readonly launches = new Gauge({
    name: 'worker_manager_launches',
    help: 'Launches that are open (no answer yet) or unfinished, and those that ended in the last hour, by status and outcome',
    labelNames: ['status', 'outcome'],
    registers: [this.registry],
  });
  private readonly openAge = new Gauge({
    name: 'worker_manager_oldest_open_launch_seconds',
    help: 'Age of the oldest launch without an answer; 0 when there is none',
    registers: [this.registry],
  });
  private readonly outboxMessages = new Gauge({
    name: 'worker_manager_outbox_messages',
    help: 'Messages that are recorded and not yet delivered to the broker, from a thousand on about so many; 0 without one',
    registers: [this.registry],
  });
  private readonly outboxAge = new Gauge({
    name: 'worker_manager_outbox_oldest_seconds',
    help: 'Age of the oldest message that is not yet delivered to the broker; 0 when there is none',
    registers: [this.registry],
  });
  private readonly published = new Counter({
    name: 'worker_manager_messages_published_total',
    help: 'Messages that this process has delivered to the broker, by exchange',
    labelNames: ['exchange'],
    registers: [this.registry],
  });
  private readonly taskPending = new Counter({
    name: 'worker_manager_task_pending_messages_total',
    help: 'Messages of the queue about pending tasks of our pools that this process has received',
    registers: [this.registry],
  });

  private readonly orphans = new Gauge({
    name: 'worker_manager_orphans',
    help: 'What carries this deployment’s tag and belongs to nobody, as the last sweep found it, by provider and verdict',
    labelNames: ['providerId', 'verdict'],
    registers: [this.registry],
  });
  private readonly orphanAge = new Gauge({
    name: 'worker_manager_oldest_orphan_seconds',
    help: 'Time since a sweep first saw the oldest orphan that is provably ours; 0 when there is none',
    registers: [this.registry],
  });
  private readonly orphanActs = new Gauge({
    name: 'worker_manager_orphan_acts',
    help: 'Orphans that were adopted or whose removal was begun in the last hour, and acts that failed',
    labelNames: ['act'],
    registers: [this.registry],
  });
  private readonly preempted = new Gauge({
    name: 'worker_manager_preempted_workers',
    help: 'Workers whose machine the cloud took back within the last day, by launch config',
    labelNames: ['workerPoolId', 'launchConfigId'],
    registers: [this.registry],
  });
  private readonly unhealthy = new Gauge({
    name: 'worker_manager_provider_unhealthy_seconds',
    help: 'For how long this process cannot use a provider’s cloud; 0 when it can',
    labelNames: ['providerId'],
    registers: [this.registry],
  });
  private providers: Pick<Providers, 'list' | 'state'> | null = null;
  private readonly wedged = new Gauge({
    name: 'worker_manager_wedged_lifecycles',
    help: 'Open lifecycles whose workflow task fails again and again, as the last sweep found them, by what it does',
    labelNames: ['verdict'],
    registers: [this.registry],
  });

  /** Under the names that Taskcluster's dashboards know. */
  readonly taskcluster = new TaskclusterMetrics(this.registry);

  constructor(recorded: () => Promise<RecordedMetrics>) {
    this.recorded = recorded;
  }

  readonly onCloudCall = (
    call: CloudCall,
    { result, durationMs, remaining }: Pick<CallOutcome, 'result' | 'durationMs' | 'remaining'>,
  ): void => {
    const { providerId, operation } = call;
    const region = call.region ?? '';
    this.calls.inc({ providerId, operation, region, outcome: result });
    this.callSeconds.observe({ providerId, operation }, durationMs / 1000);
    for (const [bucket, left] of remaining ?? []) this.remaining.set({ providerId, region, bucket }, left);
  };

  /** From now on their health is shown. */
  watchProviders(providers: Pick<Providers, 'list' | 'state'>): void {
    this.providers = providers;
  }

  readonly onQueueAnswer = (question: Question, answered: boolean): void =>
    this.queueAnswers.set({ question }, answered ? 1 : 0);

  readonly onPublished = (exchange: string): void => this.published.inc({ exchange });

  readonly onTaskPending = (): void => this.taskPending.inc();

  /** In Prometheus' text format. Rejects when the database does not answer. */
  async render(): Promise<string> {
    const recorded = await this.recorded();
    // Set anew each time: a pool that is gone leaves no figure behind (docs/taskcluster-compatibility.md#operation).
    this.workers.reset();
    for (const { workerPoolId, providerId, ...counts } of recorded.workers) {
      for (const state of workerStates) {
        if (state !== 'stopped') this.workers.set({ workerPoolId, providerId, state }, counts[state]);
      }
    }
    this.launches.reset();
    // There whether or not a launch is open: an alert on it needs a zero.
    this.launches.set({ status: 'open', outcome: 'none' }, 0);
    for (const { status, outcome, launches } of recorded.launches) this.launches.set({ status, outcome }, launches);
    this.openAge.set(recorded.oldestOpenLaunchSeconds);
    if (recorded.taskcluster) this.taskcluster.set(recorded.taskcluster);
    this.outboxMessages.set(recorded.outbox?.messages ?? 0);
    this.outboxAge.set(recorded.outbox?.oldestSeconds ?? 0);
    this.setRecorded(recorded);
    this.setHealth();
    return await this.registry.metrics();
  }

  private setRecorded(recorded: RecordedMetrics): void {
    this.orphans.reset();
    for (const { providerId, verdict, orphans } of recorded.orphans) this.orphans.set({ providerId, verdict }, orphans);
    this.orphanAge.set(recorded.oldestOrphanSeconds);
    this.preempted.reset();
    for (const { workerPoolId, launchConfigId, machines } of recorded.preempted)
      this.preempted.set({ workerPoolId, launchConfigId }, machines);
    this.wedged.reset();
    for (const verdict of wedgedVerdicts) this.wedged.set({ verdict }, 0);
    for (const { verdict, lifecycles } of recorded.wedged) this.wedged.set({ verdict }, lifecycles);
    this.orphanActs.reset();
    for (const { act, acts } of recorded.orphanActs) this.orphanActs.set({ act }, acts);
  }

  private setHealth(): void {
    for (const { providerId } of this.providers?.list() ?? []) {
      const { state, since } = this.providers!.state(providerId);
      const forMs = state === 'failed' && since !== null ? Date.now() - since : 0;
      this.unhealthy.set({ providerId }, Math.max(0, forMs) / 1000);
    }
  }
}
