import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { toApplicationFailure } from '../../activities/failures.js';
import { ProviderError } from '../../providers/errors.js';
import type { LifecycleState } from '../../temporal/messages.js';
import { eventually } from '../support/eventually.js';
import { ObservedCloud } from '../support/observed-cloud.js';
import { HOUR_MS, type Life, MINUTE_MS, TimeSkipping } from '../support/time-skipping.js';

const STEPS = ['publicIp', 'networkInterface', 'vm'];

let time: TimeSkipping;
let world: ObservedCloud;
beforeAll(async () => {
  time = await TimeSkipping.start();
});
beforeEach(() => {
  world = new ObservedCloud(time, 'stepwise');
});
afterEach(() => time.reset());
afterAll(() => time.stop());

const submitted = () => time.scripted.of('submitResource').map(({ args }) => args[1]);
const removed = () => time.scripted.of('removeResource').map(({ args }) => args[1]);
const stop = () => time.scripted.of('recordStopping')[0]!.args[1];

/** Waits for a resource to be submitted, and lets the cloud finish it in this state. */
async function finish(life: Life, step: string, state: 'running' | 'failed', reason?: string): Promise<void> {
  await eventually(() => world.cloud.get(life.input.workerId)?.resources.get(step) === 'pending');
  world.cloud.settle(life.input.workerId, step, state, reason);
  await world.scan(life);
}

/** Scans every 5 seconds until the life has ended. */
async function followRemoval(life: Life, mostScans = 300): Promise<void> {
  for (let scans = 0; scans < mostScans; scans += 1) {
    if ((await life.handle.describe()).status.name === 'COMPLETED') return;
    await world.scan(life);
    await time.pass(5_000);
  }
  throw new Error(`it did not end; removed: ${removed().join(' ')}`);
}

describe('a machine that is built step by step', () => {
  test('gets address, interface and VM one after the other, and the next begins when a scan has seen the one before', async () => {
    world.cloud.readyAtOnce = false;
    const life = await world.startStepwise();
    for (const [index, step] of STEPS.entries()) {
      await life.until({ phase: `creating ${step}` });
      await eventually(() => submitted().length === index + 1);
      await world.scan(life);
      expect(submitted()).toEqual(STEPS.slice(0, index + 1));
      await finish(life, step, 'running');
    }
    expect(await life.until({ phase: 'awaiting registration' })).toMatchObject({ provisioned: STEPS });
    await life.register();
    await life.remove();
    await followRemoval(life);
    expect(removed()).toEqual([...STEPS].reverse());
    expect(world.cloud.alive()).toEqual([]);
    const named = ['public IP', 'network interface', 'VM'];
    expect(await life.summaries()).toEqual([...named, ...[...named].reverse()]);
  });

  test('needs no scan for a resource that is ready at once', async () => {
    const life = await world.startStepwise();
    await life.until({ phase: 'awaiting registration' });
    expect(submitted()).toEqual(STEPS);
  });

  test('looks again after a minute when no scan has told it anything', async () => {
    world.cloud.readyAtOnce = false;
    const life = await world.startStepwise();
    await eventually(() => submitted().length === 1);
    world.cloud.settle(life.input.workerId, 'publicIp', 'running');
    await time.pass(1.1 * MINUTE_MS);
    await eventually(() => submitted().length === 3);
    expect(submitted()).toEqual(['publicIp', 'publicIp', 'networkInterface']);
  });

  test('survives a scan that sees nothing of it before it has been begun', async () => {
    time.scripted.fail('submitResource', 40);
    const life = await world.startStepwise();
    await time.pass(7 * MINUTE_MS);
    await world.scan(life);
    await time.pass(2 * MINUTE_MS);
    await world.scan(life);
    expect(await life.status()).toMatchObject({ state: 'requested', stopReason: null });
  });

  test.each(STEPS)('whose %s is refused takes away in order all that may have been made', async (failing) => {
    const refusal = new ProviderError({
      code: 'QuotaExceeded',
      message: 'no quota left',
      cloudCode: 'TooMany',
      title: 'NIC Creation Error',
    });
    world.beforeSubmit = (step) => {
      if (step === failing) throw toApplicationFailure(refusal);
    };
    const life = await world.startStepwise();
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
    expect(world.cloud.alive()).toEqual([]);
  });

  test.each(STEPS)('whose %s fails in the cloud says why, and takes all away in order', async (failing) => {
    world.cloud.readyAtOnce = false;
    const life = await world.startStepwise();
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
    expect(world.cloud.alive()).toEqual([]);
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
      world.beforeSubmit = () => {
        throw toApplicationFailure(new ProviderError({ message: 'no', ...error }));
      };
      const life = await world.startStepwise();
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
    world.beforeSubmit = () => {
      const error = left.shift();
      if (error) throw toApplicationFailure(error);
    };
    const life = await world.startStepwise();
    await time.pass(MINUTE_MS);
    await life.until({ phase: 'awaiting registration' });
    expect(submitted()).toHaveLength(5);
    expect(time.scripted.names()).not.toContain('recordStopping');
    await life.register();
    expect(time.scripted.of('recordRunning')[0]!.args[0]).toMatchObject({ endsBackoff: true });
  });

  test('whose failure cannot be explained is taken away all the same', async () => {
    world.cloud.readyAtOnce = false;
    const life = await world.startStepwise();
    time.scripted.fail('explainFailure', 1_000);
    await finish(life, 'publicIp', 'failed');
    await time.pass(5 * MINUTE_MS);
    await life.until({ state: 'stopping' });
    expect(stop()).toMatchObject({ failure: { kind: 'operation-error', description: expect.stringContaining('why') } });
    await followRemoval(life);
  });

  test('whose VM is taken from outside loses the rest as well, without delay', async () => {
    const life = await world.startStepwise();
    await life.until({ phase: 'awaiting registration' });
    await life.register();
    world.cloud.settle(life.input.workerId, 'vm', 'gone');
    await world.scan(life);
    await life.until({ state: 'stopping' });
    await eventually(() => removed().length === 1);
    expect(removed()).toEqual(['networkInterface']);
    await followRemoval(life);
    expect(removed()).toEqual(['networkInterface', 'publicIp']);
  });
});

