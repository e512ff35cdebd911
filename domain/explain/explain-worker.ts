import { MINUTE_MS } from '../durations.js';
import { demandedCapacity } from '../estimator.js';
import { bareAnswer, noRecord, uniqueSources } from './answer.js';
import type { PoolEvidence } from './evidence.js';
import type { Explanation, Source, WorkerCause } from './explanation.js';
import type { WorkerTimes, WorkerEvidence } from './worker-evidence.js';
import { clock, count, quoted, seconds } from './words.js';

/** A machine is usually gone by then. */
const STUCK_AFTER_MS = 5 * MINUTE_MS;

type Ending = NonNullable<WorkerTimes['stopping']>;

/** What one worker was doing at an instant, and why. */
export function explainWorker(evidence: WorkerEvidence, at: number): Explanation<WorkerCause> {
  const { life, recordedSince } = evidence;
  if (recordedSince !== null && at < recordedSince) return noRecord(subjectOf(evidence), at, recordedSince);
  if (life === null || life.created > at) return noSuchWorker(evidence, at);
  const stopping = life.stopping !== null && life.stopping.begin <= at ? life.stopping : null;
  const stoppedAt = reached(life.stoppedAt, at);
  if (stopping !== null || stoppedAt !== null) return explainEnd(evidence, life, { stopping, stoppedAt, at });
  const registeredAt = reached(life.registeredAt, at);
  if (registeredAt === null) return answer(evidence, at, sayBooting(evidence, life, at));
  return answer(evidence, at, sayRunning(evidence, life, registeredAt, at));
}

interface End {
  readonly stopping: Ending | null;
  readonly stoppedAt: number | null;
  readonly at: number;
}

function explainEnd(
  evidence: WorkerEvidence,
  life: WorkerTimes,
  { stopping, stoppedAt, at }: End,
): Explanation<WorkerCause> {
  if (stopping !== null && stoppedAt === null && isStuck(evidence, stopping, at)) {
    return answer(evidence, at, { ...sayStuck(evidence, stopping, at), since: stopping.begin, until: life.stoppedAt });
  }
  const begin = stopping?.begin ?? stoppedAt!;
  if (reached(life.registeredAt, at) === null) {
    return answer(evidence, at, sayNeverRegistered(evidence, life, stopping, begin, at));
  }
  return answer(evidence, at, sayEnded(evidence, stopping, stoppedAt, begin, at));
}

/** What keeps idle machines of the pool; null where its tasks need as many, or nobody could count them. */
export function minimumOf({ pool, poll, capacity }: PoolEvidence): WorkerEvidence['minimum'] {
  if (pool === null || !poll?.counts) return null;
  const { pendingTasks, claimedTasks } = poll.counts;
  const needed = claimedTasks + demandedCapacity(pendingTasks, pool.scalingRatio);
  if (needed >= pool.minCapacity) return null;
  return { minCapacity: pool.minCapacity, currentCapacity: capacity.currentCapacity };
}

interface Said {
  readonly cause: WorkerCause;
  readonly sentence: string;
  readonly since: number | null;
  readonly until?: number | null;
  readonly sources: readonly (Source | null)[];
}

const isStuck = ({ deletions }: WorkerEvidence, { begin }: Ending, at: number): boolean =>
  at - begin >= STUCK_AFTER_MS || deletions.filter(({ code }) => code !== null).length > 1;

function sayStuck({ deletions }: WorkerEvidence, { begin, source }: Ending, at: number): Omit<Said, 'since'> {
  const last = deletions.at(-1);
  const request = last?.requestId === null || last === undefined ? '' : `, request ${last.requestId}`;
  const answered =
    last === undefined ? '' : `, last answer ${last.code ?? 'accepted'} (${clock(last.at, at)}${request})`;
  return {
    cause: 'stuck-or-kept',
    sentence: `Stopping since ${clock(begin, at)}, ${count(deletions.length, 'deletion')} requested${answered}.`,
    sources: [source, last?.source ?? null],
  };
}

