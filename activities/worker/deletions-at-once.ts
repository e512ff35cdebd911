import { type WorkerKey, workerKeyText } from '../../domain/ids.js';
import type { Machines } from '../../providers/provider.js';
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
  /** A place among all calls that comes later is left to others. */
  readonly turnWithinMs: number;
  /** What has waited so long is not sent any more: the lifecycle asks two seconds later. */
  readonly sentWithinMs: number;
  /** Of all clouds together, in one process; what is too much is sent by activities. */
  readonly atOnce: number;
  /** How long an answer is kept for a lifecycle that asks late. */
  readonly keptMs: number;
}
const LIMITS: Limits = { turnWithinMs: 7_000, sentWithinMs: 8_000, atOnce: 1_000, keptMs: 60_000 };

/**
 * Deletions that are sent behind the back of workflow tasks, which wait for no cloud
 * (docs/decisions/0035-deletions-at-once.md). They are kept in memory alone: what is lost with the process, or fails,
 * is sent once more by `deleteResource`, which repeats and reports.
 */
export class DeletionsAtOnce implements DeletionsAtOnceActivities {
  private readonly deps: Pick<ActivityDeps, 'providers' | 'triggers'>;
  private readonly limits: Limits;
  private readonly underWay = new Map<string, { readonly giveUp: () => void; readonly ended: Promise<void> }>();
  private hasStopped = false;
  private readonly accepted = new Set<string>();

  constructor(deps: Pick<ActivityDeps, 'providers' | 'triggers'>, limits: Limits = LIMITS) {
    this.deps = deps;
    this.limits = limits;
  }

  /** Whether it is under way now. */
  send(machine: DeletableMachine, step: string): boolean {
    const key = keyOf(machine, step);
    if (this.underWay.has(key)) return true;
    const machines = this.deps.providers.get(machine.providerId)?.machines;
    if (this.hasStopped || !machines) return false;
    // guard(deletions-at-once-are-bounded): false
    if (this.underWay.size >= this.limits.atOnce) return false;
    const attempt = new AbortController();
    const giveUp = () => attempt.abort();
    const timer = setTimeout(giveUp, this.limits.sentWithinMs);
    const ended = this.isAccepted(machines, machine, step, attempt.signal).then((isAccepted) => {
      clearTimeout(timer);
      this.underWay.delete(key);
      if (isAccepted) this.keep(key);
    });
    this.underWay.set(key, { giveUp, ended });
    return true;
  }

  /** Nothing more is sent; resolves when what was sent has its answer, which is recorded with the call. */
  async stop(): Promise<void> {
    this.hasStopped = true;
    const underWay = [...this.underWay.values()];
    // guard(deletions-at-once-end-with-their-process): drop
    for (const { giveUp } of underWay) giveUp();
    await Promise.all(underWay.map(({ ended }) => ended));
  }

  readonly isDeletionAccepted = async (worker: WorkerKey, step: string): Promise<boolean> =>
    this.accepted.delete(keyOf(worker, step));

  /** Never rejects: what is in the way is for `deleteResource` to find out. */
  private async isAccepted(
    machines: Machines,
    { providerId, ...machine }: DeletableMachine,
    step: string,
    signal: AbortSignal,
  ): Promise<boolean> {
    const assertMaySend = () => {
      // guard(a-deletion-at-once-is-sent-soon-or-not): drop
      if (signal.aborted) throw givenUp();
    };
    const turnBy = performance.now() + this.limits.turnWithinMs;
    try {
      await inCallScope({ signal, assertMaySend, turnBy }, () =>
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
