import { condition } from '@temporalio/workflow';
import { neverRegistered } from './worker-failures.js';
import type { WorkerLifecycle } from './lifecycle.js';

/**
 * Waits until the machine has registered, or the run is to be continued as new; stops the life when it does not in
 * time.
 */
export async function awaitRegistration(lifecycle: WorkerLifecycle): Promise<void> {
  const over = () => lifecycle.state !== 'requested' || lifecycle.stop !== null || lifecycle.shouldContinueAsNew();
  if (over()) return;
  lifecycle.describe('awaiting registration');
  while (!(await condition(over, remaining(lifecycle.deadline)))) {
    // guard(a-timer-may-be-shorter-than-the-deadline): false
    if (lifecycle.deadline !== null && Date.now() < lifecycle.deadline) continue;
    lifecycle.requestStop('terminateAfter time exceeded', neverRegistered(lifecycle.input.timing));
    return;
  }
}

/** Waits for the end of a running worker's life: requested, observed, or because a deadline passed. */
export async function run(lifecycle: WorkerLifecycle): Promise<void> {
  while (lifecycle.state === 'running' && !lifecycle.stop && !lifecycle.shouldContinueAsNew()) {
    const { deadline } = lifecycle;
    const over = () => lifecycle.stop !== null || lifecycle.deadline !== deadline || lifecycle.shouldContinueAsNew();
    if (deadline === null) await condition(over);
    else if (!(await condition(over, remaining(deadline))) && Date.now() >= deadline) {
      lifecycle.requestStop('terminateAfter time exceeded');
    }
  }
}

/** Longer waits go on in a further timer: a hand-made machine may be announced until the year 9999. */
const MAX_TIMER_MS = 30 * 24 * 60 * 60_000;

/** At least a millisecond: a condition without a timeout would wait for ever. */
const remaining = (deadline: number | null): number =>
  Math.min(Math.max(1, (deadline ?? Date.now()) - Date.now()), MAX_TIMER_MS);
