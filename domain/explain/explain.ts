import { MINUTE_MS } from '../durations.js';
import { bareAnswer, noRecord, uniqueSources } from './answer.js';
import { blocks, queueSilent, wanted } from './blocks.js';
import { nothingMoreWanted, otherKindsOnTheirWay } from './demand.js';
import type { Poll, PoolEvidence } from './evidence.js';
import type { Certainty, Explanation, PoolCause, Source } from './explanation.js';
import { noLaunchConfig, otherBackoffs } from './launch-configs.js';
import { noRoom, otherTakers } from './room.js';
import { arithmeticOf, type Finding, inputsOf, type Rule, type Situation, situationOf } from './situation.js';
import { clock, count, quoted } from './words.js';

/** A pool that could launch and wants to is reconciled within moments of its poll. */
export const RECONCILED_WITHIN_MS = 2 * MINUTE_MS;
/** A poll may take longer than polls are apart. */
const GAP_FACTOR = 3;

/**
 * Why a pool had, or had not, got more machines at an instant. Rules in the order of what binds first: it exists → it
 * was polled → held → paused → readable → its provider → what it wants → room → limits → launch configs. What would
 * have bound it next is in `also`.
 */
export function explainPool(evidence: PoolEvidence, at: number): Explanation<PoolCause> {
  const { pool, poll } = evidence;
  if (evidence.recordedSince !== null && at < evidence.recordedSince)
    return noRecord(evidence.workerPoolId, at, evidence.recordedSince);
  if (pool === null) return noSuchPool(evidence, at);
  if (poll === null) return notYetPolled(evidence, at) ?? notPolled(evidence, at);
  if (isGap(poll, evidence.nextPoll, at)) return notPolled(evidence, at);
  const situation = situationOf(evidence, pool, poll, at);
  const findings = rules.flatMap((rule) => rule(situation) ?? []);
  const [cause, ...rest] = findings.length > 0 ? findings : [toBeDecided(situation)];
  const also = [...rest, ...extra.flatMap((of) => of(situation))];
  return {
    ...bareAnswer(evidence.workerPoolId, at),
    certainty: certaintyOf(cause!, situation),
    cause: cause!.cause,
    sentence: cause!.sentence,
    since: cause!.since,
    until: cause!.until ?? null,
    inputs: inputsOf(situation),
    arithmetic: arithmeticOf(situation),
    bound: situation.estimate.bound,
    also: distinct(also, cause!).map(({ cause: each, sentence }) => ({ cause: each, sentence })),
    nextChange: cause!.nextChange ?? nextPollOf(situation),
    candidates: situation.candidates,
    evidence: sourcesOf(situation, [cause!, ...also]),
  };
}

const deploymentLimit: Rule = ({ evidence, at, estimate }) => {
  const { decision } = evidence;
  const limit = decision?.limit;
  if (!limit || Math.min(estimate.wantedCapacity, estimate.roomCapacity) <= 0) return null;
  if (limit.until !== null && limit.until <= at) return null;
  const used = limit.used === null ? `at most ${limit.max}` : `${limit.used} of ${limit.max}`;
  return {
    cause: 'deployment-limit',
    sentence: `limits.${limit.name}: ${used} in the whole deployment; ${wanted(estimate.wantedCapacity)}.`,
    since: decision.at,
    nextChange: limit.until === null ? null : { what: 'the limit is tried again', at: limit.until },
    restsOnCounts: false,
    sources: [decision.source],
  };
};

const failedReconciliation: Rule = ({ evidence, at, estimate }) => {
  const { decision } = evidence;
  if (!decision || decision.failure === null) return null;
  if (Math.min(estimate.wantedCapacity, estimate.roomCapacity) <= 0) return null;
  return {
    cause: 'not-evaluated',
    sentence: `The reconciliation at ${clock(decision.at, at)} failed (${quoted(decision.failure)}); ${wanted(estimate.wantedCapacity)}.`,
    since: decision.at,
    restsOnCounts: false,
    sources: [decision.source],
  };
};

/** Counts that nobody could read beside a minimum that is still to be launched. */
const alsoQueueSilent: Rule = (situation) => (situation.estimate.wantedCapacity > 0 ? queueSilent(situation) : null);

const rules: readonly Rule[] = [
  ...blocks,
  nothingMoreWanted,
  noRoom,
  deploymentLimit,
  noLaunchConfig,
  failedReconciliation,
];

/** What stands beside a cause of the same rule. */
const extra: readonly ((situation: Situation) => Finding[])[] = [
  otherKindsOnTheirWay,
  otherTakers,
  otherBackoffs,
  (situation) => (alsoQueueSilent(situation) ? [alsoQueueSilent(situation)!] : []),
];

