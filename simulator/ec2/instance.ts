/** What one RunInstances call requested; kept once for all machines that it created. */
export interface Launch {
  readonly reservationId: string;
  readonly region: string;
  /** Null when the caller gave none. */
  readonly clientToken: string | null;
  readonly parametersHash: string;
  readonly imageId: string;
  readonly instanceType: string;
  readonly availabilityZone: string;
  readonly architecture: string;
  readonly spot: boolean;
  /** Its spot request outlives its machine. */
  readonly isSpotPersistent: boolean;
  readonly shutdownBehaviour: 'stop' | 'terminate';
  readonly isTerminationProtected: boolean;
  /** Device names of volumes that outlive their machine. */
  readonly keptVolumes: readonly string[];
  /** Positions of network interfaces that outlive their machine. */
  readonly keptInterfaces: readonly number[];
  readonly tags: readonly Tag[];
  readonly subnetId: string | null;
  readonly groupIds: readonly string[];
  /** Base64 as it was sent; empty when there is none. */
  readonly userData: string;
  readonly launchedMs: number;
  readonly instanceIds: readonly string[];
}

export interface Tag {
  readonly key: string;
  readonly value: string;
}

export interface StateReason {
  readonly code: string;
  readonly message: string;
}

/**
 * A machine. Its state is never stored: it follows from these instants and the clock, so a restart loses no transition
 * and nothing has to be woken for one.
 */
export interface Instance {
  readonly instanceId: string;
  readonly reservationId: string;
  readonly region: string;
  /** Order of creation in the whole simulator; paging follows it. */
  readonly sequence: number;
  readonly launchIndex: number;
  readonly privateIp: string;
  /** When it began to end, whoever ended it; null while it lives. */
  endingMs: number | null;
  /** Whether it ends as stopped (an ordinary shutdown from inside) or as terminated. */
  ending: 'stop' | 'terminate';
  /** How long the way out takes. */
  endingTakesMs: number;
  stateReason: StateReason | null;
  /** When it disappears from every answer; null: as long after the end as the options say. */
  vanishesMs: number | null;
}

export type InstanceState = 'pending' | 'running' | 'shutting-down' | 'terminated' | 'stopping' | 'stopped';

/** EC2's numbers for its states (InstanceState in the API reference). */
export const stateCodes: Record<InstanceState, number> = {
  pending: 0,
  running: 16,
  'shutting-down': 32,
  terminated: 48,
  stopping: 64,
  stopped: 80,
};
