import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Client } from '@temporalio/client';
import { assessPool } from '../../../../activities/pool/assess.js';
import { cronScheduleId } from '../../../../temporal/ids.js';
import type { Database } from '../../../../database/client/open.js';
import { connectClient } from '../../../../temporal/connection.js';
import { activityDeps, asActivity } from '../../../support/activities.js';
import { PATIENCE_MS } from '../../../../dev/testing/patience.js';
import { openTestDatabase } from '../../../support/database.js';
import { temporalAddress } from '../../../../dev/testing/services.js';
import { TcpProxy } from '../../../../dev/testing/tcp-proxy.js';

const POOL = 'proj/pool';
/** In place of ten seconds. */
const DESCRIBE_TIMEOUT_MS = 500;

let proxy: TcpProxy;
let client: Client;
let database: Database;
beforeAll(async () => {
  proxy = await TcpProxy.start(`tcp://${temporalAddress()}`);
  client = await connectClient({ connection: { address: proxy.address }, namespace: 'default' }, PATIENCE_MS);
  database = await openTestDatabase('PGlite');
}, PATIENCE_MS);
afterAll(async () => {
  await client?.connection.close();
  await proxy?.stop();
  await database?.close();
});

test('assessPool waits for the description of a Schedule for less time than other calls for their answers', async () => {
  const assess = assessPool(
    activityDeps({ database, client, demand: { counts: async () => ({ pendingTasks: 0, claimedTasks: 0 }) } }),
    DESCRIBE_TIMEOUT_MS,
  );
  proxy.silence();
  let isOver = false;
  const unlimited = client.schedule.getHandle(cronScheduleId(POOL)).describe();
  const ended = unlimited.then(
    () => undefined,
    () => (isOver = true),
  );
  await asActivity(() => assess(POOL));
  expect(isOver).toBe(false);
  proxy.speak();
  await ended;
});
