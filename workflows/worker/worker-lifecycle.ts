import { CancellationScope, continueAsNew, setHandler } from '@temporalio/workflow';
import type { LifecycleInput } from '../../temporal/messages.js';
import { deprovision } from './delete-resources.js';
import { Life } from './lifecycle.js';
import { assertChanges, assertRegisters, assertRemoves, assertReregisters } from './message-guards.js';
import { provision } from './create-resources.js';
import { awaitRegistration, run } from './deadlines.js';
import { observed, queueActivity, register, remove, reregister, status, updateWorker } from '../messages.js';

/**
 * One worker's whole life, from "requested" to "stopped". It alone changes the worker's row and decides about its
 * machine (ARCHITECTURE.md#one-writer):
 *
 *     provision in order → await registration → run → deprovision in order → stopped
 *
 * Everything that may end the life early (a removal, a machine seen gone, a deadline, a cancellation in the Temporal
 * UI) only leaves a reason in `life.stop`; each phase ends as soon as there is one, and deprovisioning always follows.
 * Nothing here can be cancelled half-way, so nothing leaks.
 */
export async function workerLifecycle(input: LifecycleInput): Promise<void> {
  const life = new Life(input);
  setHandler(
    register,
    whole((request) => life.register(request)),
    {
      validator: (request) => assertRegisters(life, request),
    },
  );
  setHandler(
    reregister,
    whole((request) => life.reregister(request)),
    {
      validator: (request) => assertReregisters(life, request),
    },
  );
  setHandler(
    remove,
    whole((request) => life.remove(request)),
    {
      validator: (request) => assertRemoves(request),
    },
  );
  setHandler(
    updateWorker,
    whole((change) => life.updateStatic(change)),
    {
      validator: (change) => assertChanges(life, change),
    },
  );
  setHandler(observed, (observation) => life.observe(observation));
  setHandler(
    queueActivity,
    whole((facts) => life.noteActivity(facts)),
  );
  setHandler(status, () => life.status());

  CancellationScope.current().cancelRequested.catch(() => life.requestStop('cancelled in Temporal'));

  const hasStopped = await CancellationScope.nonCancellable(async () => {
    await life.begin();
    // The time to register runs while the machine is still being built.
    const registration = awaitRegistration(life);
    await provision(life);
    await registration;
    await run(life);
    const isGone = await deprovision(life);
    return await life.settle({ isGone });
  });
  // guard(only-a-stopped-life-ends): true
  if (!hasStopped) await continueAsNew<typeof workerLifecycle>(life.next());
}

/** A cancellation does not cut a handler short either: its caller gets an answer, and the books what it began to write. */
const whole =
  <Sent, Answer>(handle: (sent: Sent) => Promise<Answer>) =>
  (sent: Sent): Promise<Answer> =>
    CancellationScope.nonCancellable(() => handle(sent));
