import { beforeEach, expect, test } from '@jest/globals';
import { DEMAND_POLL_LIMITS, demandActivities } from '../../../../activities/demand/poll-demand.js';
import { type DemandCounts, PUSH_PRESENCE } from '../../../../domain/demand.js';
import { makeReadingDue } from '../../../../database/demand-readings.js';
import { jsonb } from '../../../../database/client/sql.js';
import type { DecisionBasis } from '../../../../domain/decision-record.js';
import { recordDecision } from '../../../../database/decisions.js';
import { hold, release } from '../../../../database/holds.js';
import type { Db } from '../../../../database/client/schema.js';
import type { ActivityDeps } from '../../../../activities/support/deps.js';
import type { PollLimits } from '../../../../activities/demand/poll-pools.js';
import { activityDeps, activityEnvironment, asActivity } from '../../../support/activities.js';
import { decisionOf } from '../../../support/decisions.js';
import { makePool, NOW } from '../../../support/database.js';
import { recordedLog } from '../../../support/recorded-log.js';
import { recordedContext } from '../../../support/provider-context.js';
import { RecordingCloud } from '../../../support/recording-cloud.js';
import { recordingProvider } from '../../../support/recording-provider.js';
import { providersOf } from '../../../../providers/configured.js';
import { databaseFor } from '../../../support/database-suite.js';

const database = databaseFor('PGlite');
beforeEach(async () => {
  for (const name of ['a', 'b', 'c']) await makePool(database.db, { workerPoolId: `prov/${name}` });
});

let clock = NOW;
const waiting: DemandCounts = { pendingTasks: 5, claimedTasks: 0 };

/** A demand poll and the pools that it has triggered so far; `onTrigger` is called with each. */
function demandPoll(
  counts: (workerPoolId: string) => Promise<DemandCounts>,
  onTrigger: () => unknown = () => {},
  changes: { limits?: PollLimits; log?: ActivityDeps['log']; db?: Db } = {},
) {
  const requested: string[] = [];
  const deps = activityDeps({
    database: { db: changes.db ?? database.db },
    providers: providersOf([recordingProvider(recordedContext({ providerId: 'aws' }), new RecordingCloud(), 'bulk')]),
    demand: { counts },
    ...(changes.log && { log: changes.log }),
    triggers: {
      requestReconcile: async (workerPoolId: string) => {
        requested.push(workerPoolId);
        await onTrigger();
      },
    },
  });
  const activities = demandActivities(deps, changes.limits);
  return {
    triggered: requested,
    pollOnce: () =>
      asActivity(
        () => activities.pollDemand(),
        activityEnvironment({ currentAttemptScheduledTimestampMs: (clock += 10_000) }),
      ),
  };
}

test('a pool whose counts cannot be read is left out without affecting other pools', async () => {
  const { triggered: requested, pollOnce } = demandPoll(async (workerPoolId) => {
    if (workerPoolId === 'prov/a') throw new Error('the queue does not answer');
    return waiting;
  });
  expect(await pollOnce()).toEqual({ pools: 3, triggered: 2, unanswered: 1, quiet: 0 });
  expect(requested.sort()).toEqual(['prov/b', 'prov/c']);
});

test('a pool whose counts are slow delays no other pool', async () => {
  const slow = Promise.withResolvers<DemandCounts>();
  const othersPolled = Promise.withResolvers<void>();
  const { triggered: requested, pollOnce } = demandPoll(
    async (workerPoolId) => (workerPoolId === 'prov/a' ? await slow.promise : waiting),
    () => requested.length === 2 && othersPolled.resolve(),
  );
  const polled = pollOnce();
  await othersPolled.promise;
  expect([...requested].sort()).toEqual(['prov/b', 'prov/c']);
  slow.resolve(waiting);
  expect(await polled).toEqual({ pools: 3, triggered: 3, unanswered: 0, quiet: 0 });
});

test('a poll triggers every pool that can be read when more pools fail, or hang, than are read at once', async () => {
  const [failing, hanging, others] = ['failing', 'hanging', 'sound'].map((name) =>
    Array.from({ length: 4 }, (_, index) => `prov/${index}-${name}`),
  ) as [string[], string[], string[]];
  for (const workerPoolId of [...failing, ...hanging, ...others]) await makePool(database.db, { workerPoolId });
  const limits = { ...DEMAND_POLL_LIMITS, lanes: 2, slowLanes: 1, poolTimeoutMs: 50 };
  const { triggered: requested, pollOnce } = demandPoll(
    async (workerPoolId) => {
      if (failing.includes(workerPoolId)) throw new Error('the queue does not answer');
      if (hanging.includes(workerPoolId)) return await new Promise<never>(() => {});
      return waiting;
    },
    () => {},
    { limits },
  );
  const sound = [...others, 'prov/a', 'prov/b', 'prov/c'].toSorted();
  for (let poll = 0; poll < 2; poll += 1) {
    expect(await pollOnce()).toEqual({ pools: 15, triggered: 7, unanswered: 8, quiet: 0 });
    expect(requested.splice(0).toSorted()).toEqual(sound);
  }
});

