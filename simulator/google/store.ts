import { randomBytes, randomUUID } from 'node:crypto';
import type { Disk, Ending, Instance, Operation, Order } from './resource.js';

export interface GoogleTimes {
  /** From an insertion's acceptance to its operation's end. */
  readonly insertMs: number;
  readonly deleteMs: number;
  /** From STOPPING to TERMINATED, or gone, where no deletion was requested. */
  readonly stopMs: number;
  /** From acceptance to RUNNING, whatever the operation does. */
  readonly runningMs: number;
  /** How long new machines are missing from lists. */
  readonly listDelayMs: number;
  /** After its end an operation, and with it its request id, is known for so long. */
  readonly operationKeptMs: number;
}

export interface Quota {
  readonly limit: number;
  /** Where the excess is refused: at once, or by the operation. */
  readonly as: 'http' | 'operation';
}

export type Unreachable = 'warning' | 'refuse';

export interface GoogleSnapshot {
  readonly sequence: number;
  readonly orders: readonly Order[];
  readonly instances: readonly Instance[];
  readonly disks: readonly Disk[];
  readonly operations: readonly Operation[];
  readonly accounts: readonly string[];
}

/** Names of the disks of a machine that is gone. */
export interface Remains {
  readonly deletedDisks: string[];
  readonly leftDisks: string[];
}

export const emptyGoogle: GoogleSnapshot = {
  sequence: 0,
  orders: [],
  instances: [],
  disks: [],
  operations: [],
  accounts: [],
};

export type NewOperation = Pick<
  Operation,
  'project' | 'zone' | 'type' | 'groupId' | 'requestId' | 'orderId' | 'user' | 'target' | 'bulk'
> & {
  /** Null: it is stuck. */
  readonly takesMs: number | null;
  readonly ending: Ending;
};

/** Everything that Compute Engine knows, in memory. */
export class GoogleStore {
  readonly times: GoogleTimes;
  readonly projects: readonly string[];
  readonly zones: readonly string[];
  /** Whether machines that fail are listed until then. */
  ghosts: boolean;
  /** Machines that began to boot or ceased since somebody last took these. */
  readonly changes = { booting: [] as Instance[], ended: [] as string[] };
  readonly quotas = new Map<string, Quota>();
  readonly unreachable = new Map<string, Unreachable>();
  /** E-mail addresses of service accounts beside those that every project has. */
  readonly accounts = new Set<string>();
  readonly #orders = new Map<string, Order>();
  readonly #instances = new Map<string, Instance>();
  readonly #disks = new Map<string, Disk>();
  readonly #operations = new Map<string, Operation>();
  readonly #running = new Set<Operation>();
  /** Of this place, how many more machines of the type the controls' capacity lets live. */
  readonly capacity: () => Readonly<Record<string, number>>;
  #sequence = 0;

  constructor(
    given: { times: GoogleTimes; projects: readonly string[]; zones: readonly string[]; ghosts: boolean },
    capacity: () => Readonly<Record<string, number>>,
  ) {
    this.times = given.times;
    this.projects = given.projects;
    this.zones = given.zones;
    this.ghosts = given.ghosts;
    this.capacity = capacity;
  }

  nextSequence(): number {
    return ++this.#sequence;
  }

  order(id: string | null): Order | undefined {
    return this.#orders.get(id ?? '');
  }

  orderOf(instance: Instance): Order {
    const order = this.#orders.get(instance.orderId);
    if (!order) throw new Error(`instance ${instance.id} has no order`);
    return order;
  }

  keepOrder(order: Order): void {
    this.#orders.set(order.id, order);
  }

  instance(id: string): Instance | undefined {
    return this.#instances.get(id);
  }

