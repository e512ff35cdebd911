import { describe, expect, test } from '@jest/globals';
import { toApplicationFailure } from '../../../activities/support/application-failures.js';
import { ProviderError } from '../../../providers/errors.js';
import { eventually } from '../../../dev/testing/eventually.js';
import { STEPS, stepwiseSuite } from '../../support/stepwise-suite.js';
import { HOUR_MS, MINUTE_MS } from '../../support/time-skipping.js';

const { time, world, submitted, removed, stop, finish, followRemoval } = stepwiseSuite();

describe('a machine that is built step by step', () => {
  test('a machine gets address, interface and VM one after the other, each begun when a scan has shown the one before', async () => {
    world().cloud.readyAtOnce = false;
    const lifecycle = await world().startStepwise();
    for (const [index, step] of STEPS.entries()) {
      await lifecycle.until({ phase: `creating ${step}` });
      await eventually(() => submitted().length === index + 1);
      await world().scan(lifecycle);
      expect(submitted()).toEqual(STEPS.slice(0, index + 1));
      await finish(lifecycle, step, 'running');
    }
    expect(await lifecycle.until({ phase: 'awaiting registration' })).toMatchObject({ createdSteps: STEPS });
    await lifecycle.register();
    await lifecycle.remove();
    await followRemoval(lifecycle);
    expect(removed()).toEqual([...STEPS].reverse());
    expect(world().cloud.alive()).toEqual([]);
    const named = ['public IP', 'network interface', 'VM'];
    expect(await lifecycle.summaries()).toEqual([...named, ...[...named].reverse()]);
    expect(time().scripted.names()).not.toContain('recordResources');
  });

  test('a machine needs no scan for a resource that is ready at once', async () => {
    const lifecycle = await world().startStepwise();
    await lifecycle.until({ phase: 'awaiting registration' });
    expect(submitted()).toEqual(STEPS);
  });

  test('a machine is read again after a minute when no scan has reported anything', async () => {
    world().cloud.readyAtOnce = false;
    const lifecycle = await world().startStepwise();
    await eventually(() => submitted().length === 1);
    world().cloud.finishPending(lifecycle.input.workerId, 'publicIp', 'running');
    await time().pass(1.1 * MINUTE_MS);
    await eventually(() => submitted().length === 3);
    expect(submitted()).toEqual(['publicIp', 'publicIp', 'networkInterface']);
  });

  test('a machine that a scan calls gone before it was begun is not believed to be gone', async () => {
    time().scripted.fail('submitResource', 40);
    const lifecycle = await world().startStepwise();
    await lifecycle.until({ phase: 'creating publicIp' });
    await lifecycle.observed('gone');
    expect(await lifecycle.status()).toMatchObject({ state: 'requested', stopReason: null });
  });

  test.each(STEPS)(
    'a machine whose %s is rejected has all deleted in order that may have been created',
    async (failing) => {
      const refusal = new ProviderError({
        code: 'QuotaExceeded',
        message: 'no quota left',
        cloudCode: 'TooMany',
        title: 'NIC Creation Error',
      });
      world().beforeSubmit = (step) => {
        if (step === failing) throw toApplicationFailure(refusal);
      };
      const lifecycle = await world().startStepwise();
      await lifecycle.until({ state: 'stopping' });
      expect(submitted()).toEqual(STEPS.slice(0, STEPS.indexOf(failing) + 1));
      expect(stop()).toEqual({
        reason: `creating ${failing} failed`,
        failure: {
          kind: 'creation-error',
          title: 'NIC Creation Error',
          description: 'no quota left',
          code: 'TooMany',
          failureClass: 'quota',
        },
      });
      await followRemoval(lifecycle);
      // What was refused too: no scan has shown that it is not there, only that it is not listed.
      const begun = STEPS.slice(0, STEPS.indexOf(failing) + 1);
      expect([...new Set(removed())]).toEqual(begun.reverse());
      expect(world().cloud.alive()).toEqual([]);
    },
  );

  test.each(STEPS)('a machine whose %s fails in the cloud says why, and has all deleted in order', async (failing) => {
    world().cloud.readyAtOnce = false;
    const lifecycle = await world().startStepwise();
    for (const step of STEPS.slice(0, STEPS.indexOf(failing))) await finish(lifecycle, step, 'running');
    await finish(lifecycle, failing, 'failed', 'AllocationFailed');
    await lifecycle.until({ state: 'stopping' });
    expect(stop()).toEqual({
      reason: `creating ${failing} failed`,
      failure: {
        kind: 'operation-error',
        title: 'Operation Error',
        description: 'AllocationFailed',
        failureClass: 'capacity',
      },
    });
    await followRemoval(lifecycle);
    expect([...new Set(removed())]).toEqual(STEPS.slice(0, STEPS.indexOf(failing) + 1).reverse());
    expect(world().cloud.alive()).toEqual([]);
  });

  test.each([
    [
      'the provider has no title',
      { code: 'InvalidRequest' },
      { title: 'publicIp could not be created', code: null },
      'invalid',
    ],
    ['nobody knows what kind it is', { code: 'NotFound' }, {}, 'other'],
  ] as const)(
    'a rejected machine’s failure has a title and a class also when %s',
    async (_when, error, expected, failureClass) => {
      world().beforeSubmit = () => {
        throw toApplicationFailure(new ProviderError({ message: 'no', ...error }));
      };
      const lifecycle = await world().startStepwise();
      await lifecycle.until({ state: 'stopping' });
      expect(stop()).toMatchObject({ failure: { kind: 'creation-error', failureClass, ...expected } });
      await followRemoval(lifecycle);
    },
  );

  test('a machine has no failure for calls that were throttled or got no answer', async () => {
    const left = [
      new ProviderError({ code: 'Throttled', message: 'slow down', retryAfterMs: 5_000 }),
      new ProviderError({ code: 'Unavailable', message: 'no answer' }),
    ];
    world().beforeSubmit = () => {
      const error = left.shift();
      if (error) throw toApplicationFailure(error);
    };
    const lifecycle = await world().startStepwise();
    await time().pass(MINUTE_MS);
    await lifecycle.until({ phase: 'awaiting registration' });
    expect(submitted()).toHaveLength(5);
    expect(time().scripted.names()).not.toContain('recordStopping');
  });

  test('a machine whose failure cannot be explained is deleted all the same', async () => {
    world().cloud.readyAtOnce = false;
    const lifecycle = await world().startStepwise();
    time().scripted.fail('explainFailure', 1_000);
    await finish(lifecycle, 'publicIp', 'failed');
    await time().pass(5 * MINUTE_MS);
    await lifecycle.until({ state: 'stopping' });
    expect(stop()).toMatchObject({ failure: { kind: 'operation-error', description: expect.stringContaining('why') } });
    await followRemoval(lifecycle);
  });

  test('a machine whose VM is deleted from outside loses the rest as well, without delay', async () => {
    const lifecycle = await world().startStepwise();
    await lifecycle.until({ phase: 'awaiting registration' });
    await lifecycle.register();
    world().cloud.finishPending(lifecycle.input.workerId, 'vm', 'gone');
    await world().scan(lifecycle);
    await lifecycle.until({ state: 'stopping' });
    await eventually(() => removed().length === 1);
    expect(removed()).toEqual(['networkInterface']);
    await followRemoval(lifecycle);
    expect(removed()).toEqual(['networkInterface', 'publicIp']);
  });
});