describe('a removal of a machine that was built step by step', () => {
  /** A life whose every step a scan has shown, about to be removed. */
  async function built(): Promise<Life> {
    world.cloud.readyAtOnce = false;
    const life = await world.startStepwise();
    for (const step of STEPS) await finish(life, step, 'running');
    await life.until({ phase: 'awaiting registration' });
    return life;
  }
  const secondsOf = async (removal: () => Promise<void>) => {
    const begun = await time.now();
    await removal();
    return ((await time.now()) - begun) / 1000;
  };

  test('asks for the VM only where the rest goes with it, and is over with the first look that misses all of it', async () => {
    const life = await built();
    time.scripted.on('removeResource', async () => world.cloud.forget(life.input.workerId));
    await life.remove();
    expect(await secondsOf(() => followRemoval(life))).toBeLessThan(15);
    expect(removed()).toEqual(['vm']);
  });

  test('does not ask for what a look after the end of the VM shows no more', async () => {
    const life = await built();
    time.scripted.on('removeResource', async (_machine, step) => {
      const { resources } = world.cloud.get(life.input.workerId)!;
      resources.delete(step);
      resources.delete('networkInterface');
      if (resources.size === 0) world.cloud.forget(life.input.workerId);
    });
    await life.remove();
    await followRemoval(life);
    expect(removed()).toEqual(['vm', 'publicIp']);
  });

  test('goes step by step where nothing goes by itself, as fast as scans show it', async () => {
    const life = await built();
    await life.remove();
    expect(await secondsOf(() => followRemoval(life))).toBeLessThan(30);
    expect(removed()).toEqual([...STEPS].reverse());
  });

  test('believes no look that was begun before the row said stopping', async () => {
    const life = await world.startStepwise();
    await life.until({ phase: 'awaiting registration' });
    time.scripted.on('removeResource', async () => {});
    await life.remove();
    await eventually(() => removed().length === 1);
    await life.observed('pending', { resources: { publicIp: 'running' }, removing: false });
    expect(await life.status()).toMatchObject({ removed: [] });
    await life.observed('pending', { resources: { publicIp: 'running' }, removing: true });
    await eventually(() => removed().length >= 2);
    expect((await life.status()).removed[0]).toBe('vm');
  });

  test('removes once more what a look shows again', async () => {
    const life = await built();
    time.scripted.on('removeResource', async () => {});
    await life.remove();
    await life.observed('stopping', { resources: { networkInterface: 'running' }, removing: true });
    await eventually(() => removed().length === 2);
    await life.observed('stopping', { resources: { vm: 'running' }, removing: true });
    await eventually(() => removed().length === 3);
    await life.end();
    expect(removed()).toEqual(['vm', 'networkInterface', 'vm']);
  });

  test('does not wait for a step that cannot go before another one that has come to light again', async () => {
    const life = await built();
    let vmIsThere = true;
    time.scripted.on('removeResource', async (_machine, step) => {
      if (step === 'networkInterface' && vmIsThere) throw new Error('in use');
    });
    await life.remove();
    await life.observed('stopping', { resources: { networkInterface: 'running' }, removing: true });
    await eventually(() => removed().includes('networkInterface'));
    await life.observed('stopping', { resources: { vm: 'running', networkInterface: 'running' }, removing: true });
    await time.pass(10_000);
    await eventually(() => removed().filter((step) => step === 'vm').length === 2);
    vmIsThere = false;
    await life.observed('stopping', { resources: { networkInterface: 'running' }, removing: true });
    await eventually(() => removed().at(-1) === 'networkInterface');
    await life.end();
  });

  test('finds out anew what a deployment builds that appears only now', async () => {
    time.scripted.on('submitResource', () => Promise.reject(new Error('no answer')));
    time.scripted.on('removeResource', async () => {});
    const remembered = () => time.scripted.of('rememberResources').length;
    const steps = { provisioningSteps: ['deployment'], removalSteps: ['vm', 'networkInterface'] };
    const life = await time.startLife({ ...steps, remembersResources: true });
    await life.until({ phase: 'creating deployment' });
    await life.remove();
    await eventually(() => removed().length === 1);
    expect(remembered()).toBe(1);
    await life.observed('pending', { resources: { deployment: 'pending' }, removing: true });
    await eventually(() => remembered() === 2);
    expect(await life.status()).toMatchObject({ state: 'stopping', removed: ['record'] });
    await life.observed('running', { resources: { vm: 'running' }, removing: true });
    await eventually(() => removed().length === 2);
    await life.end();
  });

  test('only looks where its launch makes nothing', async () => {
    const life = await startWithoutAddress();
    await life.observed('stopping', { resources: {}, removing: true });
    await life.ended();
    expect(removed()).toEqual(['vm', 'networkInterface']);
  });

  test('asks for what it did not make as well, when a look shows it', async () => {
    const life = await startWithoutAddress();
    await life.observed('stopping', { resources: { publicIp: 'running' }, removing: true });
    await eventually(() => removed().length === 3);
    await life.end();
    expect(removed()).toEqual(['vm', 'networkInterface', 'publicIp']);
  });

  /** A life whose interface is being removed. */
  async function startWithoutAddress() {
    time.scripted.on('removeResource', async () => {});
    const life = await time.startLife({
      provisioningSteps: ['networkInterface', 'vm'],
      removalSteps: [...STEPS].reverse(),
      unmadeSteps: ['publicIp'],
      replaces: true,
    });
    await life.until({ phase: 'awaiting registration' });
    await life.remove();
    await eventually(() => removed().length === 1);
    await life.observed('stopping', { resources: { networkInterface: 'running' }, removing: true });
    await eventually(() => removed().length === 2);
    return life;
  }

  test('asks for what another life of the same worker had built, as soon as a look shows it', async () => {
    time.scripted.on('submitResource', () => Promise.reject(new Error('no answer')));
    time.scripted.on('removeResource', async () => {});
    const life = await time.startLife({ provisioningSteps: STEPS, removalSteps: [...STEPS].reverse() });
    await life.until({ phase: 'creating publicIp' });
    await life.remove();
    await life.observed('running', { resources: { vm: 'running' }, removing: true });
    await eventually(() => removed().length === 1);
    expect(removed()).toEqual(['vm']);
    await life.end();
  });
});

