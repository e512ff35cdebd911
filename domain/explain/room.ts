import { wanted } from './blocks.js';
import { launchInDoubt } from './demand.js';
import { type Finding, occupiedCapacity, type Rule, type Situation } from './situation.js';

/** Why a pool that wants machines has no room for them. */

interface Taker {
  readonly capacity: number;
  readonly find: () => Finding;
}

/** What takes room beside working machines, most of it first; the maximum itself where nothing else does. */
export const noRoom: Rule = (situation) => {
  const [largest] = takers(situation);
  if (situation.estimate.wantedCapacity <= 0 || situation.estimate.roomCapacity > 0) return null;
  return largest?.find() ?? atMaximum(situation);
};

/** Other takers, and the maximum. */
export const otherTakers = (situation: Situation): Finding[] => {
  if (noRoom(situation) === null) return [];
  const found = takers(situation);
  return found.length === 0 ? [] : [...found.slice(1).map(({ find }) => find()), atMaximum(situation)];
};

function takers(situation: Situation): Taker[] {
  const { evidence, input, estimate } = situation;
  const overdue = evidence.openLaunches.filter(({ isOverdue }) => isOverdue);
  const { runningCapacity, stoppingCapacity } = evidence.archived;
  const replaces = runningCapacity + stoppingCapacity > 0;
  const all: Taker[] = [
    { capacity: input.inDoubtCapacity, find: () => launchInDoubt(situation, overdue) },
    replaces
      ? { capacity: runningCapacity + input.stoppingCapacity, find: () => replacement(situation) }
      : { capacity: input.stoppingCapacity, find: () => byStopping(situation) },
    { capacity: input.quarantinedCapacity, find: () => byQuarantined(situation) },
  ];
  return (
    all
      // What is beyond the maximum by more than it takes is not its doing.
      .filter(({ capacity }) => capacity > 0 && estimate.roomCapacity + capacity > 0)
      .sort((a, b) => b.capacity - a.capacity)
  );
}

const base = (situation: Situation) => ({
  since: situation.poll.since,
  restsOnCounts: true,
  sources: [situation.poll.source, situation.pool.source],
});

function atMaximum(situation: Situation): Finding {
  const { pool, input, estimate } = situation;
  const existed = `${occupiedCapacity(input)} of at most ${pool.maxCapacity} existed`;
  return { ...base(situation), cause: 'at-maximum', sentence: `${existed}; ${wanted(estimate.wantedCapacity)}.` };
}

function byStopping(situation: Situation): Finding {
  const { pool, input, estimate } = situation;
  const taken = `Stopping machines held ${input.stoppingCapacity} of the maximum of ${pool.maxCapacity}`;
  return {
    ...base(situation),
    cause: 'room-taken-by-stopping',
    sentence: `${taken}; ${wanted(estimate.wantedCapacity)}.`,
  };
}

function byQuarantined(situation: Situation): Finding {
  const { pool, input, estimate } = situation;
  const taken = `Quarantined machines held ${input.quarantinedCapacity} of the maximum of ${pool.maxCapacity}`;
  return {
    ...base(situation),
    cause: 'room-taken-by-quarantined',
    sentence: `${taken}; ${wanted(estimate.wantedCapacity)}.`,
  };
}

function replacement(situation: Situation): Finding {
  const { evidence, pool, input, estimate } = situation;
  const running = `${evidence.archived.runningCapacity} of archived launch configs ran`;
  const stopping = `${input.stoppingCapacity} stopped`;
  const room = `they make room under the maximum of ${pool.maxCapacity} as they end`;
  return {
    ...base(situation),
    cause: 'replacement-under-way',
    sentence: `${running} and ${stopping}; ${room}; ${wanted(estimate.wantedCapacity)}.`,
  };
}
