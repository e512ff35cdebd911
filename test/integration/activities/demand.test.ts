import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { pino } from 'pino';
import type { ActivityDeps } from '../../../activities/deps.js';
import { demandActivities } from '../../../activities/demand.js';
import { parseConfig } from '../../../config/load.js';
import type { DemandCounts } from '../../../domain/demand.js';
import type { Records } from '../../../records/open.js';
import { emptyRecords, makePool, openTestRecords } from '../../support/records.js';

let records: Records;
beforeAll(async () => {
  records = await openTestRecords('PGlite');
});
afterAll(() => records.close());
beforeEach(async () => {
  await emptyRecords(records.db);
  for (const name of ['a', 'b', 'c']) await makePool(records.db, { workerPoolId: `prov/${name}` });
});

const waiting: DemandCounts = { pendingTasks: 5, claimedTasks: 0 };

/** A demand look and the pools that it has asked so far; `onAsk` is called with each. */
function demandLook(counts: (workerPoolId: string) => Promise<DemandCounts>, onAsk: () => void = () => {}) {
  const asked: string[] = [];
  const deps = {
    config: parseConfig('', 'the defaults'),
    records,
    demand: { counts },
    asks: {
      askForLook: async (workerPoolId: string) => {
        asked.push(workerPoolId);
        onAsk();
      },
    },
    log: pino({ enabled: false }),
  };
  return { asked, look: () => demandActivities(deps as unknown as ActivityDeps).lookAtDemand() };
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
