import { isOverdue, LAUNCH_ATTEMPT_TIMEOUT_MS } from '../launch.js';
import type { CallPauseData } from '../evidence.js';
import type { OpenLaunch } from './evidence.js';
import type { AttemptRecord, LaunchRecord, PoolRecords, SpanRecord } from './records.js';

/** A launch without an outcome, with what only its pool's records know. */
export type OpenLaunchAt = OpenLaunch & { readonly launchConfigId: string };

export function openLaunchesAt(records: PoolRecords, at: number): OpenLaunchAt[] {
  return records.launches
    .filter((launch) => isOpenAt(launch, at))
    .map((launch) => {
      const { token, launchConfigId, machines, capacity, created } = launch;
      const inDoubtSince = inDoubtAt(records, launch, at);
      return {
        ...{ token, launchConfigId, machines, capacity, requestedAt: created, inDoubtSince },
        isOverdue: isOverdue({ inDoubtSince }, at),
        waitsForCalls: waitAt(records, launch, at),
        source: { kind: 'launch', id: token, at: created },
      };
    });
}

export const isOpenAt = ({ created, closed }: LaunchRecord, at: number): boolean =>
  created <= at && (closed === null || closed > at);

/**
 * From the first attempt on whose answer was lost: it said so, or nobody can give one any more. An attempt is in doubt
 * from before its call (`inDoubtSince` of its launch), and while it may be answered its answer is not lost.
 */
function inDoubtAt({ attempts }: PoolRecords, { token, inDoubtSince }: LaunchRecord, at: number): number | null {
  const lost = attempts.find(
    ({ launchToken, result, ended }) => launchToken === token && result === 'Unavailable' && ended <= at,
  );
  if (lost) return lost.ended;
  return inDoubtSince !== null && unansweredFrom(inDoubtSince) <= at ? inDoubtSince : null;
}

/** From then on no answer is waited for. */
export const unansweredFrom = (inDoubtSince: number): number => inDoubtSince + LAUNCH_ATTEMPT_TIMEOUT_MS;

/** It stood in line before a call that was sent later, or was sent away from there, or the cloud wants no call. */
function waitAt({ attempts, spans }: PoolRecords, launch: LaunchRecord, at: number): OpenLaunch['waitsForCalls'] {
  const calls = attempts.filter(({ launchToken }) => launchToken === launch.token);
  const sent = calls.find(({ begun, ended }) => begun <= at && at < ended);
  if (sent) return null;
  const bucket = `${launch.providerId}/${launch.region ?? 'all regions'}/create`;
  const pause = spans.find((span) => isPauseOf(span, launch, at));
  if (pause) return { bucket: pause.subject, until: pause.ends };
  const next = calls.find(({ begun }) => begun > at);
  if (next && stoodInLine(next) && next.begun - next.waitedMs <= at) return { bucket, until: next.begun };
  const before = calls.findLast(({ ended }) => ended <= at);
  return before && wasSentAway(before) ? { bucket, until: next?.begun ?? null } : null;
}

/** The line was too long, or the cloud itself wanted fewer calls: it comes back later. */
export const wasSentAway = ({ result }: AttemptRecord): boolean => result === 'Throttled';

export const stoodInLine = ({ waitedMs }: AttemptRecord): boolean => waitedMs >= MIN_WAIT_MS;

/** Calls that have their place at once wait for a round trip too. */
const MIN_WAIT_MS = 250;

/** The first part of a bucket's name is the provider's, or its account's, which only the provider knows. */
function isPauseOf({ kind, subject, begins, ends, data }: SpanRecord, { region }: LaunchRecord, at: number): boolean {
  if (kind !== 'call-pause' || begins > at || (ends !== null && ends <= at)) return false;
  return subject.endsWith(`/${region ?? ''}/create`) && (data as CallPauseData).left >= 0;
}
