import { noCapacity } from '../../domain/estimator.js';
import type {
  Backoff,
  BootingMachines,
  LaunchConfigEvidence,
  OpenLaunch,
  Poll,
  PoolEvidence,
} from '../../domain/explain/evidence.js';
import type { WorkerEvidence } from '../../domain/explain/worker-evidence.js';

/** A pool's records as the database would give them: one that waits for 41 machines, and the parts to change in it. */

/** The instant that is asked for. */
export const AT = Date.parse('2026-11-28T12:01:30Z');
/** On its day. */
export const clockOf = (time: string): number => Date.parse(`2026-11-28T${time}Z`);

export const poll = (fields: Partial<Poll> = {}): Poll => ({
  at: clockOf('12:01:27'),
  dueAt: clockOf('12:01:37'),
  since: clockOf('12:00:07'),
  counts: { pendingTasks: 41, claimedTasks: 0 },
  failure: null,
  source: { kind: 'poll', id: '8812', at: clockOf('12:01:27') },
  ...fields,
});

export const launchConfig = (launchConfigId: string, fields: Partial<LaunchConfigEvidence> = {}) => ({
  ...{ launchConfigId, revision: 3, where: 'us-east-1a', type: 'm6a.large' },
  ...{ initialWeight: 1, maxCapacity: 100, capacityPerInstance: 1, usedCapacity: 0, recentErrors: 0 },
  ...{ backoff: null, openLaunches: 0, unregisteredRoom: null },
  ...fields,
});

export const backoff = (fields: Partial<Backoff> = {}): Backoff => ({
  ...{ begin: clockOf('12:01:00'), end: null, until: clockOf('12:03:10') },
  ...{ failureClass: 'capacity', failures: 4, code: 'InsufficientInstanceCapacity', message: 'No capacity there.' },
  requestIds: ['req-1f'],
  source: { kind: 'span', id: '77', at: clockOf('12:01:00') },
  ...fields,
});

export const openLaunch = (fields: Partial<OpenLaunch> = {}): OpenLaunch => ({
  ...{ token: 'run.0.0.ab', requestedAt: clockOf('11:59:50'), machines: 5, capacity: 5 },
  ...{ inDoubtSince: null, isOverdue: false, waitsForCalls: null },
  source: { kind: 'launch', id: 'run.0.0.ab', at: clockOf('11:59:50') },
  ...fields,
});

export const booting = (fields: Partial<BootingMachines> = {}): BootingMachines => ({
  ...{ requestedAt: clockOf('12:00:10'), machines: 5, capacity: 5 },
  source: { kind: 'launch', id: 'run.0.0.cd', at: clockOf('12:00:10') },
  ...fields,
});

export const poolEvidence = (fields: Partial<PoolEvidence> = {}): PoolEvidence => ({
  workerPoolId: 'proj/linux',
  recordedSince: null,
  pool: {
    ...{ providerId: 'aws', estimator: 'corrected', minCapacity: 0, maxCapacity: 100, scalingRatio: 1 },
    source: { kind: 'revision', id: '7', at: clockOf('09:00:00') },
  },
  deletion: null,
  poll: poll(),
  nextPoll: null,
  outage: null,
  holds: [],
  schedulePause: null,
  providerBlock: null,
  capacity: noCapacity,
  archived: { runningCapacity: 0, stoppingCapacity: 0 },
  booting: [],
  openLaunches: [],
  medianRegistrationMs: 94_000,
  unclaimedSince: null,
  launchConfigs: [launchConfig('lc-a'), launchConfig('lc-b'), launchConfig('lc-c')],
  decision: null,
  ...fields,
});

export const workerEvidence = (fields: Partial<WorkerEvidence> = {}): WorkerEvidence => ({
  ...{ workerPoolId: 'proj/linux', workerGroup: 'us-east-1a', workerId: 'i-0abc', recordedSince: null },
  life: {
    ...{ created: clockOf('11:00:00'), registeredAt: clockOf('11:02:00'), stopping: null, stoppedAt: null },
    source: { kind: 'worker', id: 'proj/linux/us-east-1a/i-0abc', at: clockOf('11:00:00') },
  },
  refusals: [],
  deletions: [],
  verdict: null,
  minimum: { minCapacity: 0, currentCapacity: 12 },
  medianRegistrationMs: 94_000,
  launch: null,
  ...fields,
});
