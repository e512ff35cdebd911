import { Context } from '@temporalio/activity';
import { decideSweep, type Orphan, type SweepDecision } from '../../domain/orphans.js';
import { recordOrphans, recordSweep } from '../../database/orphans.js';
import { logEvent } from '../../observability/log-events.js';
import { callSignal } from '../../providers/shared/call-scope.js';
import type { OrphanSweepRequest, OrphanSweepResult } from '../../temporal/messages.js';
import type { ActivityDeps } from '../support/deps.js';
import { engineNow } from '../support/engine-clock.js';
import { withHeartbeat } from '../support/heartbeat.js';
import { inParallel } from '../support/in-parallel.js';
import { timeLimit } from '../support/time-limit.js';
import { seconds } from '../support/worker-log.js';
import { type Actor, OrphanActs } from './acts.js';
import { SweepFactsReader } from './facts.js';
import { Strays } from './strays.js';

export interface OrphanActivities {
  /**
   * Finds what carries this deployment's tag and belongs to nobody, on every provider, and adopts or removes it as
   * `domain/orphans.ts` decides (ARCHITECTURE.md#only-ours). The Schedule's run, or one that an operator wants.
   */
  sweepOrphans(request: OrphanSweepRequest): Promise<OrphanSweepResult>;
}

const ACTS_AT_ONCE = 8;
/** After this long no further act begins; the next sweep's. */
const ACTS_TIMEOUT_MS = 90_000;

export function orphanActivities(deps: ActivityDeps): OrphanActivities {
  const sweeps = new OrphanSweeps(deps);
  return { sweepOrphans: (request) => withHeartbeat(() => sweeps.run(request)) };
}

class OrphanSweeps {
  private readonly deps: ActivityDeps;
  private readonly facts: SweepFactsReader;
  private readonly acts: OrphanActs;
  private readonly strays: Strays;
  private heldBefore = '';

  constructor(deps: ActivityDeps) {
    this.deps = deps;
    this.strays = new Strays(deps);
    this.facts = new SweepFactsReader(deps, this.strays);
    this.acts = new OrphanActs(deps);
  }

  async run({ isDryRun, confirmed, clientId }: OrphanSweepRequest): Promise<OrphanSweepResult> {
    const { log, database } = this.deps;
    const { facts, strays } = await this.facts.read(runIdNow(), confirmed);
    const decision = decideSweep(facts);
    const { begunAt } = facts;
    const complete = facts.listings.flatMap(({ providerId, isComplete }) => (isComplete ? [providerId] : []));
    await recordOrphans(database.db, { orphans: decision.orphans, complete, begunAt });
    this.noteHeld(decision);
    await this.strays.end(strays, facts, isDryRun);
    const counts = isDryRun ? { adopted: 0, removed: 0, failed: 0 } : await this.actOn(decision.orphans);
    const { held, machines, orphans } = decision;
    const sums = { machines, orphans: orphans.length, ...counts };
    const run = { runId: runIdNow(), begun: begunAt, ended: engineNow(), clientId, isDryRun, confirmed };
    await recordSweep(database.db, { ...run, complete, held, ...sums });
    const oldestSeconds = ageOfOldest(orphans, begunAt);
    if (orphans.length > 0) logEvent(log, 'orphans-listed', { ...sums, oldestSeconds });
    return { ...sums, held };
  }

  private async actOn(orphans: readonly Orphan[]) {
    const counts = { adopted: 0, removed: 0, failed: 0 };
    const isOver = timeLimit(ACTS_TIMEOUT_MS);
    const actor: Actor = { runId: runIdNow(), workflowId: Context.current().info.workflowExecution?.workflowId ?? '' };
    const due = orphans.filter(({ verdict }) => verdict === 'adopt' || verdict === 'remove');
    await inParallel(due, ACTS_AT_ONCE, async (orphan) => {
      const done = isOver() ? null : await this.act(orphan, actor);
      if (done) counts[done] += 1;
    });
    return counts;
  }

  /** One that fails keeps no other. Null: it has an owner by now, or its pool has no room any more. */
  private async act(orphan: Orphan, actor: Actor): Promise<'adopted' | 'removed' | 'failed' | null> {
    const { log } = this.deps;
    const { providerId, thingId, launchToken } = orphan.thing;
    const logged = { providerId, thingId, launchToken, workerPoolId: orphan.launch?.workerPoolId ?? null };
    try {
      if (orphan.verdict === 'adopt') {
        if (!(await this.acts.adopt(orphan, actor))) return null;
        logEvent(log, 'orphan-adopted', logged);
        return 'adopted';
      }
      if (!(await this.acts.remove(orphan, actor))) return null;
      logEvent(log, 'orphan-removal', logged);
      return 'removed';
    } catch (error) {
      // The attempt has been given up: the next one acts.
      if (callSignal()?.aborted) throw error;
      logEvent(log, 'orphan-act-failed', { ...logged, err: error });
      await this.acts.failed(orphan, actor, error);
      return 'failed';
    }
  }

  /** One line when the reasons change, not one in each sweep. */
  private noteHeld({ held, orphans, machines }: SweepDecision): void {
    const reasons = held.join(', ');
    if (reasons === this.heldBefore) return;
    this.heldBefore = reasons;
    const count = (verdict: Orphan['verdict']) => orphans.filter((orphan) => orphan.verdict === verdict).length;
    const fields = { machines, unknown: count('unknown'), waiting: count('held') };
    if (held.length > 0) logEvent(this.deps.log, 'orphan-removals-held', { reasons, ...fields });
    else logEvent(this.deps.log, 'orphan-removals-resumed', fields);
  }
}

const runIdNow = (): string => Context.current().info.workflowExecution?.runId ?? '';

const ageOfOldest = (orphans: readonly Orphan[], nowMs: number): number =>
  seconds(nowMs - Math.min(nowMs, ...orphans.map(({ since }) => since)));