/** Nothing kept it: a reconciliation is about to launch, or should have. */
function toBeDecided({ evidence, at, poll, estimate }: Situation): Finding {
  const { decision } = evidence;
  const decided = decision !== null && decision.at >= poll.since;
  const want = wanted(estimate.wantedCapacity);
  if (!decided && at - poll.since > RECONCILED_WITHIN_MS) {
    const last =
      decision === null ? 'The pool was never reconciled' : `No reconciliation since ${clock(decision.at, at)}`;
    return {
      cause: 'not-evaluated',
      sentence: `${last}; ${want}.`,
      since: decision?.at ?? poll.since,
      restsOnCounts: false,
      sources: [decision?.source ?? null],
    };
  }
  const requested = decided
    ? `the reconciliation at ${clock(decision.at, at)} requested ${count(decision.requestedMachines, 'machine')}`
    : 'a reconciliation was about to request them';
  return {
    cause: 'launching',
    sentence: `${want}, and nothing kept the pool from them: ${requested}.`,
    since: poll.since,
    restsOnCounts: true,
    sources: [poll.source, decision?.source ?? null],
  };
}

/** Nobody polled for far longer than polls are apart. */
export function isGap(poll: Poll, nextPoll: Poll | null, at: number): boolean {
  const covered = poll.at + GAP_FACTOR * (poll.dueAt - poll.at);
  return at > covered && (nextPoll === null || nextPoll.at > covered);
}

function certaintyOf({ cause, restsOnCounts }: Finding, { evidence, poll }: Situation): Certainty {
  if (cause === 'not-evaluated') return 'not-evaluated';
  const next = evidence.nextPoll;
  if (!restsOnCounts || next === null) return 'exact';
  const isSame =
    next.counts?.pendingTasks === poll.counts?.pendingTasks && next.counts?.claimedTasks === poll.counts?.claimedTasks;
  return isSame ? 'exact' : 'between-polls';
}

const nextPollOf = ({ poll, at }: Situation) =>
  poll.dueAt > at ? { what: 'the queue is read again', at: poll.dueAt } : null;

const distinct = (findings: readonly Finding[], cause: Finding): Finding[] =>
  findings.filter(
    (each, index) => each.cause !== cause.cause && findings.findIndex((other) => other.cause === each.cause) === index,
  );

function sourcesOf({ poll, pool, evidence }: Situation, findings: readonly Finding[]): Source[] {
  const all = [poll.source, evidence.decision?.source, pool.source, ...findings.flatMap(({ sources }) => sources)];
  return uniqueSources(all);
}

function noSuchPool(evidence: PoolEvidence, at: number): Explanation<PoolCause> {
  const { deletion, workerPoolId } = evidence;
  const deleted = deletion && `, deleted by ${deletion.who ?? 'somebody'} at ${clock(deletion.at, at)}`;
  return {
    ...bareAnswer(evidence.workerPoolId, at),
    certainty: 'exact',
    cause: 'no-such-pool',
    sentence: `No pool serves the queue ${workerPoolId}${deleted ?? ''}.`,
    since: deletion?.at ?? null,
    evidence: uniqueSources([deletion?.source]),
  };
}

function notPolled(evidence: PoolEvidence, at: number): Explanation<PoolCause> {
  const { poll, nextPoll, outage } = evidence;
  const from = poll === null ? '' : ` from ${clock(poll.at, at)}`;
  const to = nextPoll === null ? '' : ` to ${clock(nextPoll.at, at)}`;
  const why = outage === null ? 'no process was running, or none reached the database' : outage.reason;
  return {
    ...bareAnswer(evidence.workerPoolId, at),
    certainty: 'not-evaluated',
    cause: 'not-evaluated',
    sentence: `No poll${from}${to}: ${why}.`,
    since: poll?.at ?? outage?.begin ?? null,
    until: nextPoll?.at ?? null,
    evidence: uniqueSources([poll?.source, nextPoll?.source, outage?.source]),
  };
}

/** Until then the first poll of a pool may be on its way. */
const NEW_FOR_MS = MINUTE_MS;

function notYetPolled(evidence: PoolEvidence, at: number): Explanation<PoolCause> | null {
  const { pool, nextPoll, outage } = evidence;
  const since = pool?.source?.at ?? null;
  if (since === null || outage !== null || at - since >= NEW_FOR_MS) return null;
  const read =
    nextPoll === null ? 'nobody had read its queue yet' : `its queue was first read at ${clock(nextPoll.at, at)}`;
  return {
    ...bareAnswer(evidence.workerPoolId, at),
    certainty: 'not-evaluated',
    cause: 'not-evaluated',
    sentence: `The pool is new: its definition is of ${clock(since, at)}, and ${read}.`,
    since,
    until: nextPoll?.at ?? null,
    evidence: uniqueSources([pool?.source, nextPoll?.source]),
  };
}
