import type { Finding, Rule, Situation } from './situation.js';
import { clock, quoted } from './words.js';

/** What keeps a pool from launching anything, whatever it wants. */

export const held: Rule = ({ evidence, at, estimate: { wantedCapacity } }) => {
  // A pool's own hold is its operator's; the hold of all pools stands behind it.
  const [hold] = evidence.holds.toSorted((a, b) => Number(a.ofAllPools) - Number(b.ofAllPools) || a.begin - b.begin);
  if (!hold) return null;
  const what = hold.ofAllPools ? 'all pools' : 'the pool';
  const since = `${hold.who} held ${what} at ${clock(hold.begin, at)} (${quoted(hold.reason)})`;
  return {
    cause: 'held',
    sentence: `${since}; ${wanted(wantedCapacity)}.`,
    ...{ since: hold.begin, until: hold.end },
    restsOnCounts: false,
    sources: evidence.holds.map(({ source }) => source),
  };
};

export const schedulePaused: Rule = ({ evidence, at, estimate: { wantedCapacity } }) => {
  const pause = evidence.schedulePause;
  if (!pause) return null;
  const seen = pause.seenAt === pause.begin ? '' : ` (seen at ${clock(pause.seenAt, at)})`;
  const since = `Its Schedule was paused in Temporal from ${clock(pause.begin, at)} on${seen}`;
  return {
    cause: 'schedule-paused',
    sentence: `${since}; ${wanted(wantedCapacity)}.`,
    ...{ since: pause.begin, until: pause.end },
    restsOnCounts: false,
    sources: [pause.source],
  };
};

/** Without counts only the minimum is launched: it binds where that is there. */
export const queueSilent: Rule = ({ poll, at, estimate: { wantedCapacity } }) => {
  if (poll.counts !== null) return null;
  const words = poll.failure === null ? '' : ` (${quoted(poll.failure)})`;
  const since = `The queue did not answer from ${clock(poll.since, at)} on${words}`;
  const minimum = wantedCapacity > 0 ? `; ${wantedCapacity} were wanted for the minimum` : '';
  return {
    cause: 'demand-unreadable',
    sentence: `${since}; nothing is launched for tasks that nobody can count${minimum}.`,
    since: poll.since,
    nextChange: { what: 'the queue is read again', at: poll.dueAt },
    restsOnCounts: false,
    sources: [poll.source],
  };
};

export const providerDown: Rule = ({ evidence, at, pool, estimate: { wantedCapacity } }) => {
  const block = evidence.providerBlock;
  if (!block) return null;
  // Machines that somebody sets up: that nobody launches any is a reason only where some are wanted.
  if (block.isForGood && wantedCapacity <= 0) return null;
  return {
    cause: 'provider-down',
    sentence: `Provider ${pool.providerId} launched nothing from ${clock(block.begin, at)} on: ${sayWhy(block.reason)}; ${wanted(wantedCapacity)}.`,
    ...{ since: block.begin, until: block.end },
    restsOnCounts: false,
    sources: [block.source],
  };
};

/** Unread counts stand behind what would launch nothing in any case; before that where the minimum is there. */
export const blocks: readonly Rule[] = [
  held,
  schedulePaused,
  (situation: Situation): Finding | null => (situation.estimate.wantedCapacity > 0 ? null : queueSilent(situation)),
  providerDown,
];

export const wanted = (capacity: number): string => `${capacity} more ${capacity === 1 ? 'was' : 'were'} wanted`;

const sayWhy = (reason: string): string => reason.replaceAll(/\s+/g, ' ').trim().replace(/\.$/, '');
