import { NULL_PROVIDER } from '../ids.js';
import type { BackoffData, HoldData, PollEntry, PoolDefinition as SubmittedPool, ProviderData } from '../evidence.js';
import { LAUNCHES_NOTHING } from '../pool-status.js';
import { capacityPerInstance, type LaunchConfiguration } from '../worker-pool.js';
import { archivedAt, bootingAt, capacityAt } from './capacity-at.js';
import type { Backoff, DecisionEvidence, Hold, LaunchConfigEvidence, Poll, PoolEvidence } from './evidence.js';
import type { Source } from './explanation.js';
import { openLaunchesAt } from './launches-at.js';
import { placeOf } from './place.js';
import { medianRegistrationAt } from './registrations.js';
import type { PollRecord, PoolRecords, ReconciliationRecord, RevisionRecord, SpanRecord } from './records.js';

/** What of a pool's records holds at an instant. */
export function evidenceAt(all: PoolRecords, at: number): PoolEvidence {
  // A day may have thousands of spans, of which few last at one instant: all that follows asks for these.
  const records = { ...all, spans: all.spans.filter((span) => span.kind === 'outage' || lasts(span, at)) };
  const decision = last(records.reconciliations, ({ ended }) => ended <= at);
  const revision = last(records.revisions, ({ at: since }) => since <= at);
  const definition = revision && revision.action !== 'deleted' ? revision.definition : null;
  const openLaunches = openLaunchesAt(records, at);
  return {
    workerPoolId: records.workerPoolId,
    recordedSince: records.recordedSince ?? at + 1,
    pool: definition && poolOf(definition, revision!, estimatorAt(records, at)),
    deletion: revision?.action === 'deleted' ? deedOf(revision) : null,
    ...lastingAt(records, definition, decision),
    ...polledAt(records, { definition, decision, openLaunches, at }),
    openLaunches,
    medianRegistrationMs: medianRegistrationAt(records.registrations, at),
    launchConfigs: definition ? launchConfigsAt(records, definition, openLaunches, at) : [],
    decision: decision && decisionOf(decision),
  };
}

/** A reconciliation that failed early had none yet; where none has one, whoever asks says which it is. */
function estimatorAt({ reconciliations, estimator }: PoolRecords, at: number): PoolRecords['estimator'] {
  const known = reconciliations.filter(({ evidence }) => evidence.estimator !== null);
  return (last(known, ({ ended }) => ended <= at) ?? known[0])?.evidence.estimator ?? estimator;
}

interface Known {
  readonly definition: SubmittedPool | null;
  readonly decision: ReconciliationRecord | null;
  readonly openLaunches: ReturnType<typeof openLaunchesAt>;
  readonly at: number;
}

/** What polls tell, and what has changed since the last one. */
function polledAt(
  records: PoolRecords,
  { definition, decision, openLaunches, at }: Known,
): Pick<PoolEvidence, 'poll' | 'nextPoll' | 'outage' | 'capacity' | 'archived' | 'booting' | 'unclaimedSince'> {
  const { polls, spans } = records;
  const index = lastIndex(polls, at);
  const poll = polls[index] ?? null;
  const first = poll?.entry ? null : firstReading(decision, poll);
  const found = first ?? poll;
  const activeIds = (definition?.launchConfigs ?? []).map(({ launchConfigId }) => launchConfigId);
  return {
    poll: first ? pollFrom(first, first.at, decisionSource(decision!)) : poll && pollOf(polls, index),
    nextPoll: polls[index + 1] ? pollOf(polls, index + 1) : null,
    outage: outageAt(spans, found, at),
    capacity: capacityAt(records, found, decision, at),
    archived: archivedAt(records, decision, activeIds, at),
    booting: bootingAt(records, found?.entry ?? null, openLaunches, at),
    unclaimedSince: unclaimedSince(polls, index, definition?.config.scalingRatio ?? 1),
  };
}

function poolOf(
  { providerId, config }: SubmittedPool,
  { id, at }: RevisionRecord,
  estimator: PoolRecords['estimator'],
): PoolEvidence['pool'] {
  const { minCapacity = 0, maxCapacity = 0, scalingRatio = 1 } = config;
  const source: Source = { kind: 'revision', id: String(id), at };
  return providerId === NULL_PROVIDER
    ? null
    : { providerId, estimator, minCapacity, maxCapacity, scalingRatio, source };
}

const deedOf = ({ id, at, clientId }: RevisionRecord): PoolEvidence['deletion'] => ({
  at,
  who: clientId === '' ? null : clientId,
  source: { kind: 'revision', id: String(id), at },
});

