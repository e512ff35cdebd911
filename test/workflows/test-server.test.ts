import { expect, test } from '@jest/globals';
import { timeSkippingEnvironment } from '../../dev/testing/test-server.js';

test('a call that nobody answers is rejected when the test server stops', async () => {
  const environment = await timeSkippingEnvironment();
  const unserved = { workflowId: 'unserved', taskQueue: 'nobody' };
  const handle = await environment.client.workflow.start('any', unserved);
  const pending = Promise.allSettled([handle.query('status'), handle.result()]);
  await environment.teardown();
  expect((await pending).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
});
