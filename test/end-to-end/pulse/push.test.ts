import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { connect } from 'amqplib';
import { TASK_PENDING_EXCHANGE } from '../../../domain/messages.js';
import type { DevServer } from '../../../dev/servers/dev-server.js';
import { awsPool } from '../../../dev/testing/api-client.js';
import { SYSTEM_TIMEOUT_MS } from '../../../dev/testing/patience.js';
import { RabbitMq } from '../../../dev/testing/rabbitmq.js';
import { awsProviders, startSystem, type System } from '../../../dev/testing/system.js';
import { startTemporalServer } from '../../../dev/testing/temporal-server.js';
import { isLong, proofSize } from '../../support/long.js';
import { settled } from '../../support/pool-steps.js';

const { pools, samples, burst } = proofSize({
  short: { pools: 20, samples: 10, burst: 20_000 },
  long: { pools: 400, samples: 60, burst: 100_000 },
});
/** Nothing but a message can be behind a launch that comes sooner. */
const POLL_SECONDS = 600;
const P95_MS = 1_500;
/**
 * A dev server has one history shard, whose queue it reads 20 times a second at most unless told otherwise, so that six
 * steps wait for each other's reads. A cluster has hundreds (docs/how-to/production.md#history-shards).
 */
const SHARD_SETTING = 'history.transferProcessorMaxPollRPS=1000';
const nameOf = (nth: number) => `push/pool-${nth}`;

jest.setTimeout(SYSTEM_TIMEOUT_MS * 2);
let broker: RabbitMq;
let temporal: DevServer;
let system: System;
beforeAll(async () => {
  broker = await RabbitMq.start();
  temporal = await startTemporalServer({ settings: [SHARD_SETTING] });
  const intervals = { demandSeconds: POLL_SECONDS, provisionSeconds: 3_600 };
  const config = { pulse: { url: broker.url }, intervals };
  // Launches one after the other would wait for the cloud's own rate soon, and that is not what is measured.
  const rateLimits = { create: { burst: 1_000, perSecond: 100 } };
  const providers = async (...where: Parameters<typeof awsProviders>) => {
    const { aws } = await awsProviders(...where);
    return { aws: { ...(aws as object), rateLimits } };
  };
  const simulator = { pulse: broker.url, idleMs: 600_000 };
  system = await startSystem({ temporal: temporal.address, simulator, config, providers });
  for (let nth = 0; nth < pools; nth += 1) await system.api.createPool(nameOf(nth), awsPool());
  await system.waitFor(isBound, 'bindings of all pools');
});
afterAll(async () => {
  await system?.stop();
  await temporal?.stop();
  await broker?.stop();
});

/** The listener binds new pools in each round: a message that no queue wants comes back. */
async function isBound(): Promise<boolean> {
  const model = await connect(broker.url);
  try {
    const channel = await model.createConfirmChannel();
    let isReturned = false;
    channel.on('return', () => (isReturned = true));
    channel.publish(TASK_PENDING_EXCHANGE, routingKey(nameOf(pools - 1)), Buffer.from('{}'), { mandatory: true });
    await channel.waitForConfirms();
    return !isReturned;
  } finally {
    await model.close();
  }
}

const routingKey = (pool: string) => ['primary', 't', '0', '_', '_', ...pool.split('/'), 's', 'g', '_'].join('.');
const timeOf = (line: { time: string } | undefined) => Date.parse(line?.time ?? '');

test(`a pool of ${pools} launches a machine for a pending task long before the next poll`, async () => {
  for (let nth = 0; nth < samples; nth += 1) {
    await system.simulator.addTasks(nameOf(nth), 1, 600);
    const launches = () => system.query('select 1 from launches where worker_pool_id = $1', [nameOf(nth)]);
    await system.waitFor(async () => (await launches()).length > 0, `a launch of ${nameOf(nth)}`);
  }
  await settled(system, nameOf(samples - 1), 1);
  const log = system.simulator.log();
  const waits = Array.from({ length: samples }, (_, nth) => {
    const pool = nameOf(nth);
    const pending = log.find((line) => line.operation === 'taskPending' && line['taskQueueId'] === pool);
    const launch = log.find(({ operation, tags }) => operation === 'RunInstances' && tags?.['WorkerPoolId'] === pool);
    return timeOf(launch) - timeOf(pending);
  });
  const sorted = waits.toSorted((one, other) => one - other);
  const p95 = sorted[Math.ceil(sorted.length * 0.95) - 1]!;
  console.log(
    `from task-pending to RunInstances with ${pools} pools: p50 ${sorted[Math.floor(sorted.length / 2)]} ms, p95 ${p95} ms`,
  );
  // Short, beside other tests, it only shows that no poll was waited for.
  expect(p95).toBeLessThanOrEqual(isLong ? P95_MS : (POLL_SECONDS * 1_000) / 10);
});

test(`a burst of ${burst} messages costs a pool at most one reconciliation a second`, async () => {
  const pool = nameOf(0);
  await settled(system, pool, 1);
  const decided = async () =>
    Number(
      (
        await system.query<{ n: string }>('select sum(occurrences) as n from decisions where worker_pool_id = $1', [
          pool,
        ])
      )[0]!.n,
    );
  const checks = () =>
    system.simulator.log().filter((line) => line.operation === 'taskQueueCounts' && line['taskQueueId'] === pool)
      .length;
  const before = { decided: await decided(), checks: checks(), at: performance.now() };
  const model = await connect(broker.url);
  const channel = await model.createConfirmChannel();
  for (let nth = 0; nth < burst; nth += 1) {
    channel.publish(TASK_PENDING_EXCHANGE, routingKey(pool), Buffer.from('{}'));
    if (nth % 1_000 === 999) await channel.waitForConfirms();
  }
  await model.close();
  // A task of another pool is heard behind all of them.
  const last = nameOf(samples);
  await system.simulator.addTasks(last, 1, 600);
  await settled(system, last, 1);
  const seconds = (performance.now() - before.at) / 1_000;
  expect((await decided()) - before.decided).toBeLessThanOrEqual(seconds + 1);
  // Each check reads the queue once, and each reconciliation does.
  expect(checks() - before.checks).toBeLessThanOrEqual(2 * (seconds + 2));
  expect(checks() - before.checks).toBeGreaterThan(0);
});