/** A new pool is reconciled before the first poll of it comes; what that read is all that is known of it then. */
function firstReading(decision: ReconciliationRecord | null, poll: PollRecord | null): PollRecord | null {
  const { inputs } = decision?.evidence ?? {};
  if (!decision || !inputs || (poll !== null && poll.at > decision.ended)) return null;
  const entry: PollEntry = {
    ...{ pending: inputs.pendingTasks, claimed: inputs.claimedTasks, requested: inputs.requestedCapacity },
    ...{ running: inputs.runningCapacity, stopping: inputs.stoppingCapacity, quarantined: inputs.quarantinedCapacity },
    ...{ inDoubt: inputs.inDoubtCapacity, wanted: 0, room: 0, verdict: 'triggered', dueMs: 0 },
  };
  const intervalMs = poll?.intervalMs ?? USUAL_INTERVAL_MS;
  return { id: decision.id, at: decision.began, intervalMs, entry, failure: null };
}

const USUAL_INTERVAL_MS = 10_000;

function pollOf(polls: readonly PollRecord[], index: number): Poll | null {
  const poll = polls[index]!;
  let first = index;
  while (first > 0 && hasSameCounts(polls[first - 1]!, poll)) first -= 1;
  return pollFrom(poll, polls[first]!.at, { kind: 'poll', id: String(poll.id), at: poll.at });
}

function pollFrom({ at, intervalMs, entry, failure }: PollRecord, since: number, source: Source): Poll | null {
  if (entry === null) return null;
  const { pending, claimed } = entry;
  return {
    at,
    dueAt: at + intervalMs,
    since,
    counts: pending === null || claimed === null ? null : { pendingTasks: pending, claimedTasks: claimed },
    failure: entry.verdict === 'left-out' ? 'the poll was over before its turn came' : failure,
    source,
  };
}

const hasSameCounts = ({ entry: a }: PollRecord, { entry: b }: PollRecord): boolean =>
  a?.pending === b?.pending && a?.claimed === b?.claimed;

/** Since when polls have read waiting tasks beside enough idle machines. */
function unclaimedSince(polls: readonly PollRecord[], index: number, ratio: number): number | null {
  let since: number | null = null;
  for (let each = index; each >= 0; each -= 1) {
    const { at, entry } = polls[each]!;
    if (entry === null || entry.pending === null || entry.pending === 0) break;
    if (entry.running - (entry.claimed ?? 0) < Math.ceil(entry.pending * ratio)) break;
    since = at;
  }
  return since;
}

const sourceOf = ({ id, begins }: SpanRecord): Source => ({ kind: 'span', id: String(id), at: begins });

export const lasts = ({ begins, ends }: Pick<SpanRecord, 'begins' | 'ends'>, at: number): boolean =>
  begins <= at && (ends === null || ends > at);

/** The outage that covers the instant, or began with the silence that does. */
function outageAt(spans: readonly SpanRecord[], poll: PollRecord | null, at: number): PoolEvidence['outage'] {
  const found = spans.find((span) => span.kind === 'outage' && (lasts(span, at) || span.begins === poll?.at));
  if (!found) return null;
  const { begins: begin, ends: end } = found;
  return { begin, end, reason: 'no process polled', source: sourceOf(found) };
}

function lastingAt(
  { spans, workerPoolId }: PoolRecords,
  definition: SubmittedPool | null,
  decision: ReconciliationRecord | null,
): Pick<PoolEvidence, 'holds' | 'schedulePause' | 'providerBlock'> {
  const schedule = spans.find(({ kind, subject }) => kind === 'schedule' && subject === workerPoolId);
  const provider = spans.find(({ kind, subject }) => kind === 'provider' && subject === definition?.providerId);
  return {
    holds: spans.filter(({ kind }) => kind === 'hold').map(holdOf),
    schedulePause: schedule
      ? { begin: schedule.begins, end: schedule.ends, seenAt: schedule.begins, source: sourceOf(schedule) }
      : null,
    providerBlock: provider
      ? {
          ...{ begin: provider.begins, end: provider.ends, reason: sayProvider(provider), isForGood: false },
          source: sourceOf(provider),
        }
      : blockOf(decision),
  };
}

function holdOf(span: SpanRecord): Hold {
  const { reason, clientId } = span.data as HoldData;
  const source = sourceOf(span);
  return { begin: span.begins, end: span.ends, ofAllPools: span.subject === '*', who: clientId, reason, source };
}

