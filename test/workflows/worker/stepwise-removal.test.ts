import { describe, expect, test } from '@jest/globals';
import { ApplicationFailure } from '@temporalio/common';
import type { LifecycleState } from '../../../temporal/messages.js';
import { eventually } from '../../../dev/testing/eventually.js';
import { betweenAttempts, noAnswer, STEPS, stepwiseSuite } from '../../support/stepwise-suite.js';
import { MINUTE_MS, type TestLifecycle } from '../../support/time-skipping.js';

const { time, world, submitted, removed, stop, finish, followRemoval } = stepwiseSuite();

describe('a removal of a machine that was built step by step', () => {
  /** A life whose every step a scan has shown, about to be removed. */
  async function built(): Promise<TestLifecycle> {
    world().cloud.readyAtOnce = false;
    const lifecycle = await world().startStepwise();
    for (const step of STEPS) await finish(lifecycle, step, 'running');
    await lifecycle.until({ phase: 'awaiting registration' });
    return lifecycle;
  }

  test('a removal deletes only the VM where the rest goes with it, and ends with the first scan that misses all of it', async () => {
    const lifecycle = await built();
    time().scripted.on('deleteResource', async () => world().cloud.forget(lifecycle.input.workerId));
    await lifecycle.remove();
    expect(await followRemoval(lifecycle)).toBeLessThanOrEqual(2);
    expect(removed()).toEqual(['vm']);
  });

  test('a removal does not delete what a scan after the end of the VM shows no more', async () => {
    const lifecycle = await built();
    time().scripted.on('deleteResource', async (_machine, step) => {
      const { resources } = world().cloud.get(lifecycle.input.workerId)!;
      resources.delete(step);
      resources.delete('networkInterface');
      if (resources.size === 0) world().cloud.forget(lifecycle.input.workerId);
    });
    await lifecycle.remove();
    await followRemoval(lifecycle);
    expect(removed()).toEqual(['vm', 'publicIp']);
  });

  test('a removal goes step by step where nothing goes by itself, as fast as scans show it', async () => {
    const lifecycle = await built();
    await lifecycle.remove();
    expect(await followRemoval(lifecycle)).toBeLessThanOrEqual(5);
    expect(removed()).toEqual([...STEPS].reverse());
  });

  test('a removal ignores a scan that began before the row said stopping', async () => {
    const lifecycle = await world().startStepwise();
    await lifecycle.until({ phase: 'awaiting registration' });
    time().scripted.on('deleteResource', async () => {});
    await lifecycle.remove();
    await eventually(() => removed().length === 1);
    await lifecycle.observed('pending', { resources: { publicIp: 'running' }, removing: false });
    expect(await lifecycle.status()).toMatchObject({ removed: [] });
    await lifecycle.observed('pending', { resources: { publicIp: 'running' }, removing: true });
    await eventually(() => removed().length >= 2);
    expect((await lifecycle.status()).removed[0]).toBe('vm');
  });

  test('a removal that fails for good is requested again once a minute, although scans show its machine', async () => {
    const lifecycle = await built();
    time().scripted.on('deleteResource', () =>
      Promise.reject(ApplicationFailure.nonRetryable('the database is wrong')),
    );
    await lifecycle.remove();
    await lifecycle.observed('running', { resources: { vm: 'running' }, removing: true });
    await time().pass(5 * MINUTE_MS);
    expect(removed().length).toBeGreaterThan(2);
    expect(removed().length).toBeLessThan(10);
    time().scripted.on('deleteResource', async () => world().cloud.forget(lifecycle.input.workerId));
    await time().pass(MINUTE_MS);
    await followRemoval(lifecycle);
  });

  test('a removal deletes once more what a scan shows again', async () => {
    const lifecycle = await built();
    time().scripted.on('deleteResource', async () => {});
    await lifecycle.remove();
    await lifecycle.observed('stopping', { resources: { networkInterface: 'running' }, removing: true });
    await eventually(() => removed().length === 2);
    await lifecycle.observed('stopping', { resources: { vm: 'running' }, removing: true });
    await eventually(() => removed().length === 3);
    await lifecycle.end();
    expect(removed()).toEqual(['vm', 'networkInterface', 'vm']);
  });

  test('a removal does not wait for a step that cannot go before another one that has reappeared', async () => {
    const lifecycle = await built();
    let vmIsThere = true;
    time().scripted.on('deleteResource', async (_machine, step) => {
      if (step === 'networkInterface' && vmIsThere) throw noAnswer();
    });
    await lifecycle.remove();
    await lifecycle.observed('stopping', { resources: { networkInterface: 'running' }, removing: true });
    await eventually(() => removed().includes('networkInterface'));
    await betweenAttempts(lifecycle);
    await lifecycle.observed('stopping', { resources: { vm: 'running', networkInterface: 'running' }, removing: true });
    await eventually(() => removed().filter((step) => step === 'vm').length === 2);
    vmIsThere = false;
    await lifecycle.observed('stopping', { resources: { networkInterface: 'running' }, removing: true });
    await eventually(() => removed().at(-1) === 'networkInterface');
    await lifecycle.end();
  });

  test('a removal waits for the call that is under way when another step goes first', async () => {
    const lifecycle = await built();
    let answer = () => {};
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    time().scripted.on('deleteResource', (_machine, step) => (step === 'networkInterface' ? held : Promise.resolve()));
    await lifecycle.remove();
    await lifecycle.observed('stopping', { resources: { networkInterface: 'running' }, removing: true });
    await eventually(() => removed().length === 2);
    await lifecycle.observed('stopping', { resources: { vm: 'running', networkInterface: 'running' }, removing: true });
    const events = await eventually(async () => {
      const types = await lifecycle.events();
      return types.includes('EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED') && types;
    });
    const cancelled = events.indexOf('EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED');
    expect(events.slice(cancelled)).not.toContain('EVENT_TYPE_ACTIVITY_TASK_SCHEDULED');
    answer();
    await eventually(() => removed().length === 3);
    expect(removed()).toEqual(['vm', 'networkInterface', 'vm']);
    await lifecycle.end();
  });

  test('a removal discovers anew what a deployment builds that appears only now', async () => {
    time().scripted.on('submitResource', () => Promise.reject(noAnswer()));
    time().scripted.on('deleteResource', async () => {});
    const tracked = () => time().scripted.of('recordResources').length;
    const steps = { creationSteps: ['deployment'], removalSteps: ['vm', 'networkInterface'] };
    const lifecycle = await time().startLifecycle({ ...steps, tracksResources: true });
    await lifecycle.until({ phase: 'creating deployment' });
    await betweenAttempts(lifecycle);
    await lifecycle.remove();
    await eventually(() => removed().length === 1);
    expect(tracked()).toBe(1);
    await lifecycle.observed('pending', { resources: { deployment: 'pending' }, removing: true });
    await eventually(() => tracked() === 2);
    expect(await lifecycle.status()).toMatchObject({ state: 'stopping', removed: ['record'] });
    await lifecycle.observed('running', { resources: { vm: 'running' }, removing: true });
    await eventually(() => removed().length === 2);
    await lifecycle.end();
  });

  test('a removal only observes where its launch creates nothing', async () => {
    const lifecycle = await startWithoutAddress();
    await lifecycle.observed('stopping', { resources: {}, removing: true });
    await lifecycle.ended();
    expect(removed()).toEqual(['vm', 'networkInterface']);
  });

  test('a removal also deletes what it did not create, when a scan shows it', async () => {
    const lifecycle = await startWithoutAddress();
    await lifecycle.observed('stopping', { resources: { publicIp: 'running' }, removing: true });
    await eventually(() => removed().length === 3);
    await lifecycle.end();
    expect(removed()).toEqual(['vm', 'networkInterface', 'publicIp']);
  });

  /** A life whose interface is being removed. */
  async function startWithoutAddress() {
    time().scripted.on('deleteResource', async () => {});
    const lifecycle = await time().startLifecycle({
      creationSteps: ['networkInterface', 'vm'],
      removalSteps: [...STEPS].reverse(),
      skippedSteps: ['publicIp'],
      replaces: true,
    });
    await lifecycle.until({ phase: 'awaiting registration' });
    await lifecycle.remove();
    await eventually(() => removed().length === 1);
    await lifecycle.observed('stopping', { resources: { networkInterface: 'running' }, removing: true });
    await eventually(() => removed().length === 2);
    return lifecycle;
  }

  test('a removal deletes what another lifecycle of the same worker had built, as soon as a scan shows it', async () => {
    time().scripted.on('submitResource', () => Promise.reject(noAnswer()));
    time().scripted.on('deleteResource', async () => {});
    const lifecycle = await time().startLifecycle({ creationSteps: STEPS, removalSteps: [...STEPS].reverse() });
    await lifecycle.until({ phase: 'creating publicIp' });
    await betweenAttempts(lifecycle);
    await lifecycle.remove();
    await lifecycle.observed('running', { resources: { vm: 'running' }, removing: true });
    await eventually(() => removed().length === 1);
    expect(removed()).toEqual(['vm']);
    await lifecycle.end();
  });
});

