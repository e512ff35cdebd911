import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { awsPool } from '../../../dev/testing/api-client.js';
import { SYSTEM_TIMEOUT_MS } from '../../../dev/testing/patience.js';
import { RabbitMq } from '../../../dev/testing/rabbitmq.js';
import { startSystem, type System } from '../../../dev/testing/system.js';
import { proofSize } from '../../support/long.js';
import { restart } from '../../support/pool-steps.js';
import { schemaErrors } from '../../support/pulse-schemas.js';
import { RecordedMessages } from '../../support/recorded-messages.js';
import { seededRandom } from '../../support/seeded-random.js';

const { writes, kills } = proofSize({ short: { writes: 120, kills: 2 }, long: { writes: 1_000, kills: 5 } });
const seed = Number(process.env['WRITES_SEED'] ?? 20_261_128);
const LANES = 4;

jest.setTimeout(SYSTEM_TIMEOUT_MS * 2);
let broker: RabbitMq;
let recorded: RecordedMessages;
let system: System;
beforeAll(async () => {
  broker = await RabbitMq.start();
  recorded = await RecordedMessages.of(broker.url);
  // Nothing that was written is swept away before it is compared.
  const intervals = { demandSeconds: 30, sweepSeconds: 3_600 };
  system = await startSystem({ config: { pulse: { url: broker.url }, intervals } });
});
afterAll(async () => {
  await system?.stop();
  await recorded?.stop();
  await broker?.stop();
});

const isThere = async () => (await system.api.call('GET', '/ping').catch(() => null))?.status === 200;

/** A pool of no machines with one launch config, whose id belongs to this write alone. */
const definition = (launchConfigId: string) => awsPool({ maxCapacity: 0, workerManager: { launchConfigId } });

test(`the API is killed ${kills} times in ${writes} mixed writes: what it acknowledged is there, and exactly what is there is announced (seed ${seed})`, async () => {
  const random = seededRandom(seed);
  const acknowledged = { launchConfigs: [] as string[], errors: [] as string[], deleted: [] as string[] };
  let done = 0;
  /** Null: nobody knows what became of it. The next write waits until there is an API again. */
  const send = async (method: string, path: string, body?: object) => {
    const answer = await system.api.call(method, path, body).catch(() => null);
    if (answer === null) await system.waitFor(isThere, 'the API');
    return answer;
  };
  const one = async (lane: number, nth: number, draw: number): Promise<void> => {
    const pool = `mixed/lane-${lane}-${Math.floor(nth / 10)}`;
    const path = `/worker-pool/${encodeURIComponent(pool)}`;
    const launchConfigId = `lc-${lane}-${nth}`;
    if (nth % 10 === 0 || draw < 0.5) {
      const answer = await send(nth % 10 === 0 ? 'PUT' : 'POST', path, definition(launchConfigId));
      if (answer?.status === 200) acknowledged.launchConfigs.push(launchConfigId);
    } else if (nth % 10 === 9) {
      if ((await send('DELETE', path))?.status === 200) acknowledged.deleted.push(pool);
    } else {
      const title = `error ${lane}-${nth}`;
      const error = { workerGroup: 'g', workerId: `w-${lane}-${nth}`, kind: 'k', title, description: 'd', extra: {} };
      const answer = await send('POST', `/worker-pool-errors/${encodeURIComponent(pool)}`, error);
      if (answer?.status === 200) acknowledged.errors.push((answer.body as { errorId: string }).errorId);
    }
    done += 1;
  };
  const lanes = Array.from({ length: LANES }, async (_, lane) => {
    for (let nth = 0; nth < writes / LANES; nth += 1) await one(lane, nth, random());
  });
  const killing = (async () => {
    for (let nth = 1; nth <= kills; nth += 1) {
      await system.waitFor(() => done >= (nth * writes) / (kills + 1), `write ${nth} of the kills`);
      await restart(system, 'api');
    }
  })();
  await Promise.all([...lanes, killing]);
  await system.waitFor(
    async () => (await system.query('select 1 from events limit 1')).length === 0,
    'an empty outbox',
  );

  const launchConfigs = (await system.query<{ id: string }>('select launch_config_id as id from launch_configs')).map(
    ({ id }) => id,
  );
  const errors = (await system.query<{ id: string }>('select error_id as id from worker_pool_errors')).map(
    ({ id }) => id,
  );
  const changes = await system.query<{ action: string; pool: string }>('select action, entity_id as pool from audit');
  const ofAction = (action: string) =>
    new Set(changes.filter((change) => change.action === action).map(({ pool }) => pool));
  expect(launchConfigs).toEqual(expect.arrayContaining(acknowledged.launchConfigs));
  expect(errors).toEqual(expect.arrayContaining(acknowledged.errors));
  expect([...ofAction('deleted')]).toEqual(expect.arrayContaining(acknowledged.deleted));
  expect(acknowledged.launchConfigs.length + acknowledged.errors.length).toBeGreaterThan(writes / 2);

  const announced = (topic: string, name: string) =>
    new Set(recorded.messages.filter((message) => message.topic === topic).map(({ body }) => String(body[name])));
  await system.waitFor(
    () => announced('launch-config-created', 'launchConfigId').size >= launchConfigs.length,
    'messages',
  );
  await system.waitFor(() => announced('worker-pool-error', 'errorId').size >= errors.length, 'messages about errors');
  expect([...announced('launch-config-created', 'launchConfigId')].toSorted()).toEqual(launchConfigs.toSorted());
  expect([...announced('worker-pool-error', 'errorId')].toSorted()).toEqual(errors.toSorted());
  expect(announced('worker-pool-created', 'workerPoolId')).toEqual(ofAction('created'));
  const archived = await system.query<{ id: string }>(
    'select launch_config_id as id from launch_configs where is_archived',
  );
  expect([...announced('launch-config-archived', 'launchConfigId')].toSorted()).toEqual(
    archived.map(({ id }) => id).toSorted(),
  );
  expect(announced('worker-pool-updated', 'workerPoolId')).toEqual(
    new Set([...ofAction('updated'), ...ofAction('deleted')]),
  );
  expect(recorded.messages.flatMap(schemaErrors)).toEqual([]);
});