test('a pool is triggered when its situation differs from its last decision, and when that says so', async () => {
  const decided = async (basis: Partial<DecisionBasis>) => {
    const full = { wantedCapacity: 5, roomCapacity: 100, advisedCapacity: 0, evaluateAgainAt: null, ...basis };
    for (const name of ['a', 'b', 'c']) {
      await recordDecision(database.db, `prov/${name}`, decisionOf(), { basis: full, fingerprint: 'f', nowMs: NOW });
    }
  };
  const { triggered: requested, pollOnce } = demandPoll(async (workerPoolId) =>
    workerPoolId === 'prov/a' ? waiting : nothing,
  );
  await decided({ wantedCapacity: 0 });
  await pollOnce();
  expect(requested.splice(0)).toEqual(['prov/a']);
  await decided({});
  await pollOnce();
  expect(requested.splice(0).toSorted()).toEqual(['prov/b', 'prov/c']);
  await decided({ evaluateAgainAt: NOW + 1_000_000 });
  await pollOnce();
  expect(requested.splice(0).toSorted()).toEqual(['prov/b', 'prov/c']);
  await decided({ evaluateAgainAt: NOW });
  await pollOnce();
  expect(requested.splice(0).toSorted()).toEqual(['prov/a', 'prov/b', 'prov/c']);
});

test('a held pool wants nothing, and is triggered when the hold ends', async () => {
  const by = { reason: 'repair', clientId: 't', nowMs: NOW };
  await hold(database.db, '*', by);
  const basis = { wantedCapacity: 0, roomCapacity: 100, advisedCapacity: 0, evaluateAgainAt: null };
  for (const name of ['a', 'b', 'c']) {
    await recordDecision(database.db, `prov/${name}`, decisionOf(), { basis, fingerprint: 'f', nowMs: NOW });
  }
  const { triggered: requested, pollOnce } = demandPoll(async () => waiting);
  await pollOnce();
  expect(requested.splice(0)).toEqual([]);
  expect(await wanted()).toEqual([0, 0, 0]);
  await release(database.db, '*', { clientId: 'ops', nowMs: NOW });
  await pollOnce();
  expect(requested.splice(0).toSorted()).toEqual(['prov/a', 'prov/b', 'prov/c']);
  expect(await wanted()).toEqual([5, 5, 5]);
});

test('a poll records what all pools want before it triggers the first of them', async () => {
  const seen: number[][] = [];
  const { pollOnce } = demandPoll(
    async () => waiting,
    async () => void seen.push(await wanted()),
  );
  await pollOnce();
  expect(seen).toEqual([
    [5, 5, 5],
    [5, 5, 5],
    [5, 5, 5],
  ]);
});

test('the minimum of a pool is wanted while its queue does not answer', async () => {
  await makePool(database.db, { workerPoolId: 'prov/min', config: { minCapacity: 2, maxCapacity: 9 } });
  const { triggered: requested, pollOnce } = demandPoll(async () => {
    throw new Error('the queue does not answer');
  });
  await pollOnce();
  expect(requested).toEqual(['prov/min']);
});

const nothing: DemandCounts = { pendingTasks: 0, claimedTasks: 0 };
const wanted = async () =>
  (await database.db.selectFrom('demandReadings').select('wantedMachines').orderBy('workerPoolId').execute()).map(
    ({ wantedMachines }) => wantedMachines,
  );

/** Messages are heard, and have been for so long; null: they are not. */
const heard = async (seconds: number | null) => {
  const nowMs = Date.now();
  const row = { name: PUSH_PRESENCE, holder: 'somebody', since: nowMs - (seconds ?? 0) * 1000, until: nowMs + 10_000 };
  await database.db.deleteFrom('leases').execute();
  if (seconds !== null) await database.db.insertInto('leases').values(row).execute();
};

test('a poll reads the queue for pools with work, and for quiet ones only once a minute while messages are heard', async () => {
  await database.db.updateTable('workerPools').set({ created: 0 }).execute();
  const read: string[] = [];
  const { pollOnce } = demandPoll(async (workerPoolId) => {
    read.push(workerPoolId);
    return workerPoolId === 'prov/a' ? waiting : { pendingTasks: 0, claimedTasks: 0 };
  });
  await heard(3_600);
  const readings = async () => {
    read.length = 0;
    const { quiet } = await pollOnce();
    return [[...read].sort(), quiet];
  };
  expect(await readings()).toEqual([['prov/a', 'prov/b', 'prov/c'], 0]);
  for (let nth = 1; nth <= 5; nth += 1) expect(await readings()).toEqual([['prov/a'], 2]);
  expect(await readings()).toEqual([['prov/a', 'prov/b', 'prov/c'], 0]);
  // A task of it has come.
  await makeReadingDue(database.db, 'prov/b');
  expect(await readings()).toEqual([['prov/a', 'prov/b'], 1]);
  await heard(null);
  expect(await readings()).toEqual([['prov/a', 'prov/b', 'prov/c'], 0]);
  await heard(1);
  expect(await readings()).toEqual([['prov/a', 'prov/b', 'prov/c'], 0]);
});

