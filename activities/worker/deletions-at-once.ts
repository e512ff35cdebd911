import { type WorkerKey, workerKeyText } from '../../domain/ids.js';
import { aboutCalls } from '../../providers/shared/attempts.js';
import { givenUp, inCallScope } from '../../providers/shared/call-scope.js';
import type { ActivityDeps } from '../support/deps.js';
import { type DeletableMachine, deletionOf } from './delete-resources.js';

export interface DeletionsAtOnceActivities {
  /**
   * Whether the cloud has accepted the deletion that `recordStopping` sent. False where another process sent it, too:
   * then it is sent again.
   */
  isDeletionAccepted(worker: WorkerKey, step: string): Promise<boolean>;
}

interface Limits {
  /** What has waited so long for its turn is not sent any more: the lifecycle asks two seconds later. */
  readonly sentWithinMs: number;
  /** Of all clouds together, in one process; what is too much is sent by activities. */
  readonly atOnce: number;
  /** How long an answer is kept for a lifecycle that asks late. */
  readonly keptMs: number;
}
const LIMITS: Limits = { sentWithinMs: 8_000, atOnce: 1_000, keptMs: 60_000 };

/**
 * Deletions that are sent behind the back of workflow tasks, which wait for no cloud
 * (docs/decisions/0035-deletions-at-once.md). They are kept in memory alone: what is lost with the process, or fails,
 * is sent once more by `deleteResource`, which repeats and reports.
 */
export class DeletionsAtOnce implements DeletionsAtOnceActivities {
  private readonly deps: Pick<ActivityDeps, 'providers' | 'triggers'>;
  private readonly limits: Limits;
  private readonly underWay = new Set<string>();
  private readonly accepted = new Set<string>();

  constructor(deps: Pick<ActivityDeps, 'providers' | 'triggers'>, limits: Limits = LIMITS) {
    this.deps = deps;
    this.limits = limits;
  }

  /** Whether it is under way now. */
  send(machine: DeletableMachine, step: string): boolean {
    const key = keyOf(machine, step);
    if (this.underWay.has(key)) return true;
    // guard(deletions-at-once-are-bounded): false
    if (this.underWay.size >= this.limits.atOnce || !this.deps.providers.get(machine.providerId)?.machines)
      return false;
    this.underWay.add(key);
    void this.isAccepted(machine, step).then((isAccepted) => {
      this.underWay.delete(key);
      if (isAccepted) this.keep(key);
    });
    return true;
  }

  readonly isDeletionAccepted = async (worker: WorkerKey, step: string): Promise<boolean> =>
    this.accepted.delete(keyOf(worker, step));

  /** Never rejects: what is in the way is for `deleteResource` to find out. */
  private async isAccepted({ providerId, ...machine }: DeletableMachine, step: string): Promise<boolean> {
    const signal = AbortSignal.timeout(this.limits.sentWithinMs);
    const assertMaySend = () => {
      if (signal.aborted) throw givenUp();
    };
    const machines = this.deps.providers.get(providerId)!.machines!;
    try {
      await inCallScope({ signal, assertMaySend }, () =>
        aboutCalls(deletionOf(machine), () => machines.deleteResource(machine, step)),
      );
    } catch {
      return false;
    }
    this.deps.triggers.requestFastScan(providerId);
    return true;
  }

  private keep(key: string): void {
    this.accepted.add(key);
    setTimeout(() => this.accepted.delete(key), this.limits.keptMs).unref();
  }
}

const keyOf = (worker: WorkerKey, step: string): string => `${step} ${workerKeyText(worker)}`;
