import { expect, test } from '@jest/globals';
import { timeSkippingEnvironment } from '../../dev/testing/test-server.js';
import { eventually } from '../../dev/testing/eventually.js';
import { ScriptedPool } from '../support/scripted-pool.js';
import { HOUR_MS, TimeSkipping } from '../support/time-skipping.js';

test('a call that nobody answers is rejected when the test server stops', async () => {
  const environment = await timeSkippingEnvironment();
  const unserved = { workflowId: 'unserved', taskQueue: 'nobody' };
  const handle = await environment.client.workflow.start('any', unserved);
  const pending = Promise.allSettled([handle.query('status'), handle.result()]);
  await environment.teardown();
  expect((await pending).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
});

test('time passes in the next test although this one left a task under way', async () => {
  const time = await TimeSkipping.start();
  const assessed = Promise.withResolvers<null>();
  const pool = new ScriptedPool(time, 'proj/busy');
  time.scripted.on('assessPool', () => assessed.promise);
  await pool.reconcile();
  await eventually(() => time.scripted.of('assessPool').length === 1);
  const reset = time.reset();
  assessed.resolve(null);
  await reset;
  const before = await time.now();
  await time.pass(10 * HOUR_MS);
  expect((await time.now()) - before).toBeGreaterThanOrEqual(10 * HOUR_MS);
  await time.stop();
});
