import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import type { Decision, DecisionBasis } from '../../domain/decision-record.js';
import { capacityOf, withLaunched } from '../../domain/estimator.js';
import { evaluate, lastTwo } from '../../domain/evaluation.js';
import { NULL_PROVIDER } from '../../domain/ids.js';
import { provisionId } from '../../temporal/ids.js';
import { smallestMachine } from '../../domain/selection.js';
import { type Advice, decideTerminations, type TerminationDecision } from '../../domain/termination-advice.js';
import { evaluateAgainAt } from '../../domain/trigger.js';
import { logEvent } from '../../observability/log-events.js';
import { recordDecision } from '../../database/decisions.js';
import { insertError } from '../../database/errors.js';
import { poolSnapshot, type PoolSnapshot } from '../../database/pool-snapshot.js';
import { finishLaunches } from '../../database/launches.js';
import { setShouldTerminate, terminationCandidates } from '../../database/termination-advice.js';
import type { ActivityDeps } from '../support/deps.js';
import { engineNow } from '../support/engine-clock.js';
import { logPoolError } from '../support/pool-errors.js';
import type { ReconciliationOutcome, PoolActivities } from './types.js';
import { reconciliationOf } from './reconciliation-evidence.js';

export function concludeReconciliation(deps: ActivityDeps): PoolActivities['concludeReconciliation'] {
  const { config, database, log } = deps;
  const { db } = database;

  return async (workerPoolId, decision, outcome) => {
    const nowMs = engineNow();
    // One that is short of all its machines has rows no more: its workers stopped long ago.
    const recorded = decision.launches.filter(({ launched, outcome: end }) => launched > 0 || end === 'short');
    // guard(carried-out-launches-are-closed): drop
    if (recorded.length > 0) await finishLaunches(db, recorded, nowMs);
    const snapshot = await poolSnapshot(db, workerPoolId, nowMs);
    if (!snapshot) return;
    const situation = {
      estimator: config.provisioning.estimator,
      groups: snapshot.groups,
      machineCapacity: smallestMachine(snapshot.options, decision.inputs.maxCapacity),
      earlierReadings: lastTwo(snapshot.readings),
      blocked: outcome.blockedForPolls,
    };
    // Launches have taken time: advice is for the workers of now. What was wanted is as it was decided, so that a poll
    // finds whatever has changed since.
    const { advice, finding } = evaluate({ ...situation, pool: { ...decision.inputs, ...capacityOf(snapshot) } });
    const decided = evaluate({ ...situation, pool: withLaunched(decision.inputs, outcome.launchedCapacity) });
    const advised = advice === null ? [] : await recordAdvice(workerPoolId, advice, nowMs);
    const basis = { ...decided.finding, advisedCapacity: finding.advisedCapacity };
    const again = tryAgainAt(basis, decision, outcome, snapshot, nowMs);
    const full: Decision = { ...decision, terminations: advised.length };
    const final = { ...basis, evaluateAgainAt: again };
    const { wasOverProvisioned } = await recordDecision(db, workerPoolId, full, {
      ...{ basis: final, fingerprint: fingerprint(full), nowMs },
      reconciliation: reconciliationOf(outcome.report, nowMs, {
        ...{ decision: full, basis: final, failure: null },
        terminations: countedBy(advised, ({ reason }) => reason),
      }),
    });
    // guard(over-provision-is-reported-once): true
    if (full.estimate?.overProvisioned && !wasOverProvisioned) await reportOverProvision(workerPoolId, full, nowMs);
    if (decision.launches.length > 0) logDecision(log, workerPoolId, full);
  };

  /** Gives those that are advised to stop. */
  async function recordAdvice(workerPoolId: string, advice: Advice, nowMs: number): Promise<TerminationDecision[]> {
    const verdicts = decideTerminations(await terminationCandidates(db, workerPoolId, nowMs), advice);
    await setShouldTerminate(db, workerPoolId, verdicts, nowMs);
    return verdicts.filter(({ terminate }) => terminate);
  }

  async function reportOverProvision(workerPoolId: string, { inputs, estimate }: Decision, nowMs: number) {
    if (inputs.providerId === NULL_PROVIDER) return;
    const existingCapacity = estimate?.existingCapacity ?? 0;
    const { maxCapacity, providerId } = inputs;
    logEvent(log, 'worker-pool-over-provisioned', { workerPoolId, providerId, existingCapacity, maxCapacity });
    const error = {
      workerPoolId,
      launchConfigId: null,
      kind: 'over-provisioned',
      title: 'Worker pool over-provisioned',
      description: 'The pool has far more capacity than its maximum allows',
      extra: { existingCapacity, maxCapacity },
    };
    await insertError(db, error, nowMs);
    logPoolError(log, error);
  }
}

function countedBy<T>(items: readonly T[], nameOf: (item: T) => string): Record<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(nameOf(item), (counts.get(nameOf(item)) ?? 0) + 1);
  return Object.fromEntries(counts);
}

function logDecision(log: Logger, workerPoolId: string, { inputs, launches, limitedBy }: Decision): void {
  const { providerId, pendingTasks, claimedTasks, requestedCapacity, runningCapacity, stoppingCapacity } = inputs;
  const existingCapacity = requestedCapacity + runningCapacity;
  logEvent(log, 'worker-pool-provisioned', {
    ...{ workerPoolId, workflowId: provisionId(workerPoolId), providerId, pendingTasks, claimedTasks },
    ...{ existingCapacity, requestedCapacity, stoppingCapacity },
    requested: launches.reduce((sum, { requested }) => sum + requested, 0),
    launched: launches.reduce((sum, { launched }) => sum + launched, 0),
    limitedBy,
  });
}

/**
 * When to decide again although no poll finds a change; null when only a change is worth it. While something is still
 * wanted: at once after a launch, because a reconciliation launches a bounded number of machines; else when what kept
 * it back may have ended. An open launch has its next attempt, after which its pool is reconciled, and a launch config
 * whose machines do not register waits for one that does, or that ends: both trigger the pool.
 */
function tryAgainAt(
  { wantedCapacity, roomCapacity }: Pick<DecisionBasis, 'wantedCapacity' | 'roomCapacity'>,
  { limitedBy }: Pick<Decision, 'limitedBy'>,
  { launchedCapacity, limitEndsAt }: ReconciliationOutcome,
  { options }: Pick<PoolSnapshot, 'options'>,
  nowMs: number,
): number | null {
  if (Math.min(wantedCapacity, roomCapacity) <= 0) return null;
  return evaluateAgainAt([
    limitEndsAt,
    launchedCapacity > 0 && limitedBy.length === 0 ? nowMs : null,
    ...options.map(({ backoffUntil }) => (backoffUntil !== null && backoffUntil > nowMs ? backoffUntil : null)),
  ]);
}

/** Launches have names of their own; what they were about decides whether two decisions are the same. */
function fingerprint({ launches, ...decision }: Decision): string {
  const anonymous = launches.map(({ token: _token, ...launch }) => launch);
  return createHash('sha256')
    .update(JSON.stringify({ ...decision, launches: anonymous }))
    .digest('hex');
}