describe('a removal of a machine that is being built', () => {
  test('a removal during creation does not wait for a cloud that takes no calls', async () => {
    world().beforeSubmit = (step) => {
      if (step === 'networkInterface') throw noAnswer();
    };
    const lifecycle = await world().startStepwise();
    await lifecycle.until({ phase: 'creating networkInterface' });
    await betweenAttempts(lifecycle);
    await lifecycle.remove('no longer needed');
    expect(stop()).toEqual({ reason: 'no longer needed', failure: null });
    await followRemoval(lifecycle);
    expect(submitted()).not.toContain('vm');
    expect(world().cloud.alive()).toEqual([]);
  });

  test('a removal during creation waits for a call that is under way, so that what it creates is removed', async () => {
    let answer = () => {};
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    world().beforeSubmit = async (step) => {
      if (step === 'vm') await held;
    };
    const lifecycle = await world().startStepwise();
    await eventually(() => submitted().length === 3);
    const removal = lifecycle.remove();
    await eventually(async () => (await lifecycle.status()).stopReason !== null);
    expect(await lifecycle.status()).toMatchObject({ state: 'requested' });
    answer();
    await removal;
    await followRemoval(lifecycle);
    expect(removed()[0]).toBe('vm');
    expect(world().cloud.alive()).toEqual([]);
  });
});

