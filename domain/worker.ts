import type { WorkerKey } from './ids.js';

/**
 * A worker's life: requested → running → stopping → stopped, or requested → stopping when it failed, was refused,
 * timed out or was removed. Static workers begin at running. Nothing leaves `stopped`
 * (docs/taskcluster-compatibility.md#states).
 */
export const workerStates = ['requested', 'running', 'stopping', 'stopped'] as const;
export type WorkerState = (typeof workerStates)[number];

const successors: Record<WorkerState, readonly WorkerState[]> = {
  requested: ['running', 'stopping'],
  running: ['stopping'],
  stopping: ['stopped'],
  stopped: [],
};

export const canBecome = (from: WorkerState, to: WorkerState): boolean => successors[from].includes(to);

/** One worker as everybody outside its lifecycle sees it: the row. Instants are epoch milliseconds. */
export interface Worker extends WorkerKey {
  readonly providerId: string;
  readonly launchConfigId: string | null;
  /** The immutable revision of the launch config that it was launched from; null for static workers. */
  readonly launchConfigRevision: number | null;
  /** The launch that created it; null for static workers. */
  readonly launchToken: string | null;
  readonly state: WorkerState;
  /** How many tasks at once; ≥ 1. */
  readonly capacity: number;
  readonly created: number;
  readonly lastModified: number;
  /** When its row, and with it its right to credentials, ends. */
  readonly expires: number;
  /** Hard deadline: registration, then credentials; null when there is none (static). */
  readonly terminateAfter: number | null;
  readonly registeredAt: number | null;
  readonly stoppedAt: number | null;
  /** Why it went to stopping; null before. */
  readonly stopReason: string | null;
  /** Counts the secrets handed out; 0 before the first registration. The secret itself is derived, never stored. */
  readonly secretGeneration: number;
  /** Where the machine is: account or subscription, region, group. Clean-up uses this, never today's configuration. */
  readonly location: MachineLocation;
  /** What the cloud said of the machine when it was created; what an identity proof is compared with. */
  readonly identityAttributes: Readonly<Record<string, string | null>>;
  /**
   * Ids of the cloud's resources that it consists of, where they had to be tracked (what a template creates); else
   * empty.
   */
  readonly resourceIds: readonly string[];
  readonly shouldTerminate: ShouldTerminate | null;
  /** Until when the queue gives it no work; an instant that has passed, or null: it is not in quarantine. */
  readonly quarantineUntil: number | null;
  /** How long the queue may see no activity of it; null before its registration. Fixed at its launch. */
  readonly queueInactivityMs: number | null;
  /** When its system booted, as the machine said at its first registration; null where it did not say. */
  readonly systemBootTime: number | null;
}

export interface MachineLocation {
  readonly account: string | null;
  readonly region: string | null;
  readonly group: string | null;
}

export const shouldTerminateReasons = ['needed', 'over capacity', 'launch config archived', 'none'] as const;
export type ShouldTerminateReason = (typeof shouldTerminateReasons)[number];

export interface ShouldTerminate {
  readonly terminate: boolean;
  readonly reason: ShouldTerminateReason;
  readonly decidedAt: number;
}
