import { randomBytes } from 'node:crypto';
import { addressIn } from '../addresses.js';
import type { Instance, InstanceState, Launch, StateReason } from './instance.js';

export interface CloudTimes {
  /** From the launch until the machine is `running`. */
  readonly pendingMs: number;
  /** From shutting-down to terminated. */
  readonly shutdownMs: number;
  /** How long new machines are missing from Describe answers. */
  readonly listDelayMs: number;
  /** How long terminated machines are still described. */
  readonly terminatedVisibleMs: number;
}

export interface CloudSnapshot {
  readonly sequence: number;
  readonly launches: readonly Launch[];
  readonly instances: readonly Instance[];
  readonly capacity: Readonly<Record<string, number>>;
}

/** "A client token is valid for at least 24 hours after the termination of the instance" (EC2 API idempotency). */
const TOKEN_LIFETIME_MS = 24 * 3600 * 1000;

/** All machines of all regions, and the launches that created them. */
export class Cloud {
  readonly times: CloudTimes;
  readonly #launches = new Map<string, Launch>();
  readonly #launchesByToken = new Map<string, Launch>();
  readonly #instances = new Map<string, Instance>();
  #capacity: Record<string, number> = {};
  #sequence = 0;

  constructor(times: CloudTimes) {
    this.times = times;
  }

  stateOf(instance: Instance, nowMs: number): InstanceState {
    if (instance.endingMs === null) {
      return nowMs < this.launchOf(instance).launchedMs + this.times.pendingMs ? 'pending' : 'running';
    }
    const over = nowMs >= instance.endingMs + instance.endingTakesMs;
    if (instance.ending === 'stop') return over ? 'stopped' : 'stopping';
    return over ? 'terminated' : 'shutting-down';
  }

  launchOf(instance: Instance): Launch {
    const launch = this.#launches.get(instance.reservationId);
    if (!launch) throw new Error(`instance ${instance.instanceId} has no launch`);
    return launch;
  }

  launchByToken(region: string, clientToken: string): Launch | undefined {
    return this.#launchesByToken.get(`${region} ${clientToken}`);
  }

  /** A machine that still exists for the cloud, however dead it may be. */
  find(instanceId: string, nowMs: number): Instance | undefined {
    const instance = this.#instances.get(instanceId);
    return instance && !this.#vanished(instance, nowMs) ? instance : undefined;
  }

  /** In order of creation. */
  *all(nowMs: number): Iterable<Instance> {
    for (const instance of this.#instances.values()) if (!this.#vanished(instance, nowMs)) yield instance;
  }

  /** Describe answers are eventually consistent: a machine appears in them some time after its launch. */
  listed(instance: Instance, nowMs: number): boolean {
    return nowMs >= this.launchOf(instance).launchedMs + this.times.listDelayMs;
  }

  /** Creates `count` machines; the order has been validated and the capacity checked. */
  launch(order: Omit<Launch, 'reservationId' | 'instanceIds'>, count: number): Instance[] {
    const reservationId = `r-${randomId()}`;
    const created: Instance[] = [];
    for (let launchIndex = 0; launchIndex < count; launchIndex++) {
      const sequence = ++this.#sequence;
      created.push({
        instanceId: `i-${randomId()}`,
        reservationId,
        region: order.region,
        sequence,
        launchIndex,
        privateIp: addressIn(10, sequence),
        endingMs: null,
        ending: 'terminate',
        endingTakesMs: this.times.shutdownMs,
        stateReason: null,
        vanishesMs: null,
      });
    }
    this.#keep({ ...order, reservationId, instanceIds: created.map((instance) => instance.instanceId) });
    for (const instance of created) this.#instances.set(instance.instanceId, instance);
    return created;
  }

  /** How many more machines of this type the region has room for. Both the region's and the type's limit count. */
  room(region: string, instanceType: string, nowMs: number): number {
    const ofRegion = this.#capacity[region] ?? Infinity;
    const ofType = this.#capacity[`${region}/${instanceType}`] ?? Infinity;
    if (ofRegion === Infinity && ofType === Infinity) return Infinity;
    let inRegion = 0;
    let inType = 0;
    for (const instance of this.all(nowMs)) {
      if (instance.region !== region || instance.endingMs !== null) continue;
      inRegion++;
      if (this.launchOf(instance).instanceType === instanceType) inType++;
    }
    return Math.max(0, Math.min(ofRegion - inRegion, ofType - inType));
  }

  /** Machines that may exist at once under `region` or `region/instanceType`; null: unlimited. */
  limit(place: string, machines: number | null): void {
    if (machines === null) delete this.#capacity[place];
    else this.#capacity[place] = machines;
  }

  /**
   * Sends a machine on its way out. A stopped machine can still be terminated; beyond that the first end stands.
   * `takesMs` 0: gone at once, as when a host fails.
   */
  end(instance: Instance, how: 'stop' | 'terminate', reason: StateReason, nowMs: number, takesMs?: number): boolean {
    if (instance.endingMs !== null && !(instance.ending === 'stop' && how === 'terminate')) return false;
    instance.endingMs = nowMs;
    instance.ending = how;
    instance.endingTakesMs = takesMs ?? this.times.shutdownMs;
    instance.stateReason = reason;
    return true;
  }

  /** Forgets what nobody can see any more. */
  purge(nowMs: number): void {
    for (const instance of this.#instances.values()) {
      if (this.#vanished(instance, nowMs)) this.#instances.delete(instance.instanceId);
    }
    for (const launch of this.#launches.values()) {
      const outlived = nowMs > launch.launchedMs + TOKEN_LIFETIME_MS;
      if (outlived && !launch.instanceIds.some((id) => this.#instances.has(id))) {
        this.#launches.delete(launch.reservationId);
        this.#launchesByToken.delete(`${launch.region} ${launch.clientToken}`);
      }
    }
  }

  snapshot(): CloudSnapshot {
    return {
      sequence: this.#sequence,
      launches: [...this.#launches.values()],
      instances: [...this.#instances.values()],
      capacity: this.#capacity,
    };
  }

  restore(snapshot: CloudSnapshot): void {
    this.#launches.clear();
    this.#launchesByToken.clear();
    this.#instances.clear();
    this.#sequence = snapshot.sequence;
    this.#capacity = { ...snapshot.capacity };
    for (const launch of snapshot.launches) this.#keep(launch);
    for (const instance of snapshot.instances) this.#instances.set(instance.instanceId, instance);
  }

  capacity(): Readonly<Record<string, number>> {
    return this.#capacity;
  }

  #keep(launch: Launch): void {
    this.#launches.set(launch.reservationId, launch);
    if (launch.clientToken !== null) this.#launchesByToken.set(`${launch.region} ${launch.clientToken}`, launch);
  }

  #vanished(instance: Instance, nowMs: number): boolean {
    if (instance.vanishesMs !== null) return nowMs >= instance.vanishesMs;
    if (instance.endingMs === null || instance.ending === 'stop') return false;
    return nowMs >= instance.endingMs + instance.endingTakesMs + this.times.terminatedVisibleMs;
  }
}

/** Seventeen hexadecimal digits, as EC2's resource ids have. */
const randomId = (): string => randomBytes(9).toString('hex').slice(0, 17);
