import { spawnSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { expect, test } from '@jest/globals';

/** Of a process of its own, because jest takes the rejections of its tests for itself. */
test('a process logs a rejection that nobody handles, and goes on', () => {
  const script = `
    import { surviveRejections } from ${JSON.stringify(pathToFileURL('dist/observability/rejections.js').href)};
    surviveRejections({ error: ({ err }, message) => console.log(message, '-', err.message) });
    Promise.reject(new Error('a vendor’s SDK failed'));
    Promise.reject('no error at all');
    setImmediate(() => console.log('goes on'));
  `;
  const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  expect(stdout.trim().split('\n')).toEqual([
    'rejection-unhandled - a vendor’s SDK failed',
    'rejection-unhandled - no error at all',
    'goes on',
  ]);
  expect(status).toBe(0);
});
