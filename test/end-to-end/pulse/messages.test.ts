import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { awsPool } from '../../../dev/testing/api-client.js';
import { PATIENCE_MS, SYSTEM_TIMEOUT_MS } from '../../../dev/testing/patience.js';
import { RabbitMq } from '../../../dev/testing/rabbitmq.js';
import { startSystem, type System } from '../../../dev/testing/system.js';
import { proofSize } from '../../support/long.js';
import { expectAllStopped, removeAll, restart, settled } from '../../support/pool-steps.js';
import { schemaErrors } from '../../support/pulse-schemas.js';
import { firstOccurrences, RecordedMessages } from '../../support/recorded-messages.js';

const LIFE = ['worker-requested', 'worker-running', 'worker-removed', 'worker-stopped'];
const { workers } = proofSize({ short: { workers: 10 }, long: { workers: 200 } });

jest.setTimeout(SYSTEM_TIMEOUT_MS);
let broker: RabbitMq;
let recorded: RecordedMessages;
let system: System;
beforeAll(async () => {
  broker = await RabbitMq.start();
  recorded = await RecordedMessages.of(broker.url);
  system = await startSystem({
    simulator: { idleMs: 600_000, pulse: broker.url },
    config: { pulse: { url: broker.url } },
  });
});
afterAll(async () => {
  await system?.stop();
  await recorded?.stop();
  await broker?.stop();
});

const outboxSize = async () => (await system.query<{ count: string }>('select count(*) from events'))[0]!.count;
const delivered = () => system.waitFor(async () => (await outboxSize()) === '0', 'an empty outbox', PATIENCE_MS);

/** Every worker that the pool ever had is announced in full and in order, and nobody else is. */
async function expectLives(pool: string, count: number): Promise<void> {
  await delivered();
  const rows = await system.api.workers(pool);
  expect(rows).toHaveLength(count);
  for (const { workerId } of rows) {
    await system.waitFor(() => firstOccurrences(recorded.topicsOf(workerId)).length === 4, `all of ${workerId}`);
    expect(firstOccurrences(recorded.topicsOf(workerId))).toEqual(LIFE);
  }
  const ofPool = recorded.messages.filter(({ body }) => body.workerPoolId === pool);
  const announced = new Set(ofPool.flatMap(({ body }) => body.workerId ?? []));
  expect(announced).toEqual(new Set(rows.map(({ workerId }) => workerId)));
  expect(ofPool.flatMap(schemaErrors)).toEqual([]);
}

test('a worker is announced from its request to its end, though the Temporal workers are killed in between', async () => {
  const pool = 'pulse/killed';
  await system.api.createPool(pool, awsPool({ minCapacity: 1 }));
  await settled(system, pool, 1);
  await restart(system, 'worker');
  const [{ workerId } = { workerId: '' }] = await system.api.workers(pool);
  await system.waitFor(() => recorded.topicsOf(workerId).includes('worker-running'), 'worker-running');
  await system.api.updatePool(pool, awsPool({ maxCapacity: 0 }));
  await removeAll(system, pool);
  await system.kill9('worker');
  await system.start('worker');
  await expectAllStopped(system, pool);
  await expectLives(pool, 1);
});

test(`${workers} workers live and end while there is no broker, and are announced in order when it is back`, async () => {
  const pool = 'pulse/down';
  await recorded.stop();
  await broker.kill();
  await system.simulator.addTasks(pool, workers, 3_600);
  await system.api.createPool(pool, awsPool({ maxCapacity: workers }));
  await settled(system, pool, workers);
  await restart(system, 'worker');
  await restart(system, 'api');
  await system.api.updatePool(pool, awsPool({ maxCapacity: 0 }));
  await removeAll(system, pool);
  await expectAllStopped(system, pool);
  await broker.start();
  await recorded.listen(broker.url);
  await expectLives(pool, workers);
});
