import { CancellationScope, continueAsNew, setHandler } from '@temporalio/workflow';
import type { LifecycleInput } from '../../temporal/messages.js';
import { deleteResources } from './delete-resources.js';
import { WorkerLifecycle } from './lifecycle.js';
import { assertChanges, assertRegisters, assertRemoves, assertReregisters } from './message-guards.js';
import { createResources } from './create-resources.js';
import { awaitRegistration, run } from './deadlines.js';
import { observed, queueActivity, register, remove, reregister, status, updateWorker } from '../message-definitions.js';

/**
 * One worker's whole life, from "requested" to "stopped". It alone changes the worker's row and decides about its
 * machine (ARCHITECTURE.md#one-writer):
 *
 *     create resources → await registration → run → delete resources → stopped
 *
 * Everything that may end the life early (a removal, a machine seen gone, a deadline, a cancellation in the Temporal
 * UI) only leaves a reason in `life.stop`; each phase ends as soon as there is one, and the resources are always
 * deleted. Nothing here can be cancelled half-way, so nothing leaks.
 */
export async function workerLifecycle(input: LifecycleInput): Promise<void> {
  const lifecycle = new WorkerLifecycle(input);
  setHandler(
    register,
    uncancellable((request) => lifecycle.register(request)),
    {
      validator: (request) => assertRegisters(lifecycle, request),
    },
  );
  setHandler(
    reregister,
    uncancellable((request) => lifecycle.reregister(request)),
    {
      validator: (request) => assertReregisters(lifecycle, request),
    },
  );
  setHandler(
    remove,
    uncancellable((request) => lifecycle.remove(request)),
    {
      validator: (request) => assertRemoves(request),
    },
  );
  setHandler(
    updateWorker,
    uncancellable((change) => lifecycle.updateStatic(change)),
    {
      validator: (change) => assertChanges(lifecycle, change),
    },
  );
  setHandler(observed, (observation) => lifecycle.observe(observation));
  setHandler(
    queueActivity,
    uncancellable((activity) => lifecycle.noteActivity(activity)),
  );
  setHandler(status, () => lifecycle.status());

  CancellationScope.current().cancelRequested.catch(() => lifecycle.requestStop('cancelled in Temporal'));

  const hasStopped = await CancellationScope.nonCancellable(async () => {
    await lifecycle.begin();
    // The time to register runs while the machine is still being built.
    const registration = awaitRegistration(lifecycle);
    await createResources(lifecycle);
    await registration;
    await run(lifecycle);
    const isGone = await deleteResources(lifecycle);
    return await lifecycle.finishRun({ isGone });
  });
  // guard(only-a-stopped-lifecycle-ends): true
  if (!hasStopped) await continueAsNew<typeof workerLifecycle>(lifecycle.next());
}

/**
 * A cancellation does not cut a handler short either: its caller gets an answer, and the database what it began to
 * write.
 */
const uncancellable =
  <Sent, Answer>(handle: (sent: Sent) => Promise<Answer>) =>
  (sent: Sent): Promise<Answer> =>
    CancellationScope.nonCancellable(() => handle(sent));
