import { ApplicationFailure } from '@temporalio/workflow';
import { endCauses } from '../../domain/backoff.js';
import { acceptsRegistration } from '../../domain/lifecycle.js';
import type { MachineState } from '../../domain/machine.js';
import {
  type LifecycleInput,
  type LifecycleState,
  type Observed,
  type QueueActivity,
  REFUSED,
  type RegisterRequest,
  type RemoveRequest,
  type ReregisterRequest,
  type StaticWorker,
} from '../../temporal/messages.js';

/**
 * What a lifecycle lets in. An operator may send any message by hand, and a handler that stumbles over one fails its
 * workflow task, again and again: the lifecycle would never act again. What it lets in can be stored: a row that the
 * database refuses for good could never say stopping.
 */

/** What a request is judged by. */
type JudgedLifecycle = Readonly<
  Pick<LifecycleState, 'state' | 'stop' | 'registeredAt' | 'secretGeneration' | 'previousSecretAccepted'>
> & { readonly input: Pick<LifecycleInput, 'static'> };

export function assertRegisters(lifecycle: JudgedLifecycle, { credentialsUsed }: RegisterRequest): void {
  // guard(no-registration-after-a-removal): false
  if (lifecycle.stop) throw refused('the worker is stopping');
  // A static worker runs from the start and proves itself with its secret, as often as it likes.
  // guard(static-workers-register-again): false
  if (lifecycle.input.static) return;
  const verdict = acceptsRegistration({
    state: lifecycle.state,
    registeredAtMs: lifecycle.registeredAt,
    credentialsUsed,
    nowMs: Date.now(),
  });
  // guard(registration-is-accepted-by-rule): false
  if (!verdict.ok) throw refused(verdict.reason);
}

export function assertReregisters(lifecycle: JudgedLifecycle, { secretGeneration }: ReregisterRequest): void {
  // guard(only-running-workers-reregister): false
  if (lifecycle.state !== 'running' || lifecycle.stop) throw refused('the worker is not running');
  const isCurrent = secretGeneration === lifecycle.secretGeneration && secretGeneration > 0;
  const isPrevious = lifecycle.previousSecretAccepted && secretGeneration === lifecycle.secretGeneration - 1;
  // guard(replaced-secrets-are-refused): false
  if (!isCurrent && !isPrevious) throw refused('the secret has been replaced');
}

export function assertRemoves(request: RemoveRequest): void {
  // guard(removals-have-a-storable-reason): false
  if (!isStorable(fieldsOf(request).reason)) throw refused(`a removal needs a reason: ${STORABLE}`);
}

export function assertChanges(lifecycle: JudgedLifecycle, next: StaticWorker): void {
  if (!isStaticWorker(next)) throw refused(`a change needs expires, capacity and secretFingerprint: ${STORABLE}`);
  // guard(only-static-workers-change): false
  if (!lifecycle.input.static) throw refused('only static workers can be changed');
  if (lifecycle.state !== 'running' || lifecycle.stop) throw refused('the worker is not running');
}

export const refused = (reason: string): ApplicationFailure => ApplicationFailure.nonRetryable(reason, REFUSED);

export const MAX_TEXT_LENGTH = 1_000;
const STORABLE = `text of at most ${MAX_TEXT_LENGTH} characters, without NUL`;

function isStorable(sent: unknown): sent is string {
  return typeof sent === 'string' && sent.length <= MAX_TEXT_LENGTH && !sent.includes('\0') && sent.isWellFormed();
}

const machineStates: readonly unknown[] = [
  'pending',
  'running',
  'failed',
  'stopping',
  'gone',
] satisfies readonly MachineState[];
const causes: readonly unknown[] = endCauses;

function isStaticWorker(sent: unknown): sent is StaticWorker {
  const { expires, capacity, secretFingerprint } = fieldsOf(sent);
  return isInstant(expires) && isCapacity(capacity) && isStorable(secretFingerprint);
}

/** No machine consists of more; each run hands its resources on to the next. */
const MAX_RESOURCES = 50;

/** A scan's observation, its reason as it can be stored: a signal cannot be refused. Null when it makes no sense. */
export function observationOf(sent: unknown): Observed | null {
  if (!isObserved(sent)) return null;
  return sent.reason === null ? sent : { ...sent, reason: storable(sent.reason) };
}

function isObserved(sent: unknown): sent is Observed {
  const { state, reason, cause, at, resources, removing } = fieldsOf(sent);
  const seen = Object.entries(fieldsOf(resources));
  return (
    machineStates.includes(state) &&
    (reason === null || typeof reason === 'string') &&
    (cause === undefined || causes.includes(cause)) &&
    isInstant(at) &&
    (removing === undefined || typeof removing === 'boolean') &&
    seen.length <= MAX_RESOURCES &&
    seen.every(([step, each]) => step.length <= 100 && machineStates.includes(each))
  );
}

const storable = (text: string): string => text.replaceAll('\0', '').slice(0, MAX_TEXT_LENGTH).toWellFormed();

export function isQueueActivity(sent: unknown): sent is QueueActivity {
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