test('a worker that has registered lives on although its building never ends', async () => {
  let answer = () => {};
  const held = new Promise<string>((resolve) => {
    answer = () => resolve('operation');
  });
  time.scripted.on('submitResource', () => held);
  const life = await time.startLife({ provisioningSteps: ['deployment'], removalSteps: ['vm'] });
  // The test server may stop for ever when an update meets the end of an activity.
  await eventually(() => submitted().length === 1);
  await life.register();
  answer();
  await time.pass(15 * MINUTE_MS);
  expect(submitted().length).toBeLessThan(15);
  expect(await life.status()).toMatchObject({ state: 'running', provisioned: ['deployment'] });
  await life.remove();
  await life.end();
});

test('the time to register runs while the machine is still being built', async () => {
  world.cloud.readyAtOnce = false;
  const life = await world.startStepwise();
  await life.until({ phase: 'creating publicIp' });
  await time.pass(HOUR_MS);
  expect(stop()).toMatchObject({ failure: { kind: 'registration-timeout' } });
  await followRemoval(life);
  expect(submitted()).not.toContain('networkInterface');
  expect(world.cloud.alive()).toEqual([]);
});

describe('a removal of a machine that is being built', () => {
  test('does not wait for a cloud that takes no orders', async () => {
    world.beforeSubmit = (step) => {
      if (step === 'networkInterface') throw new Error('no answer');
    };
    const life = await world.startStepwise();
    await life.until({ phase: 'creating networkInterface' });
    await time.pass(HOUR_MS / 12);
    await life.remove('no longer needed');
    expect(stop()).toEqual({ reason: 'no longer needed', failure: null });
    await followRemoval(life);
    expect(submitted()).not.toContain('vm');
    expect(world.cloud.alive()).toEqual([]);
  });

  test('waits for an order that is under way, so that what it makes is removed', async () => {
    let answer = () => {};
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    world.beforeSubmit = async (step) => {
      if (step === 'vm') await held;
    };
    const life = await world.startStepwise();
    await eventually(() => submitted().length === 3);
    const removal = life.remove();
    await eventually(async () => (await life.status()).stopReason !== null);
    expect(await life.status()).toMatchObject({ state: 'requested' });
    answer();
    await removal;
    await followRemoval(life);
    expect(removed()[0]).toBe('vm');
    expect(world.cloud.alive()).toEqual([]);
  });
});

test('a run that takes over a removal half-way goes on where the one before stopped', async () => {
  const { removalSteps } = world.provider.machines!;
  const carried: LifecycleState = {
    state: 'stopping',
    registeredAt: null,
    deadline: null,
    secretGeneration: 3,
    previousSecretAccepted: true,
    capacity: 1,
    stop: { reason: 'handed over', failure: null },
    provisioned: STEPS,
    removed: ['vm'],
    lastObservation: { state: 'stopping', reason: null, at: 0, resources: { vm: 'gone', networkInterface: 'running' } },
    activity: null,
  };
  time.scripted.on('removeResource', async () => {});
  const life = await time.startLife({ provisioningSteps: STEPS, removalSteps, carried });
  await eventually(() => removed().length === 1);
  expect(await life.status()).toMatchObject({ state: 'stopping', stopReason: 'handed over', removed: ['vm'] });
  await life.observed('stopping', { resources: { publicIp: 'running' } });
  await eventually(() => removed().length === 2);
  await life.end();
  expect(removed()).toEqual(['networkInterface', 'publicIp']);
  expect(submitted()).toEqual([]);
  expect(time.scripted.names()).not.toContain('recordStopping');
});