function sayProvider({ data }: SpanRecord): string {
  const { state, message } = data as ProviderData;
  switch (state) {
    case 'failed':
      return message === null ? 'it failed' : `it failed: ${message}`;
    case 'draining':
      return 'it is draining';
    case 'unconfigured':
      return 'it is not in the configuration';
  }
}

/** What no span tells: a provider that launches nothing by itself. */
function blockOf(decision: ReconciliationRecord | null): PoolEvidence['providerBlock'] {
  const block = decision?.evidence.blocks.find(({ code }) => code === 'provider');
  if (!decision || !block || !block.reason.endsWith(LAUNCHES_NOTHING)) return null;
  return {
    begin: decision.ended,
    end: null,
    reason: `it ${LAUNCHES_NOTHING}`,
    isForGood: true,
    source: decisionSource(decision),
  };
}

const decisionSource = ({ id, ended }: ReconciliationRecord): Source => ({
  kind: 'decision',
  id: String(id),
  at: ended,
});

function decisionOf(decision: ReconciliationRecord): DecisionEvidence {
  const { rounds, launches, blocks, failure } = decision.evidence;
  const unread = blocks.find(({ code }) => code === 'schedule-unread')?.reason ?? null;
  const cut = rounds.findLast(({ limit }) => limit !== null)?.limit ?? null;
  return {
    at: decision.ended,
    failure: failure ?? unread,
    limit: cut && {
      name: cut.limit,
      used: cut.limit === 'machines' ? cut.machines : cut.launchedLastMinute,
      max: cut.limit === 'machines' ? cut.maxMachines : cut.launchesPerMinute,
      until: cut.endsAt,
    },
    requestedMachines: launches.reduce((sum, { requested }) => sum + requested, 0),
    source: decisionSource(decision),
  };
}

/** Use, errors and preemptions of launch configs are those of the last choice between them. */
function launchConfigsAt(
  records: PoolRecords,
  definition: SubmittedPool,
  openLaunches: Known['openLaunches'],
  at: number,
): LaunchConfigEvidence[] {
  const choice = last(records.reconciliations, ({ ended, evidence }) => ended <= at && evidence.rounds.length > 0);
  const candidates = choice?.evidence.rounds.at(-1)?.candidates ?? [];
  return definition.launchConfigs.map(({ launchConfigId, revision, configuration }) => {
    const launchConfiguration = configuration as LaunchConfiguration;
    const seen = candidates.find((each) => each.launchConfigId === launchConfigId && each.revision === revision);
    return {
      ...{ launchConfigId, revision, ...placeOf(configuration) },
      initialWeight: launchConfiguration.workerManager?.initialWeight ?? null,
      maxCapacity: launchConfiguration.workerManager?.maxCapacity ?? null,
      capacityPerInstance: capacityPerInstance(launchConfiguration),
      usedCapacity: seen?.usedCapacity ?? 0,
      recentErrors: seen?.recentErrors ?? 0,
      ...(seen?.preemptedPart !== undefined && { preemptedPart: seen.preemptedPart }),
      backoff: backoffAt(records, launchConfigId, revision, at),
      openLaunches: openLaunches.filter((launch) => launch.launchConfigId === launchConfigId).length,
      unregisteredRoom: seen?.outcome === 'awaiting a registration' ? 0 : null,
    };
  });
}

function backoffAt({ spans, attempts }: PoolRecords, launchConfigId: string, revision: number, at: number) {
  const span = spans.findLast((each) => each.kind === 'backoff' && each.part === launchConfigId);
  if (!span || span.ends === null) return null;
  const data = span.data as BackoffData;
  if (data.revision !== revision) return null;
  const calls = attempts.filter(({ launchToken, begun }) => launchToken === data.launchToken && begun <= at);
  return {
    begin: span.begins,
    until: data.until ?? span.ends,
    end: span.ends,
    failureClass: data.failureClass,
    failures: data.failures,
    code: data.code,
    message: data.message ?? data.title,
    requestIds: calls.flatMap(({ requestId }) => requestId ?? []).slice(-MAX_REQUEST_IDS),
    source: sourceOf(span),
  } satisfies Backoff;
}

const MAX_REQUEST_IDS = 5;

/** The last of those that hold, in a list ordered by time. */
const last = <T>(list: readonly T[], holds: (item: T) => boolean): T | null => list.findLast(holds) ?? null;

/** Index of the last poll that was over by then; −1: none was. */
function lastIndex(polls: readonly PollRecord[], at: number): number {
  let [low, high] = [0, polls.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (polls[middle]!.at <= at) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
