import { MINUTE_MS } from '../durations.js';
import type { OpenLaunch } from './evidence.js';
import type { Source } from './explanation.js';
import { freeCapacity, type Finding, type Rule, type Situation, wantedWithout } from './situation.js';
import { clock, count, seconds, were } from './words.js';

/** Why a pool wants nothing more: what is on its way, or what is there, suffices. */

/** Idle machines claim within moments; what they leave for so long they will not take. */
export const UNCLAIMED_FOR_MS = 3 * MINUTE_MS;

/** What would be wanted, were it not for capacity of one kind that is on its way; the largest kind is the cause. */
interface OnItsWay {
  readonly capacity: number;
  readonly find: () => Finding;
}

export const nothingMoreWanted: Rule = (situation) => {
  if (situation.estimate.wantedCapacity > 0) return null;
  const { requestedCapacity } = situation.input;
  if (wantedWithout(situation, requestedCapacity) <= 0) return idle(situation);
  const [largest] = onItsWay(situation)
    .filter(({ capacity }) => capacity > 0)
    .sort((a, b) => b.capacity - a.capacity);
  return largest?.find() ?? idle(situation);
};

/** Kinds of which something is on its way, beside the largest: they would keep the pool too. */
export const otherKindsOnTheirWay = (situation: Situation): Finding[] => {
  const { requestedCapacity } = situation.input;
  if (situation.estimate.wantedCapacity > 0 || wantedWithout(situation, requestedCapacity) <= 0) return [];
  return onItsWay(situation)
    .filter(({ capacity }) => capacity > 0)
    .sort((a, b) => b.capacity - a.capacity)
    .slice(1)
    .map(({ find }) => find());
};

function onItsWay(situation: Situation): OnItsWay[] {
  const { evidence } = situation;
  const open = evidence.openLaunches.filter(({ isOverdue }) => !isOverdue);
  const inDoubt = open.filter(({ inDoubtSince }) => inDoubtSince !== null);
  const inLine = open.filter((launch) => launch.inDoubtSince === null && launch.waitsForCalls !== null);
  const sent = open.filter((launch) => launch.inDoubtSince === null && launch.waitsForCalls === null);
  return [
    { capacity: capacityOf(inDoubt), find: () => launchInDoubt(situation, inDoubt) },
    { capacity: capacityOf(inLine), find: () => waitsForCalls(situation, inLine) },
    { capacity: capacityOf(sent), find: () => launching(situation, sent) },
    { capacity: capacityOf(evidence.booting), find: () => booting(situation) },
  ];
}

export function launchInDoubt({ at, pool }: Situation, launches: readonly OpenLaunch[]): Finding {
  const [first] = launches;
  const since = first?.inDoubtSince ?? at;
  const more = launches.length > 1 ? ` and of ${count(launches.length - 1, 'other')}` : '';
  const which = `launch ${first?.token} (${count(first?.machines ?? 0, 'machine')}, ${clock(since, at)})${more}`;
  const counts = first?.isOverdue
    ? `it keeps ${capacityOf(launches)} of the maximum of ${pool.maxCapacity} until a search proves what there is`
    : 'it counts until the repeat answers';
  return {
    cause: 'launch-in-doubt',
    sentence: `The answer to ${which} is lost; ${counts}.`,
    since,
    restsOnCounts: false,
    sources: launches.map(({ source }) => source),
  };
}

function waitsForCalls({ at }: Situation, launches: readonly OpenLaunch[]): Finding {
  const [first] = launches;
  const { bucket = 'its cloud', until = null } = first?.waitsForCalls ?? {};
  const end = until === null ? '' : ` until ${clock(until, at)}`;
  const machines = launches.reduce((sum, launch) => sum + launch.machines, 0);
  return {
    cause: 'cloud-call-limit',
    sentence: `The launch of ${count(machines, 'machine')} waited for its place among calls to ${bucket}${end}.`,
    since: first?.requestedAt ?? null,
    nextChange: until === null ? null : { what: 'its place among the calls', at: until },
    restsOnCounts: false,
    sources: launches.map(({ source }) => source),
  };
}

export function launching({ at }: Situation, launches: readonly OpenLaunch[]): Finding {
  const machines = launches.reduce((sum, launch) => sum + launch.machines, 0);
  const since = launches[0]?.requestedAt ?? at;
  return {
    cause: 'launching',
    sentence: `${count(machines, 'machine')} ${were(machines)} being launched from ${clock(since, at)} on.`,
    since,
    restsOnCounts: true,
    sources: launches.map(({ source }) => source),
  };
}

function booting({ at, evidence }: Situation): Finding {
  const machines = evidence.booting.reduce((sum, launch) => sum + launch.machines, 0);
  const since = evidence.booting[0]?.requestedAt ?? at;
  const half = evidence.medianRegistrationMs;
  const usually = half === null ? '' : `; half register within ${seconds(half)}`;
  const from = evidence.booting.length > 1 ? `from ${clock(since, at)} on` : `at ${clock(since, at)}`;
  return {
    cause: 'still-booting',
    sentence: `${count(machines, 'machine')} requested ${from} had not registered${usually}.`,
    since,
    nextChange:
      half === null || since + half <= at ? null : { what: 'half of them usually register', at: since + half },
    restsOnCounts: true,
    sources: evidence.booting.map(({ source }) => source),
  };
}

function idle(situation: Situation): Finding {
  const { at, evidence, input, poll } = situation;
  const waiting = input.pendingTasks ?? 0;
  const free = freeCapacity(input);
  const since = evidence.unclaimedSince;
  const base = { since: poll.since, restsOnCounts: true, sources: pollSources(situation) };
  if (waiting > 0 && since !== null && at - since >= UNCLAIMED_FOR_MS) {
    const sentence = `${count(waiting, 'task')} waited, and idle machines for ${free} had not claimed any since ${clock(since, at)}.`;
    return { ...base, cause: 'idle-not-claiming', sentence, since };
  }
  return { ...base, cause: 'nothing-wanted', sentence: sayEnough(situation, waiting, free) };
}

function sayEnough({ input, pool }: Situation, waiting: number, free: number): string {
  const waited = `${count(waiting, 'task')} waited`;
  const { currentCapacity, minCapacity } = input;
  if (waiting === 0) return `${waited}, and ${currentCapacity} existed where the minimum is ${minCapacity}.`;
  const wants = pool.scalingRatio === 1 ? '' : `, of which each wants ${pool.scalingRatio},`;
  return `${waited}${wants} and idle machines were there to take ${free}.`;
}

const pollSources = ({ poll, pool }: Situation): readonly (Source | null)[] => [poll.source, pool.source];

const capacityOf = (launches: readonly { readonly capacity: number }[]): number =>
  launches.reduce((sum, { capacity }) => sum + capacity, 0);
