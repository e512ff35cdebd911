import { givenUp, inCallScope } from '../../providers/shared/call-scope.js';
import type { ActivityDeps } from '../support/deps.js';
import type { DeletableMachine } from './delete-resources.js';

export interface DeletionsAtOnceActivities {
  /**
   * As `deleteResource`, while the workflow task that has decided it waits: whether the cloud has accepted it at once.
   * Never fails: what is in the way is for `deleteResource` to find out, to repeat and to report.
   */
  deleteAtOnce(machine: DeletableMachine, step: string): Promise<boolean>;
}

/** How long a workflow task may be held, and how many of them by one cloud: half of those that a process works on. */
interface PromptLimits {
  readonly answerMs: number;
  readonly atOnce: number;
  /** After a deletion that was not accepted, the cloud's next ones are not sent at once for so long. */
  readonly pauseMs: number;
}
const LIMITS: PromptLimits = { answerMs: 2_000, atOnce: 20, pauseMs: 30_000 };

export function deletionsAtOnce(
  { providers, triggers }: ActivityDeps,
  limits: PromptLimits = LIMITS,
): DeletionsAtOnceActivities {
  const clouds = new Map<string, PromptCalls>();
  return {
    async deleteAtOnce({ providerId, ...machine }, step) {
      const machines = providers.get(providerId)?.machines;
      if (!machines) return false;
      const calls = clouds.get(providerId) ?? new PromptCalls(limits);
      clouds.set(providerId, calls);
      if (!(await calls.succeeds(() => machines.deleteResource(machine, step)))) return false;
      triggers.requestFastScan(providerId);
      return true;
    },
  };
}

/** Calls to one cloud that hold nobody up for long: few at a time, and none for a while after one that failed. */
class PromptCalls {
  private readonly limits: PromptLimits;
  private underWay = 0;
  private pausedUntil = 0;

  constructor(limits: PromptLimits) {
    this.limits = limits;
  }

  /** False where it was not sent, has failed, or has no answer in time: then it may still succeed. */
  async succeeds(call: () => Promise<void>): Promise<boolean> {
    const { answerMs, atOnce, pauseMs } = this.limits;
    // guard(deletions-at-once-are-few): false
    if (this.underWay >= atOnce || performance.now() < this.pausedUntil) return false;
    this.underWay += 1;
    const isOver = AbortSignal.timeout(answerMs);
    const called = send(call, isOver).finally(() => (this.underWay -= 1));
    const isAccepted = await Promise.race([called, aborted(isOver)]);
    if (!isAccepted) this.pausedUntil = performance.now() + pauseMs;
    return isAccepted;
  }
}

/** Whatever it waits for ends with the signal; a call that has been sent goes on to its own time limit. */
async function send(call: () => Promise<void>, signal: AbortSignal): Promise<boolean> {
  const assertMaySend = () => {
    if (signal.aborted) throw givenUp();
  };
  try {
    await inCallScope({ signal, assertMaySend }, call);
    return true;
  } catch {
    return false;
  }
}

const aborted = (signal: AbortSignal): Promise<false> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(false), { once: true }));
