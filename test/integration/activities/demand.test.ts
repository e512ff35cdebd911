import { beforeEach, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { demandActivities } from '../../../activities/demand.js';
import type { DemandCounts } from '../../../domain/demand.js';
import { recordRunning } from '../../../records/worker-changes.js';
import type { ActivityDeps } from '../../../activities/deps.js';
import type { PollLimits } from '../../../demand/poll-pools.js';
import { setShouldTerminate } from '../../../records/terminations.js';
import { bookLaunch, finishLaunches } from '../../../records/launches.js';
import { activityDeps, asActivity } from '../../support/activities.js';
import { machines, makePool, NOW, order, reserve, times } from '../../support/records.js';
import { recordsFor } from '../../support/records-suite.js';

const records = recordsFor('PGlite');
beforeEach(async () => {
  for (const name of ['a', 'b', 'c']) await makePool(records.db, { workerPoolId: `prov/${name}` });
});

const waiting: DemandCounts = { pendingTasks: 5, claimedTasks: 0 };

/** A demand look and the pools that it has asked so far; `onAsk` is called with each. */
function demandLook(
  counts: (workerPoolId: string) => Promise<DemandCounts>,
  onAsk: () => void = () => {},
  changes: { limits?: PollLimits; log?: ActivityDeps['log'] } = {},
) {
  const asked: string[] = [];
  const deps = activityDeps({
    records,
    demand: { counts },
    ...(changes.log && { log: changes.log }),
    asks: {
      askForLook: async (workerPoolId: string) => {
        asked.push(workerPoolId);
        onAsk();
      },
    },
  });
  const activities = demandActivities(deps, changes.limits);
  return { asked, look: () => asActivity(() => activities.lookAtDemand()) };
}

test('a pool whose counts cannot be read is held alone', async () => {
  const { asked, look } = demandLook(async (workerPoolId) => {
    if (workerPoolId === 'prov/a') throw new Error('the queue does not answer');
    return waiting;
  });
  expect(await look()).toEqual({ pools: 3, asked: 2, unreadable: 1 });
  expect(asked.sort()).toEqual(['prov/b', 'prov/c']);
});

test('a pool whose counts are slow holds no other up', async () => {
  const slow = Promise.withResolvers<DemandCounts>();
  const othersAsked = Promise.withResolvers<void>();
  const { asked, look } = demandLook(
    async (workerPoolId) => (workerPoolId === 'prov/a' ? await slow.promise : waiting),
    () => asked.length === 2 && othersAsked.resolve(),
  );
  const looked = look();
  await othersAsked.promise;
  expect([...asked].sort()).toEqual(['prov/b', 'prov/c']);
  slow.resolve(waiting);
  expect(await looked).toEqual({ pools: 3, asked: 3, unreadable: 0 });
});

test('a pool is asked when a machine more than is needed runs, and not when only the last one passes the target', async () => {
  const workerPoolId = 'prov/a';
  // Two machines of 4 and no launch under way.
  await reserve(records.db, [order('t', 2, { capacityPerMachine: 4 })], workerPoolId);
  const workers = (await bookLaunch(records.db, 't', machines(2, 't'), times)) ?? [];
  await finishLaunches(records.db, ['t'], NOW);
  for (const worker of workers) {
    const registered = { registeredAt: NOW, terminateAfter: NOW, expires: NOW, secretGeneration: 1, nowMs: NOW };
    await recordRunning(records.db, worker, registered);
  }
  const askedWith = async (claimedTasks: number) => {
    const { asked, look } = demandLook(async (pool) => ({
      pendingTasks: 0,
      claimedTasks: pool === workerPoolId ? claimedTasks : 0,
    }));
    await look();
    return asked;
  };
  expect(await askedWith(8)).toEqual([]);
  expect(await askedWith(5)).toEqual([]);
  expect(await askedWith(4)).toEqual([workerPoolId]);
  // Once one of them has been told, there is nothing to ask for until it is needed again.
  const [{ workerGroup, workerId }] = workers as [(typeof workers)[number]];
  const told = { workerGroup, workerId, terminate: true, reason: 'over capacity' } as const;
  await setShouldTerminate(records.db, workerPoolId, [told], NOW);
  expect(await askedWith(4)).toEqual([]);
  expect(await askedWith(5)).toEqual([workerPoolId]);
});

test('a poll logs one line for all pools that failed, and one for each change, however many pools there are', async () => {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  let isSilent = true;
  const counts = async () => {
    if (isSilent) throw new Error('the queue does not answer');
    return { pendingTasks: 0, claimedTasks: 0 };
  };
  for (let pool = 0; pool < 30; pool += 1) await makePool(records.db, { workerPoolId: `prov/many-${pool}` });
  const { look } = demandLook(counts, () => {}, { log });
  await look();
  await look();
  isSilent = false;
  await look();
  await look();
  expect(lines.map(({ msg, pools }) => [msg, pools])).toEqual([
    ['demand-poll-failed', 33],
    ['demand-unreadable', 33],
    ['demand-poll-failed', 33],
    ['demand-readable', 33],
  ]);
  expect(lines[0]).toMatchObject({
    workerPoolIds: ['prov/a', 'prov/b', 'prov/c', 'prov/many-0', 'prov/many-1'],
    failed: 33,
    leftOut: 0,
    err: { message: 'the queue does not answer' },
  });
});