test('a poll triggers a quiet pool that has fewer machines than its minimum, and keeps its last reading', async () => {
  await database.db.updateTable('workerPools').set({ created: 0 }).execute();
  const { triggered: requested, pollOnce } = demandPoll(async () => ({ pendingTasks: 0, claimedTasks: 0 }));
  await heard(3_600);
  for (const name of ['a', 'b', 'c']) {
    const basis = { wantedCapacity: 0, roomCapacity: 0, advisedCapacity: 0, evaluateAgainAt: null };
    await recordDecision(database.db, `prov/${name}`, decisionOf(), { basis, fingerprint: 'f', nowMs: NOW });
  }
  await pollOnce();
  const before = await database.db.selectFrom('demandReadings').selectAll().orderBy('workerPoolId').execute();
  requested.length = 0;
  const config = { minCapacity: 1, maxCapacity: 5 };
  await database.db
    .updateTable('workerPools')
    .set({ config: jsonb(config) })
    .where('workerPoolId', '=', 'prov/a')
    .execute();
  expect(await pollOnce()).toEqual({ pools: 3, triggered: 1, unanswered: 0, quiet: 3 });
  expect(requested).toEqual(['prov/a']);
  expect(await database.db.selectFrom('demandReadings').selectAll().orderBy('workerPoolId').execute()).toEqual(before);
});

test('a poll logs one line for all pools that failed, and one for each change, however many pools there are', async () => {
  const { lines, log } = recordedLog('info');
  let isSilent = true;
  const counts = async () => {
    if (isSilent) throw new Error('the queue does not answer');
    return { pendingTasks: 0, claimedTasks: 0 };
  };
  for (let pool = 0; pool < 30; pool += 1) await makePool(database.db, { workerPoolId: `prov/many-${pool}` });
  const { pollOnce } = demandPoll(counts, () => {}, { log });
  await pollOnce();
  await pollOnce();
  isSilent = false;
  await pollOnce();
  await pollOnce();
  expect(lines.map(({ msg, pools }) => [msg, pools])).toEqual([
    ['demand-poll-failed', 33],
    ['demand-unknown', 33],
    ['demand-poll-failed', 33],
    ['demand-known', 33],
  ]);
  expect(lines[0]).toMatchObject({
    workerPoolIds: ['prov/a', 'prov/b', 'prov/c', 'prov/many-0', 'prov/many-1'],
    failed: 33,
    leftOut: 0,
    err: { message: 'the queue does not answer' },
  });
});

test('a poll goes on with later answers when those before cannot be recorded, and fails at its end', async () => {
  const firstBatch = Promise.withResolvers<void>();
  const db = database.db.withPlugin({
    transformQuery: ({ node }) => {
      if (JSON.stringify(node).includes('insert into demand_readings')) firstBatch.resolve();
      return node;
    },
    transformResult: async ({ result }) => result,
  });
  const unbounded = { ...DEMAND_POLL_LIMITS, poolTimeoutMs: 60_000, totalTimeoutMs: 60_000 };
  const counts = async (workerPoolId: string) => {
    if (workerPoolId === 'prov/a') return { pendingTasks: 1.5, claimedTasks: 0 };
    await firstBatch.promise;
    return waiting;
  };
  const { triggered: requested, pollOnce } = demandPoll(counts, () => {}, { db, limits: unbounded });
  await expect(pollOnce()).rejects.toThrow('invalid input syntax for type bigint');
  expect(requested.toSorted()).toEqual(['prov/b', 'prov/c']);
});

test('a poll logs one line when Temporal takes no trigger, however many pools there are', async () => {
  for (let pool = 0; pool < 30; pool += 1) await makePool(database.db, { workerPoolId: `prov/many-${pool}` });
  const { lines, log } = recordedLog('info');
  const away = async () => {
    throw new Error('Temporal is away');
  };
  const { pollOnce } = demandPoll(async () => waiting, away, { log });
  await pollOnce();
  expect(lines).toMatchObject([{ msg: 'pools-not-triggered', pools: 33, err: { message: 'Temporal is away' } }]);
  expect(lines[0]!['workerPoolIds']).toEqual(['prov/a', 'prov/b', 'prov/c', 'prov/many-0', 'prov/many-1']);
});
