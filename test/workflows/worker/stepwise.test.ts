import { describe, expect, test } from '@jest/globals';
import { toApplicationFailure } from '../../../activities/support/failures.js';
import { ProviderError } from '../../../providers/errors.js';
import { eventually } from '../../../dev/testing/eventually.js';
import { STEPS, stepwiseSuite } from '../../support/stepwise-suite.js';
import { HOUR_MS, MINUTE_MS } from '../../support/time-skipping.js';

const { time, world, submitted, removed, stop, finish, followRemoval } = stepwiseSuite();

describe('a machine that is built step by step', () => {
  test('gets address, interface and VM one after the other, and the next begins when a scan has seen the one before', async () => {
    world().cloud.readyAtOnce = false;
    const life = await world().startStepwise();
    for (const [index, step] of STEPS.entries()) {
      await life.until({ phase: `creating ${step}` });
      await eventually(() => submitted().length === index + 1);
      await world().scan(life);
      expect(submitted()).toEqual(STEPS.slice(0, index + 1));
      await finish(life, step, 'running');
    }
    expect(await life.until({ phase: 'awaiting registration' })).toMatchObject({ provisioned: STEPS });
    await life.register();
    await life.remove();
    await followRemoval(life);
    expect(removed()).toEqual([...STEPS].reverse());
    expect(world().cloud.alive()).toEqual([]);
    const named = ['public IP', 'network interface', 'VM'];
    expect(await life.summaries()).toEqual([...named, ...[...named].reverse()]);
    expect(time().scripted.names()).not.toContain('rememberResources');
  });

  test('needs no scan for a resource that is ready at once', async () => {
    const life = await world().startStepwise();
    await life.until({ phase: 'awaiting registration' });
    expect(submitted()).toEqual(STEPS);
  });

  test('looks again after a minute when no scan has told it anything', async () => {
    world().cloud.readyAtOnce = false;
    const life = await world().startStepwise();
    await eventually(() => submitted().length === 1);
    world().cloud.settle(life.input.workerId, 'publicIp', 'running');
    await time().pass(1.1 * MINUTE_MS);
    await eventually(() => submitted().length === 3);
    expect(submitted()).toEqual(['publicIp', 'publicIp', 'networkInterface']);
  });

  test('believes no scan that calls it gone before it has been begun', async () => {
    time().scripted.fail('submitResource', 40);
    const life = await world().startStepwise();
    await life.until({ phase: 'creating publicIp' });
    await life.observed('gone');
    expect(await life.status()).toMatchObject({ state: 'requested', stopReason: null });
  });

  test.each(STEPS)('whose %s is refused takes away in order all that may have been made', async (failing) => {
    const refusal = new ProviderError({
      code: 'QuotaExceeded',
      message: 'no quota left',
      cloudCode: 'TooMany',
      title: 'NIC Creation Error',
    });
    world().beforeSubmit = (step) => {
      if (step === failing) throw toApplicationFailure(refusal);
    };
    const life = await world().startStepwise();
    await life.until({ state: 'stopping' });
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
    await followRemoval(life);
    // What was refused too: no look has shown that it is not there, only that it is not listed.
    const begun = STEPS.slice(0, STEPS.indexOf(failing) + 1);
    expect([...new Set(removed())]).toEqual(begun.reverse());
    expect(world().cloud.alive()).toEqual([]);
  });

  test.each(STEPS)('whose %s fails in the cloud says why, and takes all away in order', async (failing) => {
    world().cloud.readyAtOnce = false;
    const life = await world().startStepwise();
    for (const step of STEPS.slice(0, STEPS.indexOf(failing))) await finish(life, step, 'running');
    await finish(life, failing, 'failed', 'AllocationFailed');
    await life.until({ state: 'stopping' });
    expect(stop()).toEqual({
      reason: `creating ${failing} failed`,
      failure: {
        kind: 'operation-error',
        title: 'Operation Error',
        description: 'AllocationFailed',
        failureClass: 'capacity',
      },
    });
    await followRemoval(life);
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
    'is refused: its failure has a title and a class also when %s',
    async (_when, error, expected, failureClass) => {
      world().beforeSubmit = () => {
        throw toApplicationFailure(new ProviderError({ message: 'no', ...error }));
      };
      const life = await world().startStepwise();
      await life.until({ state: 'stopping' });
      expect(stop()).toMatchObject({ failure: { kind: 'creation-error', failureClass, ...expected } });
      await followRemoval(life);
    },
  );

  test('has no failure for calls that were throttled or got no answer', async () => {
    const left = [
      new ProviderError({ code: 'Throttled', message: 'slow down', retryAfterMs: 5_000 }),
      new ProviderError({ code: 'Unavailable', message: 'no answer' }),
    ];
    world().beforeSubmit = () => {
      const error = left.shift();
      if (error) throw toApplicationFailure(error);
    };
    const life = await world().startStepwise();
    await time().pass(MINUTE_MS);
    await life.until({ phase: 'awaiting registration' });
    expect(submitted()).toHaveLength(5);
    expect(time().scripted.names()).not.toContain('recordStopping');
  });

  test('whose failure cannot be explained is taken away all the same', async () => {
    world().cloud.readyAtOnce = false;
    const life = await world().startStepwise();
    time().scripted.fail('explainFailure', 1_000);
    await finish(life, 'publicIp', 'failed');
    await time().pass(5 * MINUTE_MS);
    await life.until({ state: 'stopping' });
    expect(stop()).toMatchObject({ failure: { kind: 'operation-error', description: expect.stringContaining('why') } });
    await followRemoval(life);
  });

  test('whose VM is taken from outside loses the rest as well, without delay', async () => {
    const life = await world().startStepwise();
    await life.until({ phase: 'awaiting registration' });
    await life.register();
    world().cloud.settle(life.input.workerId, 'vm', 'gone');
    await world().scan(life);
    await life.until({ state: 'stopping' });
    await eventually(() => removed().length === 1);
    expect(removed()).toEqual(['networkInterface']);
    await followRemoval(life);
    expect(removed()).toEqual(['networkInterface', 'publicIp']);
  });
});

test('a deployment has what it built remembered as soon as it is built', async () => {
  time().scripted.on('submitResource', async () => null);
  const life = await time().startLife({
    provisioningSteps: ['deployment'],
    removalSteps: ['vm'],
    remembersResources: true,
  });
  // Both have ended: the test server may stop for ever when a life is terminated as one does.
  await eventually(async () => {
    const completed = (await life.events()).filter((type) => type === 'EVENT_TYPE_ACTIVITY_TASK_COMPLETED');
    return completed.length === 2;
  });
  expect(time().scripted.names()).toEqual(['submitResource', 'rememberResources']);
  expect(await life.status()).toMatchObject({ state: 'requested', provisioned: ['deployment'] });
});

test('a worker that has registered lives on although its building never ends', async () => {
  let answer = () => {};
  const held = new Promise<string>((resolve) => {
    answer = () => resolve('operation');
  });
  time().scripted.on('submitResource', () => held);
  const life = await time().startLife({ provisioningSteps: ['deployment'], removalSteps: ['vm'] });
  // The test server may stop for ever when an update meets the end of an activity.
  await eventually(() => submitted().length === 1);
  await life.register();
  answer();
  await time().pass(15 * MINUTE_MS);
  expect(submitted().length).toBeLessThan(15);
  expect(await life.status()).toMatchObject({ state: 'running', provisioned: ['deployment'] });
  await life.remove();
  await life.end();
});

test('the time to register runs while the machine is still being built', async () => {
  world().cloud.readyAtOnce = false;
  const life = await world().startStepwise();
  await life.until({ phase: 'creating publicIp' });
  await time().pass(HOUR_MS);
  expect(stop()).toMatchObject({ failure: { kind: 'registration-timeout' } });
  await followRemoval(life);
  expect(submitted()).not.toContain('networkInterface');
  expect(world().cloud.alive()).toEqual([]);
});
