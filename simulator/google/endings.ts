import { objectAt } from '../members.js';
import { minCountNotReached } from './errors.js';
import type { Ending, Instance, Operation } from './resource.js';
import type { GoogleStore, Remains } from './store.js';

/** What the end of an operation changed, for the log. */
export interface Effects {
  readonly created: string[];
  /** By the machine's id the code with which its insertion failed. */
  readonly failed: Record<string, string>;
  readonly deleted: string[];
  readonly deletedDisks: string[];
  readonly leftDisks: string[];
}

/** Ends an operation as it was meant to end, or with other errors. */
export function endOperation(store: GoogleStore, operation: Operation, atMs: number, errors?: Ending): Effects {
  const effects: Effects = { created: [], failed: {}, deleted: [], deletedDisks: [], leftDisks: [] };
  if (operation.bulk) endBulk(store, operation, atMs, effects, errors);
  else endSingle(store, operation, atMs, effects, errors ?? operation.ending);
  return effects;
}

function endSingle(store: GoogleStore, operation: Operation, atMs: number, effects: Effects, errors: Ending): void {
  store.close(operation, errors, atMs);
  const id = operation.target?.id ?? '';
  if (operation.target?.collection === 'disks') {
    const disk = store.findDisk(operation.project, operation.zone, id);
    if (!disk || errors.length > 0) return;
    store.forgetDisk(disk);
    effects.deletedDisks.push(disk.name);
    return;
  }
  const instance = store.instance(id);
  if (operation.type === 'insert') return settleInsertion(store, instance, id, errors, effects);
  if (!instance) return;
  if (instance.operation === operation.name) instance.operation = null;
  if (operation.type === 'delete') {
    instance.deleting = false;
    if (errors.length === 0) remove(store, instance, effects);
    return;
  }
  if (operation.type === 'compute.instances.preempted' && terminationAction(store, instance) === 'DELETE') {
    return remove(store, instance, effects);
  }
  instance.power = 'off';
}

/** A machine that has vanished meanwhile was created all the same. */
function settleInsertion(
  store: GoogleStore,
  instance: Instance | undefined,
  id: string,
  errors: Ending,
  effects: Effects,
): void {
  if (instance) instance.operation = null;
  const [error] = errors;
  if (!error) {
    effects.created.push(id);
    return;
  }
  effects.failed[id] = error.code;
  if (instance) store.forget(instance, true);
}

/** Fewer than the bulk's minimum: those that were created are deleted again. */
function endBulk(store: GoogleStore, operation: Operation, atMs: number, effects: Effects, errors?: Ending): void {
  const children = childrenOf(store, operation);
  for (const child of children) {
    if (child.status === 'RUNNING') endSingle(store, child, atMs, effects, errors ?? child.ending);
    else note(child, effects);
  }
  const minCount = operation.bulk?.minCount ?? 0;
  const created = effects.created.length;
  if (created >= Math.max(1, minCount)) return store.close(operation, [], atMs);
  const causes = new Map(children.flatMap((child) => child.errors).map((error) => [error.code, error]));
  const summary = minCountNotReached(created, minCount);
  causes.delete(summary.code);
  for (const id of effects.created) {
    const instance = store.instance(id);
    if (!instance) continue;
    store.forget(instance, true);
    effects.deleted.push(id);
    operation.undone++;
  }
  store.close(operation, [summary, ...causes.values()], atMs);
}

/** An insertion that ended before its bulk did. */
function note({ target, errors }: Operation, effects: Effects): void {
  const id = target?.id ?? '';
  if (errors[0]) effects.failed[id] = errors[0].code;
  else effects.created.push(id);
}

export const childrenOf = (store: GoogleStore, operation: Operation): Operation[] =>
  (operation.bulk?.children ?? []).flatMap((name) => store.operation(name) ?? []);

function remove(store: GoogleStore, instance: Instance, effects: Effects): void {
  const { deletedDisks, leftDisks }: Remains = store.forget(instance);
  effects.deleted.push(instance.id);
  effects.deletedDisks.push(...deletedDisks);
  effects.leftDisks.push(...leftDisks);
}

/** What Google does with a machine that it preempts; without a word it stops it. */
const terminationAction = (store: GoogleStore, instance: Instance): string => {
  const action = objectAt(store.orderOf(instance).properties, 'scheduling')['instanceTerminationAction'];
  return typeof action === 'string' ? action.toUpperCase() : 'STOP';
};

export const isSpot = (store: GoogleStore, instance: Instance): boolean => {
  const { provisioningModel, preemptible } = objectAt(store.orderOf(instance).properties, 'scheduling');
  return preemptible === true || (typeof provisioningModel === 'string' && provisioningModel.toUpperCase() === 'SPOT');
};
