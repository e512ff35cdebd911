import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Client } from '@temporalio/client';
import { cronScheduleId } from '../../../temporal/ids.js';
import { reconcileSchedules } from '../../../temporal/reconcile-schedules.js';
import { cronSchedule, ensureSchedule, type ScheduleContext } from '../../../temporal/schedules.js';
import { eventually } from '../../../dev/testing/eventually.js';
import { createNamespace } from '../../../dev/testing/namespace.js';
import { temporalAddress } from '../../../dev/testing/services.js';

let client: Client;
let context: ScheduleContext;
beforeAll(async () => {
  ({ client } = await createNamespace(temporalAddress()));
  context = {
    client,
    deploymentId: 'a-deployment',
    taskQueuePrefix: 'before',
    intervals: { demandSeconds: 3_600, provisionSeconds: 3_600, scanSeconds: 3_600, sweepSeconds: 3_600 },
  };
}, 60_000);
afterAll(() => client?.connection.close());

const listed = async () => {
  const ids: string[] = [];
  for await (const { scheduleId } of client.schedule.list()) ids.push(scheduleId);
  return ids.sort();
};
const untilListed = (ids: readonly string[]) =>
  eventually(async () => (await listed()).join() === [...ids].sort().join(), { what: `the list ${ids.join()}` });
const create = (workerPoolId: string) => ensureSchedule(context, cronSchedule(context, workerPoolId));
const describe = (scheduleId: string) => client.schedule.getHandle(scheduleId).describe();
const always = ['demand', 'workers', 'sweep', 'scan/aws'];

test('reconcileSchedules creates missing Schedules and deletes those that no pool wants any more', async () => {
  await create('old/pool');
  await untilListed(['cron/old/pool']);
  await reconcileSchedules(context, { workerPoolIds: async () => ['new/pool'], providerIds: ['aws'] });
  await untilListed([...always, 'cron/new/pool']);
  expect((await describe('sweep')).action.taskQueue).toBe('before');
});

test('a pool that is created while the Schedules are listed keeps its own', async () => {
  const pools = ['new/pool'];
  // Just before the list is read: the pool's row, then its Schedule, as the API does.
  const list: typeof client.schedule.list = async function* (options) {
    pools.push('late/pool');
    await create('late/pool');
    await untilListed([...always, 'cron/new/pool', 'cron/late/pool']);
    yield* client.schedule.list(options);
  };
  const late = Object.create(client, {
    schedule: { value: Object.create(client.schedule, { list: { value: list } }) },
  }) as Client;
  await reconcileSchedules(
    { ...context, client: late },
    { workerPoolIds: async () => [...pools], providerIds: ['aws'] },
  );
  expect((await describe(cronScheduleId('late/pool'))).scheduleId).toBe('cron/late/pool');
  await untilListed([...always, 'cron/new/pool', 'cron/late/pool']);
});

test('another prefix moves every Schedule to its task queue, in place: a pause stays', async () => {
  const scheduleId = cronScheduleId('new/pool');
  await client.schedule.getHandle(scheduleId).pause('by an operator');
  const wanted = { workerPoolIds: async () => ['new/pool'], providerIds: ['aws'] };
  await reconcileSchedules({ ...context, taskQueuePrefix: 'after' }, wanted);
  const all = await Promise.all([...always, scheduleId].map(describe));
  expect(all.map(({ action }) => action.taskQueue)).toEqual(['after', 'after', 'after', 'after', 'after']);
  expect(all.at(-1)?.state).toMatchObject({ paused: true, note: 'by an operator' });
});