test('a run that resumes a removal half-way goes on where the one before stopped', async () => {
  const { removalSteps } = world().provider.machines!;
  const resumeFrom: LifecycleState = {
    state: 'stopping',
    registeredAt: null,
    deadline: null,
    secretGeneration: 3,
    previousSecretAccepted: true,
    capacity: 1,
    stop: { reason: 'by an operator', failure: null },
    createdSteps: STEPS,
    removed: ['vm'],
    creating: null,
    listed: STEPS,
    seenWhileStopping: true,
    lastObservation: { state: 'stopping', reason: null, at: 0, resources: { vm: 'gone', networkInterface: 'running' } },
  };
  time().scripted.on('deleteResource', async () => {});
  const lifecycle = await time().startLifecycle({ creationSteps: STEPS, removalSteps, resumeFrom });
  await eventually(() => removed().length === 1);
  expect(await lifecycle.status()).toMatchObject({ state: 'stopping', stopReason: 'by an operator', removed: ['vm'] });
  await lifecycle.observed('stopping', { resources: { publicIp: 'running' } });
  await eventually(() => removed().length === 2);
  await lifecycle.end();
  expect(removed()).toEqual(['networkInterface', 'publicIp']);
  expect(submitted()).toEqual([]);
  expect(time().scripted.names()).not.toContain('recordStopping');
});
