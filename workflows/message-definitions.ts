import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { TriggerCause } from '../domain/evidence.js';
import { RECONCILE_SIGNAL } from '../temporal/names.js';
import {
  lifecycleMessages,
  type LifecycleStatus,
  type Observed,
  type QueueActivity,
  type RegisterRequest,
  type Registration,
  type RemoveRequest,
  type ReregisterRequest,
  type StaticWorker,
} from '../temporal/messages.js';

/**
 * The signals, updates and queries that workflows answer. Validators are synchronous: an async one wedges the workflow.
 */

export const register = defineUpdate<Registration, [RegisterRequest]>(lifecycleMessages.register);
export const reregister = defineUpdate<Registration, [ReregisterRequest]>(lifecycleMessages.reregister);
export const remove = defineUpdate<void, [RemoveRequest]>(lifecycleMessages.remove);
export const updateWorker = defineUpdate<void, [StaticWorker]>(lifecycleMessages.updateWorker);
export const observed = defineSignal<[Observed]>(lifecycleMessages.observed);
export const queueActivity = defineSignal<[QueueActivity]>(lifecycleMessages.queueActivity);
export const status = defineQuery<LifecycleStatus>(lifecycleMessages.status);

/** Why, for the evidence that the reconciliation leaves. */
export const reconcile = defineSignal<[cause?: TriggerCause]>(RECONCILE_SIGNAL);
