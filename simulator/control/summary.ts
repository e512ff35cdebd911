import type { Arm } from '../azure/arm.js';
import type { Resource } from '../azure/resource.js';
import type { Cloud } from '../ec2/cloud.js';
import type { Instance } from '../ec2/instance.js';
import type { Compute } from '../google/compute.js';
import { statusOf } from '../google/status.js';
import type { Agents } from '../machines/agents.js';
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
  /** Of Google's machines, whose id is a number. */
  readonly name?: string;
  readonly region: string;
  readonly state: string;
  readonly stateReason: string | null;
  readonly registered: boolean;
  readonly workerPoolId: string | null;
  readonly clientToken: string | null;
  readonly launched: string;
  readonly tags: Record<string, string>;
}

/** The tags by which a worker manager marks a machine with its pool. */
const POOL_TAG = 'WorkerPoolId';
const AZURE_POOL_TAG = 'worker-pool-id';

const poolOf = (cloud: Cloud, instance: Instance): string | null =>
  cloud.launchOf(instance).tags.find((tag) => tag.key === POOL_TAG)?.value ?? null;

export function instanceViews(cloud: Cloud, agents: Agents): MachineView[] {
  const nowMs = Date.now();
  return [...cloud.all(nowMs)].map((instance) => {
    const launch = cloud.launchOf(instance);
    return {
      instanceId: instance.instanceId,
      region: instance.region,
      state: cloud.stateOf(instance, nowMs),
      stateReason: instance.stateReason?.code ?? null,
      registered: agents.registered(instance.instanceId),
      workerPoolId: poolOf(cloud, instance),
      clientToken: launch.clientToken,
      launched: new Date(launch.launchedMs).toISOString(),
      tags: Object.fromEntries(launch.tags.map((tag) => [tag.key, tag.value])),
    };
  });
}

/** Azure's machines in the same words. */
export function virtualMachineViews(arm: Arm, agents: Agents): MachineView[] {
  const machines = arm.run((store) => [...store.resources()].filter((one) => one.kind === 'virtualMachines'));
  return machines.map((vm) => ({
    instanceId: vm.name,
    region: vm.location,
    state: stateOf(vm),
    stateReason: vm.failure?.code ?? null,
    registered: agents.registered(vm.name),
    workerPoolId: vm.tags[AZURE_POOL_TAG] ?? null,
    clientToken: null,
    launched: new Date(vm.createdMs).toISOString(),
    tags: vm.tags,
  }));
}

/** Google's machines in the same words; one that only seems to exist is pending. */
export function googleMachineViews(compute: Compute, agents: Agents): MachineView[] {
  return compute.run((store, nowMs) =>
    [...store.instances()].map((instance) => {
      const order = store.orderOf(instance);
      const status = statusOf(store, instance, nowMs);
      return {
        instanceId: instance.id,
        name: instance.name,
        region: order.zone,
        state: instance.deleting ? 'shutting-down' : (googleStates[status] ?? status.toLowerCase()),
        stateReason: null,
        registered: agents.registered(instance.id),
        workerPoolId: order.workerPoolId,
        clientToken: order.requestId,
        launched: new Date(order.createdMs).toISOString(),
        tags: { ...order.labels },
      };
    }),
  );
}

const googleStates: Readonly<Record<string, string>> = {
  PROVISIONING: 'pending',
  STAGING: 'pending',
  TERMINATED: 'stopped',
};

function stateOf({ state, machine }: Resource): string {
  if (state === 'Deleting') return 'shutting-down';
  if (machine?.power === 'running') return 'running';
  return state === 'Creating' ? 'pending' : 'stopped';
}

export function summarize(
  views: readonly MachineView[],
  capacity: Summary['capacity'],
  queue: Queue,
  log: RequestLog,
): Summary {
  const pools: Record<string, PoolSummary> = {};
  const machines: Record<string, number> = {};
  const pool = (id: string): PoolSummary => (pools[id] ??= { ...queue.counts(id), machines: {}, registered: 0 });
  for (const taskQueueId of queue.taskQueueIds()) pool(taskQueueId);
  for (const { state, workerPoolId, registered } of views) {
    machines[state] = (machines[state] ?? 0) + 1;
    const own = pool(workerPoolId ?? 'none');
    own.machines[state] = (own.machines[state] ?? 0) + 1;
    if (registered) own.registered++;
  }
  return { pools, machines, capacity, calls: log.counts() };
}