  /** By number or name, as the API takes either. */
  find(project: string, zone: string, idOrName: string): Instance | undefined {
    const byId = this.#instances.get(idOrName);
    if (byId && this.#isIn(byId, project, zone)) return byId;
    for (const instance of this.#instances.values()) {
      if (instance.name === idOrName && this.#isIn(instance, project, zone)) return instance;
    }
    return undefined;
  }

  keep(instance: Instance): void {
    this.#instances.set(instance.id, instance);
    if (!instance.ghost) this.changes.booting.push(instance);
  }

  /** What runs in the machine ends. */
  silence(instance: Instance): void {
    if (!instance.ghost && !instance.silent) this.changes.ended.push(instance.id);
    instance.silent = true;
  }

  /** The machine is gone, and with it the disks that go along. Names of those, and of those that stay. */
  forget(instance: Instance, everyDisk = false): Remains {
    this.#instances.delete(instance.id);
    this.silence(instance);
    const deletedDisks: string[] = [];
    const leftDisks: string[] = [];
    for (const id of instance.disks) {
      const disk = this.#disks.get(id);
      if (!disk) continue;
      disk.user = null;
      const goes = disk.autoDelete || everyDisk;
      if (goes) this.#disks.delete(disk.id);
      (goes ? deletedDisks : leftDisks).push(disk.name);
    }
    return { deletedDisks, leftDisks };
  }

  /** In order of creation. */
  instances(): Iterable<Instance> {
    return this.#instances.values();
  }

  disks(): Iterable<Disk> {
    return this.#disks.values();
  }

  disksOf(instance: Instance): Disk[] {
    return instance.disks.flatMap((id) => this.#disks.get(id) ?? []);
  }

  findDisk(project: string, zone: string, idOrName: string): Disk | undefined {
    for (const disk of this.#disks.values()) {
      if (disk.project === project && disk.zone === zone && [disk.id, disk.name].includes(idOrName)) return disk;
    }
    return undefined;
  }

  keepDisk(disk: Disk): void {
    this.#disks.set(disk.id, disk);
  }

  forgetDisk(disk: Disk): void {
    this.#disks.delete(disk.id);
  }

  operation(name: string): Operation | undefined {
    return this.#operations.get(name);
  }

  operations(): Iterable<Operation> {
    return this.#operations.values();
  }

  /** In the order in which they began. */
  running(): Iterable<Operation> {
    return this.#running;
  }

  /** The operation of an earlier call with the same request id; the body is not compared. */
  repeated(project: string, zone: string, type: Operation['type'], requestId: string | null): Operation | undefined {
    if (requestId === null) return undefined;
    for (const one of this.#operations.values()) {
      if (one.requestId !== requestId || one.hidden || one.type !== type) continue;
      if (one.project === project && one.zone === zone) return one;
    }
    return undefined;
  }

  begin(given: NewOperation, nowMs: number): Operation {
    const { takesMs, ...rest } = given;
    const operation: Operation = {
      ...rest,
      name: `operation-${nowMs}-${randomBytes(7).toString('hex').slice(0, 13)}-${hex(4)}-${hex(4)}`,
      id: newId(),
      sequence: this.nextSequence(),
      startedMs: nowMs,
      dueMs: takesMs === null ? null : nowMs + takesMs,
      status: 'RUNNING',
      errors: [],
      endedMs: null,
      hidden: false,
      undone: 0,
    };
    this.#operations.set(operation.name, operation);
    this.#running.add(operation);
    return operation;
  }

  /** Marks it ended; its effects are the caller's business. */
  close(operation: Operation, errors: Ending, atMs: number): void {
    operation.errors = errors;
    operation.status = 'DONE';
    operation.endedMs = atMs;
    this.#running.delete(operation);
  }

  /** Forgets operations that ended `keptMs` ago, a bulk with its insertions, and orders that nobody needs any more. */
  purge(nowMs: number, keptMs = this.times.operationKeptMs): void {
    const groups = new Set<string | null>();
    for (const operation of this.#operations.values()) {
      if (isPart(operation)) continue;
      const { name, endedMs, hidden, groupId } = operation;
      if (endedMs !== null && (hidden || nowMs >= endedMs + keptMs)) this.#operations.delete(name);
      else groups.add(groupId);
    }
    for (const operation of this.#operations.values()) {
      if (isPart(operation) && !groups.has(operation.groupId)) this.#operations.delete(operation.name);
    }
    const used = new Set([...this.#instances.values(), ...this.#running].map(({ orderId }) => orderId));
    for (const id of this.#orders.keys()) if (!used.has(id)) this.#orders.delete(id);
  }

  snapshot(): GoogleSnapshot {
    return {
      sequence: this.#sequence,
      orders: [...this.#orders.values()],
      instances: [...this.#instances.values()],
      disks: [...this.#disks.values()],
      operations: [...this.#operations.values()],
      accounts: [...this.accounts],
    };
  }

  restore(snapshot: GoogleSnapshot): void {
    for (const map of [this.#orders, this.#instances, this.#disks, this.#operations, this.#running]) map.clear();
    for (const control of [this.quotas, this.unreachable, this.accounts]) control.clear();
    this.changes.booting.splice(0);
    this.changes.ended.splice(0);
    this.#sequence = snapshot.sequence;
    for (const order of snapshot.orders) this.#orders.set(order.id, order);
    for (const instance of snapshot.instances) this.#instances.set(instance.id, instance);
    for (const disk of snapshot.disks) this.#disks.set(disk.id, disk);
    for (const email of snapshot.accounts) this.accounts.add(email);
    for (const operation of snapshot.operations) {
      this.#operations.set(operation.name, operation);
      if (operation.status === 'RUNNING') this.#running.add(operation);
    }
  }

  #isIn(instance: Instance, project: string, zone: string): boolean {
    const order = this.orderOf(instance);
    return order.project === project && order.zone === zone;
  }
}

/** An insertion of a bulk. */
const isPart = ({ type, groupId }: Operation): boolean => type === 'insert' && groupId !== null;

const hex = (bytes: number): string => randomBytes(bytes).toString('hex');

/** A positive 64-bit number that no JavaScript number can hold exactly. */
export const newId = (): string => ((1n << 62n) | (randomBytes(8).readBigUInt64BE() >> 2n)).toString();

export const newGroupId = (): string => randomUUID();
