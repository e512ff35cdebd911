import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { awsPool } from '../../../dev/testing/api-client.js';
import { SYSTEM_TIMEOUT_MS } from '../../../dev/testing/patience.js';
import { RabbitMq } from '../../../dev/testing/rabbitmq.js';
import { startSystem, type System } from '../../../dev/testing/system.js';
import { settled } from '../../support/pool-steps.js';

jest.setTimeout(SYSTEM_TIMEOUT_MS);
let broker: RabbitMq;
let system: System;
beforeAll(async () => {
  broker = await RabbitMq.start();
  system = await startSystem({ simulator: { pulse: broker.url }, config: { pulse: { url: broker.url } } });
});
afterAll(async () => {
  await system?.stop();
  await broker?.stop();
});

/** How long after its last reading the queue is read for the pool again, in seconds. */
const readingInterval = async (pool: string) => {
  const [row] = await system.query<{ seconds: string }>(
    'select (due_at - read_at) / 1000 as seconds from demand_readings where worker_pool_id = $1',
    [pool],
  );
  return Number(row?.seconds ?? 0);
};

test('a quiet pool is read every minute while messages are heard, and at every poll once the broker is gone', async () => {
  const pool = 'polls/quiet';
  await system.api.createPool(pool, awsPool());
  // As old as most pools are: messages of a new one may not be heard yet.
  await system.query('update worker_pools set created = created - 600000');
  await system.waitFor(async () => (await readingInterval(pool)) === 60, 'a quiet pool');
  await broker.kill();
  const [{ read }] = (await system.query<{ read: string }>('select read_at as read from demand_readings')) as [
    { read: string },
  ];
  await system.simulator.addTasks(pool, 1, 600);
  await settled(system, pool, 1);
  const [launch] = await system.query<{ created: string }>('select created from launches');
  expect(Number(launch!.created)).toBeLessThan(Number(read) + 60_000 + 15_000);
  expect(await readingInterval(pool)).toBeLessThan(60);
});