function sayNeverRegistered(
  evidence: WorkerEvidence,
  life: WorkerTimes,
  stopping: Ending | null,
  begin: number,
  at: number,
): Said {
  const why = stopping?.reason == null ? '' : ` (${stopping.reason})`;
  return {
    cause: 'never-registered',
    sentence: `${evidence.workerId} was requested at ${clock(life.created, at)} and ended at ${clock(begin, at)} without registering${why}${sayRefusals(evidence)}.`,
    since: begin,
    sources: [life.source, stopping?.source ?? null, ...evidence.refusals.map(({ source }) => source)],
  };
}

function sayEnded(
  { workerId }: WorkerEvidence,
  stopping: Ending | null,
  stoppedAt: number | null,
  begin: number,
  at: number,
): Said {
  const who = stopping?.who == null ? '' : `${stopping.who}: `;
  const why = stopping?.reason ?? 'nobody recorded why';
  const gone = stoppedAt === null ? 'it was not yet seen gone' : `it was gone at ${clock(stoppedAt, at)}`;
  return {
    cause: 'ended',
    sentence: `${workerId} ended at ${clock(begin, at)} (${who}${why}); ${gone}.`,
    since: begin,
    sources: [stopping?.source ?? null],
  };
}

function sayBooting(evidence: WorkerEvidence, life: WorkerTimes, at: number): Said {
  const half = evidence.medianRegistrationMs;
  const usually = half === null ? '' : `; half register within ${seconds(half)}`;
  return {
    cause: 'booting',
    sentence: `${evidence.workerId}, requested at ${clock(life.created, at)}, had not registered${usually}${sayRefusals(evidence)}.`,
    since: life.created,
    until: life.registeredAt ?? life.stopping?.begin ?? null,
    sources: [life.source, ...evidence.refusals.map(({ source }) => source)],
  };
}

function sayRunning(evidence: WorkerEvidence, life: WorkerTimes, registeredAt: number, at: number): Said {
  const { workerId, verdict, minimum } = evidence;
  const base = { since: registeredAt, until: life.stopping?.begin ?? null, sources: [life.source] };
  const running = `${workerId} was running since ${clock(registeredAt, at)}`;
  if (verdict?.terminate) {
    const sentence = `${running}, and was advised to end at ${clock(verdict.decidedAt, at)}: ${verdict.reason}.`;
    return { ...base, cause: 'running', sentence };
  }
  const isKept = minimum !== null && minimum.minCapacity > 0 && minimum.currentCapacity <= minimum.minCapacity;
  if (!isKept) return { ...base, cause: 'running', sentence: `${running}.` };
  return { ...base, cause: 'stuck-or-kept', sentence: `${running}: the minimum of ${minimum.minCapacity} keeps it.` };
}

function sayRefusals({ refusals }: WorkerEvidence): string {
  const last = refusals.at(-1);
  return last === undefined ? '' : `; its proof was refused ${count(refusals.length, 'time')} (${quoted(last.reason)})`;
}

/** What had happened by then. */
const reached = (instant: number | null, at: number): number | null =>
  instant !== null && instant <= at ? instant : null;

const subjectOf = ({ workerPoolId, workerGroup, workerId }: WorkerEvidence): string =>
  `${workerPoolId}/${workerGroup}/${workerId}`;

function answer(evidence: WorkerEvidence, at: number, { cause, sentence, since, until = null, sources }: Said) {
  return {
    ...bareAnswer(subjectOf(evidence), at),
    certainty: 'exact' as const,
    ...{ cause, sentence, since, until },
    evidence: uniqueSources([...sources, evidence.launch?.source]),
  };
}

const noSuchWorker = (evidence: WorkerEvidence, at: number): Explanation<WorkerCause> => ({
  ...bareAnswer(subjectOf(evidence), at),
  certainty: 'exact',
  since: null,
  cause: 'no-such-worker',
  sentence: `No worker ${subjectOf(evidence)} is recorded at that instant.`,
});
