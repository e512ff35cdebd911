import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '../../../dev/testing/eventually.js';
import { HOUR_MS, TimeSkipping } from '../../support/time-skipping.js';

let time: TimeSkipping;
beforeAll(async () => {
  time = await TimeSkipping.start();
});
afterEach(() => time.reset());
afterAll(() => time.stop());

describe('a whole lifecycle', () => {
  test('a worker goes from requested over running and stopping to stopped, and each change is recorded once, in order', async () => {
    const lifecycle = await time.startLifecycle();
    await lifecycle.until({ phase: 'awaiting registration', state: 'requested' });
    const { secretGeneration, expires } = await lifecycle.register(false, 1_000);
    expect(secretGeneration).toBe(1);
    expect(Math.abs(expires - (await time.now()) - 96 * HOUR_MS)).toBeLessThan(time.toleranceMs());
    expect(await lifecycle.status()).toMatchObject({ state: 'running', deadline: expires });

    await lifecycle.remove('no longer needed', 'ops');
    expect(await lifecycle.status()).toMatchObject({ state: 'stopping', stopReason: 'no longer needed' });
    await lifecycle.end();
    expect(time.scripted.names()).toEqual(['recordRunning', 'recordStopping', 'deleteResource', 'recordStopped']);
    const { workerPoolId, workerGroup, workerId } = lifecycle.input;
    const key = { workerPoolId, workerGroup, workerId };
    expect(time.scripted.of('recordRunning')[0]!.args[0]).toMatchObject({
      ...key,
      secretGeneration: 1,
      terminateAfter: expires,
      registeredAt: expires - 96 * HOUR_MS,
      systemBootTime: 1_000,
    });
    expect(time.scripted.of('recordStopping')[0]!.args).toEqual([
      { ...key, providerId: 'cloud', launchConfigId: 'lc-1' },
      { reason: 'no longer needed', failure: null, clientId: 'ops' },
      expect.any(Number),
    ]);
    expect(time.scripted.of('deleteResource')[0]!.args).toEqual([
      { ...key, providerId: 'cloud', launchConfigId: 'lc-1', location: lifecycle.input.location },
      'machine',
    ]);
    expect(time.scripted.of('recordStopped')[0]!.args).toEqual([key, expect.any(Number)]);
    expect(await lifecycle.status()).toMatchObject({ state: 'stopped', removed: ['machine'] });
  });

  test('a lifecycle needs 16 history events to running, 45 for all of it, and at most three search attribute upserts', async () => {
    const lifecycle = await time.startLifecycle();
    // Not by a query: this server writes queries into histories, which the real one does not.
    await eventually(async () => (await lifecycle.events()).includes('EVENT_TYPE_TIMER_STARTED'));
    await lifecycle.register();
    const toRunning = await lifecycle.events();
    await lifecycle.remove();
    await lifecycle.end();
    const all = await lifecycle.events();
    expect(toRunning.length).toBeLessThanOrEqual(16);
    expect(all.length).toBeLessThanOrEqual(45);
    const upserts = all.filter((type) => type === 'EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES');
    expect(upserts.length).toBeLessThanOrEqual(3);
  });
});
