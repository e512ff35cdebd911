import { Clockwork } from '../clockwork.js';
import type { RequestLog } from '../request-log.js';
import { switchOff } from './delete-resource.js';
import { endDeployment, endStep } from './deployments.js';
import { releaseMachine } from './machine-kinds.js';
import { releaseInterface } from './network-kinds.js';
import type { Ending, Operation, Resource } from './resource.js';
import type { ArmSnapshot, ArmStore } from './store.js';

export const emptyArm: ArmSnapshot = { sequence: 0, groups: [], resources: [], deployments: [], operations: [] };

/** Azure Resource Manager: its memory, and the operations that end as time passes. */
export class Arm {
  readonly store: ArmStore;
  readonly #log: RequestLog;
  readonly #clockwork: Clockwork<Operation>;

  /** `onMachines` gets those that began to run or ceased. */
  constructor(
    store: ArmStore,
    log: RequestLog,
    onMachines: (running: readonly Resource[], ended: readonly string[]) => void,
  ) {
    this.store = store;
    this.#log = log;
    this.#clockwork = new Clockwork({
      running: () => store.pending(),
      end: (operation, atMs) => this.#end(operation, atMs),
      report: () => {
        const { running, ended } = store.changes;
        if (running.length + ended.length > 0) onMachines(running.splice(0), ended.splice(0));
      },
    });
  }

  /** Ends what is due, then lets `act` change things. */
  run<T>(act: (store: ArmStore, nowMs: number) => T): T {
    return this.#clockwork.run((nowMs) => act(this.store, nowMs));
  }

  /** Ends an operation now, in the way it was to end or in another; nothing when it has ended. */
  end(operationId: string, ending: Ending): boolean {
    return this.run((store, nowMs) => {
      const operation = store.operation(operationId);
      if (operation?.status !== 'InProgress') return false;
      operation.ending = ending;
      this.#end(operation, nowMs);
      return true;
    });
  }

  /** The host fails, or the machine is evicted or shuts itself down: the record stays. */
  stopMachine(vm: Resource, power: 'stopped' | 'deallocated'): void {
    this.run((store) => switchOff(store, vm, power));
  }

  /** Azure forgets the machine at once; what it held stays. */
  vanish(vm: Resource): void {
    this.run((store) => {
      switchOff(store, vm, 'stopped');
      for (const resource of [...store.resources()].filter(({ usedBy }) => usedBy === vm.id)) {
        // An extension is a part of its machine's record.
        if (resource.kind === 'extensions') store.forget(resource);
        else resource.usedBy = null;
      }
      store.forget(vm);
    });
  }

  start(): void {
    this.run(() => undefined);
  }

  stop(): void {
    this.#clockwork.stop();
  }

  #end(operation: Operation, atMs: number): void {
    const { store } = this;
    store.close(operation, atMs);
    const deleted: string[] = [];
    const resource = store.resource(operation.targetId);
    if (operation.kind === 'deployments') {
      endDeployment(store, operation, atMs);
      if (operation.method === 'DELETE' && operation.status === 'Succeeded') deleted.push(operation.targetId);
    } else if (resource?.operationId === operation.id) {
      deleted.push(...this.#finishOperation(resource, operation, atMs));
    }
    const { id, method, kind, targetId, deploymentId, failure, startedMs } = operation;
    this.#log.write({
      kind: 'arm',
      operation: `end of ${method} ${kind}`,
      outcome: failure?.code ?? 'Succeeded',
      operationId: id,
      name: targetId.split('/').at(-1) ?? '',
      resourceId: targetId,
      deploymentId,
      tags: resource?.tags ?? store.deployment(targetId)?.tags ?? {},
      tookMs: atMs - startedMs,
      ...(deleted.length > 0 && { deleted }),
    });
    endStep(store, operation, atMs);
  }

  /** The effects on the resource; gives the ids of what is gone. */
  #finishOperation(resource: Resource, { method, ending, failure }: Operation, atMs: number): string[] {
    const { store } = this;
    resource.operationId = null;
    resource.failure = failure;
    if (failure) resource.state = 'Failed';
    if (method === 'PUT') {
      if (!failure) resource.state = 'Succeeded';
      const { machine } = resource;
      if (machine && machine.power === 'off' && (!failure || ending.how === 'fail-running')) {
        machine.power = 'running';
        machine.runningSinceMs = atMs;
        store.changes.running.push(resource);
      }
      return [];
    }
    if (failure) return [];
    store.forget(resource);
    if (resource.kind === 'virtualMachines') return [resource.id, ...releaseMachine(store, resource)];
    if (resource.kind === 'networkInterfaces') releaseInterface(store, resource);
    return [resource.id];
  }
}
