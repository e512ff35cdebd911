import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { PUSH_PRESENCE } from '../../../domain/demand.js';
import { awsPool } from '../../../dev/testing/api-client.js';
import { SYSTEM_TIMEOUT_MS } from '../../../dev/testing/patience.js';
import { RabbitMq } from '../../../dev/testing/rabbitmq.js';
import { startSystem, type System } from '../../../dev/testing/system.js';

/** Short beside the minute between two readings of a quiet pool whose messages are heard. */
const POLL_SECONDS = 3;
const POLLS = 5;
const quietPools = ['quiet/one', 'quiet/two', 'quiet/three'];

jest.setTimeout(SYSTEM_TIMEOUT_MS);
let broker: RabbitMq;
let system: System;
beforeAll(async () => {
  broker = await RabbitMq.start();
  // Nothing but polls reads the queue for a pool without work.
  const intervals = { demandSeconds: POLL_SECONDS, provisionSeconds: 3_600 };
  system = await startSystem({
    simulator: { idleMs: 600_000, pulse: broker.url },
    config: { pulse: { url: broker.url }, intervals },
  });
  for (const pool of quietPools) await system.api.createPool(pool, awsPool());
  // As old as most pools are: messages of a new one may not be heard yet.
  await system.query('update worker_pools set created = created - 600000');
});
afterAll(async () => {
  await system?.stop();
  await broker?.stop();
});

interface Poll {
  readonly begun: string;
  readonly ended: string;
  readonly pools: Readonly<Record<string, { readonly pending: number | null; readonly verdict: string }>>;
}

const pollsSince = (at: number) =>
  system.query<Poll>('select begun, ended, pools from demand_polls where begun > $1 order by begun', [at]);

/** For each of so many polls in a row, the quiet pools that the queue was read for since the poll before. */
async function readingsOfPolls(): Promise<string[][]> {
  const beganAt = Date.now();
  const polls = async () => await pollsSince(beganAt);
  await system.waitFor(async () => (await polls()).length > POLLS, `${POLLS} polls`);
  const ends = (await polls()).slice(0, POLLS + 1).map(({ ended }) => Number(ended));
  const reads = system.simulator.log().filter(({ operation }) => operation === 'taskQueueCounts');
  return ends.slice(1).map((end, nth) => {
    const isBetween = ({ time }: { time: string }) => Date.parse(time) > ends[nth]! && Date.parse(time) <= end;
    const read = new Set(reads.filter(isBetween).map((line) => line['taskQueueId']));
    return quietPools.filter((pool) => read.has(pool));
  });
}

/** Of the polls that began after a task had come, the one that saw it: 0 is the first. */
async function pollThatSees(pool: string): Promise<number> {
  await system.simulator.addTasks(pool, 1, 600);
  const cameAt = Date.now();
  const seen = async () =>
    (await pollsSince(cameAt)).findIndex(
      ({ pools }) => pools[pool]?.verdict === 'triggered' && pools[pool].pending === 1,
    );
  await system.waitFor(async () => (await seen()) >= 0, `a poll that sees the task of ${pool}`);
  return await seen();
}

const isHeard = async () =>
  (await system.query('select 1 from leases where name = $1 and until > 0', [PUSH_PRESENCE])).length > 0;
const everyPool = Array.from({ length: POLLS }, () => quietPools);

test('polls leave quiet pools alone while messages are heard', async () => {
  const isWaitedFor = 'select 1 from demand_readings where due_at - read_at = 60000';
  await system.waitFor(async () => (await system.query(isWaitedFor)).length === quietPools.length, 'quiet pools');
  expect((await readingsOfPolls()).flat().length).toBeLessThanOrEqual(quietPools.length);
});

test('every poll reads the queue for every quiet pool while the broker is down, and the first one after a task sees it', async () => {
  await broker.kill();
  await system.waitFor(async () => !(await isHeard()), 'no listener');
  expect(await readingsOfPolls()).toEqual(everyPool);
  expect(await pollThatSees('quiet/one')).toBe(0);
});

test('polls do the same where no broker is configured', async () => {
  await system.kill9('worker');
  await system.spawn('worker', system.writeConfig({ pulse: undefined }, 'without-broker.json')).serves();
  const others = quietPools.slice(1);
  expect((await readingsOfPolls()).map((pools) => pools.filter((pool) => others.includes(pool)))).toEqual(
    Array.from({ length: POLLS }, () => others),
  );
  expect(await pollThatSees('quiet/two')).toBe(0);
});
