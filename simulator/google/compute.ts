import { Clockwork } from '../clockwork.js';
import type { RequestLog } from '../request-log.js';
import { endOperation, isSpot, type Effects } from './endings.js';
import { regionOf } from './places.js';
import type { Ending, Instance, Operation, OperationType } from './resource.js';
import type { GoogleStore } from './store.js';

/** Compute Engine: its memory, and the operations that end as time passes. */
export class Compute {
  readonly store: GoogleStore;
  readonly #log: RequestLog;
  readonly #waiting = new Map<string, (() => void)[]>();
  readonly #clockwork: Clockwork<Operation>;

  /** `onMachines` gets those that began to boot or ceased. */
  constructor(
    store: GoogleStore,
    log: RequestLog,
    onMachines: (booting: readonly Instance[], ended: readonly string[]) => void,
  ) {
    this.store = store;
    this.#log = log;
    this.#clockwork = new Clockwork({
      running: () => store.running(),
      end: (operation, atMs) => this.#end(operation, atMs),
      report: () => {
        const { booting, ended } = store.changes;
        if (booting.length + ended.length > 0) onMachines(booting.splice(0), ended.splice(0));
      },
    });
  }

  /** Ends what is due, then lets `act` change things. */
  run<T>(act: (store: GoogleStore, nowMs: number) => T): T {
    return this.#clockwork.run((nowMs) => act(this.store, nowMs));
  }

  /** Ends an operation now, as it was to end or with other errors; false when it has ended. */
  end(name: string, errors?: Ending): boolean {
    return this.run((store, nowMs) => {
      const operation = store.operation(name);
      if (operation?.status !== 'RUNNING') return false;
      this.#end(operation, nowMs, errors);
      return true;
    });
  }

  /** Resolves when the operation has ended, or after the time. */
  async ended(name: string, timeoutMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.run((store) => {
      if (store.operation(name)?.status !== 'RUNNING') return resolve();
      this.#waiting.set(name, [...(this.#waiting.get(name) ?? []), resolve]);
    });
    const timer = setTimeout(resolve, timeoutMs);
    await promise;
    clearTimeout(timer);
  }

  /** Google preempts the machine, or its host fails. */
  preempt(instance: Instance): void {
    const spot = isSpot(this.store, instance);
    this.#stop(instance, spot ? 'compute.instances.preempted' : 'compute.instances.hostError');
  }

  /** As `shutdown` inside the machine does: it stops, and goes on costing its disks. */
  shutDown(instance: Instance): void {
    this.#stop(instance, 'compute.instances.guestTerminate');
  }

  /** It is gone at once, and no operation tells why. */
  vanish(instance: Instance): void {
    this.run((store) => store.forget(instance));
  }

  start(): void {
    this.run((store) => {
      for (const instance of store.instances()) {
        if (!instance.ghost && !instance.silent) store.changes.booting.push(instance);
      }
    });
  }

  stop(): void {
    this.#clockwork.stop();
  }

  #stop(instance: Instance, type: OperationType): void {
    this.run((store, nowMs) => {
      if (instance.power !== 'on' || !store.instance(instance.id)) return;
      const { project, zone } = store.orderOf(instance);
      instance.power = 'stopping';
      store.silence(instance);
      store.begin(
        {
          ...{ project, zone, type, groupId: null, requestId: null, bulk: null, ending: [], orderId: instance.orderId },
          user: 'system',
          target: { collection: 'instances', name: instance.name, id: instance.id },
          takesMs: store.times.stopMs,
        },
        nowMs,
      );
    });
  }

  #end(operation: Operation, atMs: number, errors?: Ending): void {
    const { store } = this;
    const order = store.order(operation.orderId);
    const effects = endOperation(store, operation, atMs, errors);
    for (const resolve of this.#waiting.get(operation.name) ?? []) resolve();
    this.#waiting.delete(operation.name);
    // Insertions that belong to a bulk are part of its line.
    if (operation.type === 'insert' && operation.groupId !== null) return;
    const { name, project, zone, target, requestId, startedMs } = operation;
    this.#log.write({
      kind: 'gce',
      operation: `end of ${titleOf(operation)}`,
      outcome: operation.errors[0]?.code ?? 'ok',
      operationId: name,
      requestId,
      project,
      zone,
      region: regionOf(zone),
      name: target?.name ?? null,
      targetId: target?.id ?? null,
      labels: order?.labels ?? {},
      workerPoolId: order?.workerPoolId ?? null,
      tookMs: atMs - startedMs,
      ...shown(effects),
    });
  }
}

const titleOf = ({ type, target }: Operation): string =>
  type.startsWith('compute.') ? type.slice('compute.'.length) : `${target?.collection ?? 'instances'}.${type}`;

const shown = (effects: Effects): Partial<Effects> =>
  Object.fromEntries(Object.entries(effects).filter(([, value]) => Object.keys(value as object).length > 0));
