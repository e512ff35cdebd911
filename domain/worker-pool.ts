/** Worker pools and launch configs as operators define them. */

export interface WorkerPool {
  readonly workerPoolId: string;
  readonly providerId: string;
  readonly description: string;
  readonly owner: string;
  readonly emailOnError: boolean;
  readonly created: number;
  readonly lastModified: number;
  /** As submitted, without `launchConfigs`. */
  readonly config: PoolConfig;
}

/** What every provider's pool config may hold beside its launch configs; providers validate the rest. */
export interface PoolConfig {
  readonly minCapacity?: number;
  readonly maxCapacity?: number;
  readonly scalingRatio?: number;
  /** Whether workers that are too many, or were replaced, are removed although they may be at work. */
  readonly forcedRemoval?: boolean;
  /** Whether launch configs whose machines the cloud takes back are used less. */
  readonly preferLongLived?: boolean;
  readonly lifecycle?: LifecycleSettings;
  readonly workerConfig?: Readonly<Record<string, unknown>>;
}

/** Seconds, as on the wire. */
export interface LifecycleSettings {
  readonly registrationTimeout?: number;
  readonly reregistrationTimeout?: number;
  readonly queueInactivityTimeout?: number;
}

export interface LaunchConfig {
  readonly workerPoolId: string;
  readonly launchConfigId: string;
  /** Each accepted change makes a new one; workers and launches point at the revision they were created from. */
  readonly revision: number;
  readonly isArchived: boolean;
  /** Exactly as submitted. */
  readonly configuration: LaunchConfiguration;
  readonly created: number;
  readonly lastModified: number;
}

export interface LaunchConfiguration {
  readonly workerManager?: LaunchConfigSettings;
  /** Deprecated sibling of `workerManager.capacityPerInstance`. */
  readonly capacityPerInstance?: number;
  readonly workerConfig?: Readonly<Record<string, unknown>>;
  readonly [property: string]: unknown;
}

export interface LaunchConfigSettings {
  readonly launchConfigId?: string;
  readonly capacityPerInstance?: number;
  /** 0..1; 0 means never. */
  readonly initialWeight?: number;
  /** 0 means none. */
  readonly maxCapacity?: number;
  readonly [property: string]: unknown;
}

export const capacityPerInstance = (configuration: LaunchConfiguration): number =>
  configuration.workerManager?.capacityPerInstance ?? configuration.capacityPerInstance ?? 1;
