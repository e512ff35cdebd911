import { kindRules } from './kinds.js';
import type { Ending, Operation, Resource } from './resource.js';
import type { ArmStore } from './store.js';

/**
 * Begins to delete; a repetition gives the deletion that is under way. Throws a Refusal while something holds the
 * resource or it is still being created. A machine whose creation is stuck can be deleted; the creation then fails as
 * preempted.
 */
export function deleteResource(store: ArmStore, resource: Resource, ending: Ending, nowMs: number): Operation {
  const rules = kindRules[resource.kind];
  const running = store.operation(resource.operationId);
  if (running?.method === 'DELETE') return running;
  if (running) {
    if (running.dueMs !== null || resource.kind !== 'virtualMachines') throw rules.busy(resource);
    const message = 'The operation has been preempted by a more recent operation.';
    running.ending = { how: 'fail', failure: { code: 'OperationPreempted', message } };
    store.close(running, nowMs);
  }
  rules.mayDelete(resource);
  resource.state = 'Deleting';
  const { id: targetId, kind } = resource;
  const operation = store.begin(
    { method: 'DELETE', kind, targetId, takesMs: rules.deleteMs(store.times), ending },
    nowMs,
  );
  resource.operationId = operation.id;
  if (resource.machine) switchOff(store, resource, 'stopped');
  return operation;
}

/** The machine runs no more, whatever becomes of its record. */
export function switchOff(store: ArmStore, vm: Resource, power: 'stopped' | 'deallocated'): void {
  if (!vm.machine || vm.machine.power !== 'running') return;
  vm.machine.power = power;
  vm.machine.runningSinceMs = null;
  store.changes.ended.push(vm.name);
}
