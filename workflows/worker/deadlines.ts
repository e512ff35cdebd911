import { condition } from '@temporalio/workflow';
import { neverRegistered } from './failures.js';
import type { Life } from './lifecycle.js';

/** Waits until the machine has registered, or the run is to be continued as new; stops the life when it does not in time. */
export async function awaitRegistration(life: Life): Promise<void> {
  const over = () => life.state !== 'requested' || life.stop !== null || life.shouldContinueAsNew();
  if (over()) return;
  life.describe('awaiting registration');
  while (!(await condition(over, remaining(life.deadline)))) {
    // guard(a-timer-may-be-shorter-than-the-deadline): false
    if (life.deadline !== null && Date.now() < life.deadline) continue;
    life.requestStop('terminateAfter time exceeded', neverRegistered(life.input.timing));
    return;
  }
}

/** Waits for the end of a running worker's life: asked for, observed, or because a deadline passed. */
export async function run(life: Life): Promise<void> {
  while (life.state === 'running' && !life.stop && !life.shouldContinueAsNew()) {
    const { deadline } = life;
    const over = () => life.stop !== null || life.deadline !== deadline || life.shouldContinueAsNew();
    if (deadline === null) await condition(over);
    else if (!(await condition(over, remaining(deadline))) && Date.now() >= deadline) {
      life.requestStop('terminateAfter time exceeded');
    }
  }
}

/** Longer waits go on in a further timer: a hand-made machine may be announced until the year 9999. */
const LONGEST_TIMER_MS = 30 * 24 * 60 * 60_000;

/** At least a millisecond: a condition without a timeout would wait for ever. */
const remaining = (deadline: number | null): number =>
  Math.min(Math.max(1, (deadline ?? Date.now()) - Date.now()), LONGEST_TIMER_MS);
