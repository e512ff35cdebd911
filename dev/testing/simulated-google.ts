import type { SimulatorHandle } from './simulator.js';

export const googleProject = 'simulated-project';

/** What exists in Google's cloud, as its API shows it; `ghost`: it will vanish when its creation fails. */
export interface GoogleState {
  readonly instances: readonly {
    readonly id: string;
    readonly name: string;
    readonly zone: string;
    readonly status: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly ghost: boolean;
  }[];
  readonly disks: readonly {
    readonly id: string;
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly users: readonly string[];
  }[];
  /** Those that run. */
  readonly operations: readonly { readonly name: string; readonly operationType: string; readonly targetId?: string }[];
}

export interface ServiceAccountKey {
  readonly client_email: string;
  readonly private_key: string;
  readonly private_key_id: string;
}

/** The controls of a simulator that only Google's machines have. */
export class SimulatedGoogle {
  readonly #simulator: SimulatorHandle;

  constructor(simulator: SimulatorHandle) {
    this.#simulator = simulator;
  }

  state(): Promise<GoogleState> {
    return this.#simulator.control('GET', 'google/state');
  }

  /** The account that the machines of the first project run as. */
  serviceAccount(): Promise<{ email: string; uniqueId: string }> {
    return this.#simulator.control('GET', 'google/service-account');
  }

  addServiceAccount(email: string): Promise<{ email: string; uniqueId: string }> {
    return this.#simulator.control('POST', 'google/service-accounts', { email });
  }

  /** A key file with which the simulator's services accept assertions of the account. */
  keyFile(email: string): Promise<ServiceAccountKey> {
    return this.#simulator.control('POST', 'google/key-file', { email });
  }

  /** A new key signs identity tokens from now on; the older ones stay known unless they are dropped. */
  rotateKeys(options: { drop?: boolean } = {}): Promise<unknown> {
    return this.#simulator.control('POST', 'google/keys', options);
  }

  /** At most so many machines, or virtual CPUs, in the region; null lifts the limit. */
  setQuota(quota: {
    region: string;
    metric: 'INSTANCES' | 'CPUS';
    limit: number | null;
    as?: 'http' | 'operation';
  }): Promise<unknown> {
    return this.#simulator.control('POST', 'google/quota', quota);
  }

  /** `warning`: lists say that the zone is missing from them; `refuse`: every call about it fails. */
  setZone(zone: string, unreachable: 'warning' | 'refuse' | null): Promise<unknown> {
    return this.#simulator.control('POST', 'google/zones', { zone, unreachable });
  }

  /** Whether machines that fail to be created are listed until then. */
  listGhosts(listed: boolean): Promise<unknown> {
    return this.#simulator.control('POST', 'google/ghosts', { listed });
  }

  /** Calls in one window of each project and region, and how many operations may run at once. */
  setLimits(
    limits:
      | { like: 'compute' }
      | Partial<
          Record<'mutations' | 'reads' | 'lists' | 'operationReads' | 'heavyReads' | 'concurrentOperations', number>
        >,
  ): Promise<unknown> {
    return this.#simulator.control('POST', 'google/limits', limits);
  }

  /** Makes a machine show any status; null: its own again. */
  setStatus(instanceId: string, status: string | null): Promise<unknown> {
    return this.#simulator.control('POST', `google/status/${instanceId}`, { status });
  }

  /** Somebody takes the machine's labels away. */
  takeLabels(instanceId: string): Promise<unknown> {
    return this.#simulator.control('POST', `google/status/${instanceId}`, { unlabelled: true });
  }

  /** Ended operations, and their request ids, are forgotten as if an hour had passed. */
  forgetOperations(): Promise<unknown> {
    return this.#simulator.control('POST', 'google/forget-operations', {});
  }

  /** A machine's identity token; with other claims or another signature what a forger might send. */
  identityToken(
    instanceId: string,
    options: {
      audience?: string;
      claims?: Readonly<Record<string, unknown>>;
      computeEngine?: Readonly<Record<string, unknown>>;
      /** Without what is said about project and machine. */
      standard?: boolean;
      signedBy?: 'google' | 'unknown key' | 'forged' | 'none';
    } = {},
  ): Promise<{ token: string }> {
    return this.#simulator.control('POST', `machines/${instanceId}/document`, options);
  }
}
