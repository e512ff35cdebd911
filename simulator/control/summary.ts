import type { Cloud } from '../ec2/cloud.js';
import type { Instance } from '../ec2/instance.js';
import type { Fleet } from '../machines/fleet.js';
import type { Queue } from '../queue/queue.js';
import type { CallCounts, RequestLog } from '../request-log.js';

export interface PoolSummary {
  pendingTasks: number;
  claimedTasks: number;
  completedTasks: number;
  /** Machines by state, `registered` those of the running ones whose agent has registered. */
  machines: Record<string, number>;
  registered: number;
}

export interface Summary {
  readonly pools: Record<string, PoolSummary>;
  readonly machines: Record<string, number>;
  readonly capacity: Readonly<Record<string, number>>;
  readonly calls: CallCounts;
}

export interface MachineView {
  readonly instanceId: string;
  readonly region: string;
  readonly state: string;
  readonly stateReason: string | null;
  readonly registered: boolean;
  readonly workerPoolId: string | null;
  readonly clientToken: string | null;
  readonly launched: string;
  readonly tags: Record<string, string>;
}

/** The tag by which a worker manager marks a machine with its pool. */
const POOL_TAG = 'WorkerPoolId';

const poolOf = (cloud: Cloud, instance: Instance): string | null =>
  cloud.launchOf(instance).tags.find((tag) => tag.key === POOL_TAG)?.value ?? null;

export function listMachines(cloud: Cloud, fleet: Fleet): MachineView[] {
  const nowMs = Date.now();
  return [...cloud.all(nowMs)].map((instance) => {
    const launch = cloud.launchOf(instance);
    return {
      instanceId: instance.instanceId,
      region: instance.region,
      state: cloud.stateOf(instance, nowMs),
      stateReason: instance.stateReason?.code ?? null,
      registered: fleet.registered(instance.instanceId),
      workerPoolId: poolOf(cloud, instance),
      clientToken: launch.clientToken,
      launched: new Date(launch.launchedMs).toISOString(),
      tags: Object.fromEntries(launch.tags.map((tag) => [tag.key, tag.value])),
    };
  });
}

export function summarize(cloud: Cloud, fleet: Fleet, queue: Queue, log: RequestLog): Summary {
  const nowMs = Date.now();
  const pools: Record<string, PoolSummary> = {};
  const machines: Record<string, number> = {};
  const pool = (id: string): PoolSummary => (pools[id] ??= { ...queue.counts(id), machines: {}, registered: 0 });
  for (const taskQueueId of queue.taskQueueIds()) pool(taskQueueId);
  for (const instance of cloud.all(nowMs)) {
    const state = cloud.stateOf(instance, nowMs);
    machines[state] = (machines[state] ?? 0) + 1;
    const own = pool(poolOf(cloud, instance) ?? 'none');
    own.machines[state] = (own.machines[state] ?? 0) + 1;
    if (fleet.registered(instance.instanceId)) own.registered++;
  }
  return { pools, machines, capacity: cloud.capacity(), calls: log.counts() };
}
