import type { MachineState } from '../../domain/machine.js';
import type { Observed, QueueActivityFacts, RemoveRequest, StaticWorker } from '../../temporal/messages.js';

/**
 * What a message must be made of. An operator may send any by hand, and a handler that stumbles over one fails its
 * workflow task, again and again: the lifecycle would never act again.
 */

const machineStates: readonly unknown[] = [
  'pending',
  'running',
  'failed',
  'stopping',
  'gone',
] satisfies readonly MachineState[];

export const isRemoveRequest = (sent: unknown): sent is RemoveRequest => typeof fieldsOf(sent).reason === 'string';

export function isStaticWorker(sent: unknown): sent is StaticWorker {
  const { expires, capacity, secretFingerprint } = fieldsOf(sent);
  return isInstant(expires) && isCapacity(capacity) && typeof secretFingerprint === 'string';
}

export function isObserved(sent: unknown): sent is Observed {
  const { state, reason, at, resources, removing } = fieldsOf(sent);
  return (
    machineStates.includes(state) &&
    (reason === null || typeof reason === 'string') &&
    isInstant(at) &&
    (removing === undefined || typeof removing === 'boolean') &&
    Object.values(fieldsOf(resources)).every((each) => machineStates.includes(each))
  );
}

export function isQueueActivity(sent: unknown): sent is QueueActivityFacts {
  const { firstClaimAt, lastActiveAt, idle, quarantineUntil } = fieldsOf(sent);
  const instants = [firstClaimAt, lastActiveAt, quarantineUntil];
  return typeof idle === 'boolean' && instants.every((instant) => instant === null || isInstant(instant));
}

/** What a Date can hold. */
const isInstant = (value: unknown): boolean => Number.isInteger(value) && Math.abs(value as number) <= 8.64e15;

const isCapacity = (value: unknown): boolean =>
  Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 1_000_000;

/** Nothing has no fields. */
const fieldsOf = (sent: unknown): Readonly<Record<string, unknown>> => Object(sent ?? {}) as Record<string, unknown>;
