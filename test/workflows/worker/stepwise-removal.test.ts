import { describe, expect, test } from '@jest/globals';
import type { LifecycleState } from '../../../temporal/messages.js';
import { eventually } from '../../../dev/testing/eventually.js';
import { betweenAttempts, noAnswer, STEPS, stepwiseSuite } from '../../support/stepwise-suite.js';
import type { Life } from '../../support/time-skipping.js';

const { time, world, submitted, removed, stop, finish, followRemoval } = stepwiseSuite();

describe('a removal of a machine that was built step by step', () => {
  /** A life whose every step a scan has shown, about to be removed. */
  async function built(): Promise<Life> {
    world().cloud.readyAtOnce = false;
    const life = await world().startStepwise();
    for (const step of STEPS) await finish(life, step, 'running');
    await life.until({ phase: 'awaiting registration' });
    return life;
  }

  test('asks for the VM only where the rest goes with it, and is over with the first look that misses all of it', async () => {
    const life = await built();
    time().scripted.on('removeResource', async () => world().cloud.forget(life.input.workerId));
    await life.remove();
    expect(await followRemoval(life)).toBeLessThanOrEqual(2);
    expect(removed()).toEqual(['vm']);
  });

  test('does not ask for what a look after the end of the VM shows no more', async () => {
    const life = await built();
    time().scripted.on('removeResource', async (_machine, step) => {
      const { resources } = world().cloud.get(life.input.workerId)!;
      resources.delete(step);
      resources.delete('networkInterface');
      if (resources.size === 0) world().cloud.forget(life.input.workerId);
    });
    await life.remove();
    await followRemoval(life);
    expect(removed()).toEqual(['vm', 'publicIp']);
  });

  test('goes step by step where nothing goes by itself, as fast as scans show it', async () => {
    const life = await built();
    await life.remove();
    expect(await followRemoval(life)).toBeLessThanOrEqual(5);
    expect(removed()).toEqual([...STEPS].reverse());
  });

  test('believes no look that was begun before the row said stopping', async () => {
    const life = await world().startStepwise();
    await life.until({ phase: 'awaiting registration' });
    time().scripted.on('removeResource', async () => {});
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
    time().scripted.on('removeResource', async () => {});
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
    time().scripted.on('removeResource', async (_machine, step) => {
      if (step === 'networkInterface' && vmIsThere) throw noAnswer();
    });
    await life.remove();
    await life.observed('stopping', { resources: { networkInterface: 'running' }, removing: true });
    await eventually(() => removed().includes('networkInterface'));
    await betweenAttempts(life);
    await life.observed('stopping', { resources: { vm: 'running', networkInterface: 'running' }, removing: true });
    await eventually(() => removed().filter((step) => step === 'vm').length === 2);
    vmIsThere = false;
    await life.observed('stopping', { resources: { networkInterface: 'running' }, removing: true });
    await eventually(() => removed().at(-1) === 'networkInterface');
    await life.end();
  });

  test('waits for the call that is under way when another step goes first', async () => {
    const life = await built();
    let answer = () => {};
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    time().scripted.on('removeResource', (_machine, step) => (step === 'networkInterface' ? held : Promise.resolve()));
    await life.remove();
    await life.observed('stopping', { resources: { networkInterface: 'running' }, removing: true });
    await eventually(() => removed().length === 2);
    await life.observed('stopping', { resources: { vm: 'running', networkInterface: 'running' }, removing: true });
    const events = await eventually(async () => {
      const types = await life.events();
      return types.includes('EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED') && types;
    });
    const cancelled = events.indexOf('EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED');
    expect(events.slice(cancelled)).not.toContain('EVENT_TYPE_ACTIVITY_TASK_SCHEDULED');
    answer();
    await eventually(() => removed().length === 3);
    expect(removed()).toEqual(['vm', 'networkInterface', 'vm']);
    await life.end();
  });

  test('finds out anew what a deployment builds that appears only now', async () => {
    time().scripted.on('submitResource', () => Promise.reject(noAnswer()));
    time().scripted.on('removeResource', async () => {});
    const remembered = () => time().scripted.of('rememberResources').length;
    const steps = { provisioningSteps: ['deployment'], removalSteps: ['vm', 'networkInterface'] };
    const life = await time().startLife({ ...steps, remembersResources: true });
    await life.until({ phase: 'creating deployment' });
    await betweenAttempts(life);
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
    time().scripted.on('removeResource', async () => {});
    const life = await time().startLife({
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
    time().scripted.on('submitResource', () => Promise.reject(noAnswer()));
    time().scripted.on('removeResource', async () => {});
    const life = await time().startLife({ provisioningSteps: STEPS, removalSteps: [...STEPS].reverse() });
    await life.until({ phase: 'creating publicIp' });
    await betweenAttempts(life);
    await life.remove();
    await life.observed('running', { resources: { vm: 'running' }, removing: true });
    await eventually(() => removed().length === 1);
    expect(removed()).toEqual(['vm']);
    await life.end();
  });
});

describe('a removal of a machine that is being built', () => {
  test('does not wait for a cloud that takes no orders', async () => {
    world().beforeSubmit = (step) => {
      if (step === 'networkInterface') throw noAnswer();
    };
    const life = await world().startStepwise();
    await life.until({ phase: 'creating networkInterface' });
    await betweenAttempts(life);
    await life.remove('no longer needed');
    expect(stop()).toEqual({ reason: 'no longer needed', failure: null });
    await followRemoval(life);
    expect(submitted()).not.toContain('vm');
    expect(world().cloud.alive()).toEqual([]);
  });

  test('waits for an order that is under way, so that what it makes is removed', async () => {
    let answer = () => {};
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    world().beforeSubmit = async (step) => {
      if (step === 'vm') await held;
    };
    const life = await world().startStepwise();
    await eventually(() => submitted().length === 3);
    const removal = life.remove();
    await eventually(async () => (await life.status()).stopReason !== null);
    expect(await life.status()).toMatchObject({ state: 'requested' });
    answer();
    await removal;
    await followRemoval(life);
    expect(removed()[0]).toBe('vm');
    expect(world().cloud.alive()).toEqual([]);
  });
});

test('a run that takes over a removal half-way goes on where the one before stopped', async () => {
  const { removalSteps } = world().provider.machines!;
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
    creating: null,
    listed: STEPS,
    seenWhileStopping: true,
    lastObservation: { state: 'stopping', reason: null, at: 0, resources: { vm: 'gone', networkInterface: 'running' } },
  };
  time().scripted.on('removeResource', async () => {});
  const life = await time().startLife({ provisioningSteps: STEPS, removalSteps, carried });
  await eventually(() => removed().length === 1);
  expect(await life.status()).toMatchObject({ state: 'stopping', stopReason: 'handed over', removed: ['vm'] });
  await life.observed('stopping', { resources: { publicIp: 'running' } });
  await eventually(() => removed().length === 2);
  await life.end();
  expect(removed()).toEqual(['networkInterface', 'publicIp']);
  expect(submitted()).toEqual([]);
  expect(time().scripted.names()).not.toContain('recordStopping');
});