test('a deployment has what it built tracked as soon as it is built', async () => {
  time().scripted.on('submitResource', async () => null);
  const lifecycle = await time().startLifecycle({
    creationSteps: ['deployment'],
    removalSteps: ['vm'],
    tracksResources: true,
  });
  // Both have ended: the test server may stop for ever when a life is terminated as one does.
  await eventually(async () => {
    const completed = (await lifecycle.events()).filter((type) => type === 'EVENT_TYPE_ACTIVITY_TASK_COMPLETED');
    return completed.length === 2;
  });
  expect(time().scripted.names()).toEqual(['submitResource', 'recordResources']);
  expect(await lifecycle.status()).toMatchObject({ state: 'requested', createdSteps: ['deployment'] });
});

test('a worker that has registered stays running although its creation never ends', async () => {
  let answer = () => {};
  const held = new Promise<string>((resolve) => {
    answer = () => resolve('operation');
  });
  time().scripted.on('submitResource', () => held);
  const lifecycle = await time().startLifecycle({ creationSteps: ['deployment'], removalSteps: ['vm'] });
  // The test server may stop for ever when an update meets the end of an activity.
  await eventually(() => submitted().length === 1);
  await lifecycle.register();
  answer();
  await time().pass(15 * MINUTE_MS);
  expect(submitted().length).toBeLessThan(15);
  expect(await lifecycle.status()).toMatchObject({ state: 'running', createdSteps: ['deployment'] });
  await lifecycle.remove();
  await lifecycle.end();
});

test('the time to register runs while the machine is still being built', async () => {
  world().cloud.readyAtOnce = false;
  const lifecycle = await world().startStepwise();
  await lifecycle.until({ phase: 'creating publicIp' });
  await time().pass(HOUR_MS);
  expect(stop()).toMatchObject({ failure: { kind: 'registration-timeout' } });
  await followRemoval(lifecycle);
  expect(submitted()).not.toContain('networkInterface');
  expect(world().cloud.alive()).toEqual([]);
});
