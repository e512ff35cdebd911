import { Refusal } from '../errors.js';
import { notFound } from './errors.js';
import type { Begun, Mutation } from './launch.js';
import { zonePath } from './places.js';
import type { GoogleStore } from './store.js';

/**
 * `instances.delete`, by number or name. A repetition with the same request id gets the same operation, done or not.
 */
export function deleteInstance(store: GoogleStore, call: Mutation, idOrName: string, nowMs: number): Begun {
  const { project, zone, requestId, user, disturbance } = call;
  const earlier = store.repeated(project, zone, 'delete', requestId);
  if (earlier) return { operation: earlier, repeated: true };
  const path = `${zonePath(project, zone)}/instances/${idOrName}`;
  const instance = store.find(project, zone, idOrName);
  if (!instance) throw notFound(path);
  const order = store.orderOf(instance);
  if (order.properties['deletionProtection'] === true) {
    throw new Refusal(
      'conditionNotMet',
      `Invalid resource usage: 'Resource cannot be deleted if it's protected against deletion. ${path}'.`,
      412,
    );
  }
  if (instance.deleting) {
    const message = `Operation rate exceeded for resource '${path}'. Too frequent operations from the source resource.`;
    throw new Refusal('rateLimitExceeded', message, 403);
  }
  const current = store.operation(instance.operation ?? '');
  if (current?.type === 'insert') {
    throw new Refusal('resourceNotReady', `The resource '${path}' is not ready`, 400);
  }
  const operation = store.begin(
    {
      ...{ project, zone, requestId, user, groupId: null, bulk: null, orderId: order.id },
      type: 'delete',
      target: { collection: 'instances', name: instance.name, id: instance.id },
      takesMs: disturbance.stuck ? null : store.times.deleteMs,
      ending: disturbance.errors,
    },
    nowMs,
  );
  instance.deleting = true;
  instance.operation = operation.name;
  // The guest is shut down first. Of a deletion that will fail it notices nothing.
  if (disturbance.errors.length === 0) store.silence(instance);
  return { operation, targets: [instance.id], order };
}

/** `disks.delete`: only what no machine uses. */
export function deleteDisk(store: GoogleStore, call: Mutation, idOrName: string, nowMs: number): Begun {
  const { project, zone, requestId, user, disturbance } = call;
  const earlier = store.repeated(project, zone, 'delete', requestId);
  if (earlier) return { operation: earlier, repeated: true };
  const path = `${zonePath(project, zone)}/disks/${idOrName}`;
  const disk = store.findDisk(project, zone, idOrName);
  if (!disk) throw notFound(path);
  if (disk.user !== null) {
    const message = `The disk resource '${path}' is already being used by an instance`;
    throw new Refusal('resourceInUseByAnotherResource', message, 400);
  }
  const operation = store.begin(
    {
      ...{ project, zone, requestId, user, groupId: null, bulk: null, orderId: null },
      type: 'delete',
      target: { collection: 'disks', name: disk.name, id: disk.id },
      takesMs: disturbance.stuck ? null : store.times.deleteMs,
      ending: disturbance.errors,
    },
    nowMs,
  );
  return { operation, targets: [disk.id] };
}
