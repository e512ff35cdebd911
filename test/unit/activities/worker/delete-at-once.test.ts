import { describe, expect, test } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { deletionsAtOnce } from '../../../../activities/worker/delete-at-once.js';
import { ProviderError } from '../../../../providers/errors.js';
import { callSignal } from '../../../../providers/shared/call-scope.js';
import { activityDeps } from '../../../support/activities.js';

const location = { account: null, region: 'here', group: null };
const machineOf = (providerId: string, workerId = 'w') => ({
  ...{ workerPoolId: 'proj/pool', workerGroup: 'here', workerId, providerId, launchConfigId: 'lc', location },
});

/** Two clouds, `well` and `ill`: what a deletion does at the second; short limits, and what was called. */
function clouds(ill: () => Promise<void>, limits: { answerMs?: number; atOnce?: number } = {}) {
  const called: string[] = [];
  const followed: string[] = [];
  const cloud = (providerId: string, answer: () => Promise<void>) => ({
    machines: {
      deleteResource: (_machine: object, step: string) => {
        called.push(`${providerId} ${step}`);
        return answer();
      },
    },
  });
  const providers = new Map([
    ['well', cloud('well', async () => {})],
    ['ill', cloud('ill', ill)],
  ]);
  const deps = activityDeps({
    database: undefined as never,
    providers: { get: (providerId: string) => providers.get(providerId) as never },
    triggers: { requestFastScan: (providerId: string) => void followed.push(providerId) },
  });
  const activities = deletionsAtOnce(deps, { answerMs: 5_000, atOnce: 3, pauseMs: 60_000, ...limits });
  const remove = (providerId: string) => activities.deleteAtOnce(machineOf(providerId), 'machine');
  return { remove, called, followed };
}

describe('a deletion at once', () => {
  test('a deletion at once that the cloud accepts requests the scan that follows removals', async () => {
    const { remove, called, followed } = clouds(async () => {});
    expect(await remove('well')).toBe(true);
    expect(called).toEqual(['well machine']);
    expect(followed).toEqual(['well']);
  });

  test('a deletion at once that the cloud refuses is not accepted, and pauses those of its cloud alone', async () => {
    const refused = new ProviderError({ code: 'PermissionDenied', message: 'no' });
    const { remove, called, followed } = clouds(() => Promise.reject(refused));
    expect([await remove('ill'), await remove('ill'), await remove('well')]).toEqual([false, false, true]);
    expect(called).toEqual(['ill machine', 'well machine']);
    expect(followed).toEqual(['well']);
  });

  test('a deletion at once that gets no answer in time is not accepted, and what it waits for ends', async () => {
    let isOver = false;
    const { remove } = clouds(
      async () => {
        const signal = callSignal()!;
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        isOver = true;
        await new Promise(() => {});
      },
      { answerMs: 20 },
    );
    expect(await remove('ill')).toBe(false);
    expect(isOver).toBe(true);
  });

  test('deletions at once of one cloud are few, and those that are too many are not sent', async () => {
    const answer = Promise.withResolvers<void>();
    const { remove, called } = clouds(() => answer.promise);
    const removals = [remove('ill'), remove('ill'), remove('ill')];
    expect([await remove('ill'), await remove('well')]).toEqual([false, true]);
    expect(called).toEqual([...Array<string>(3).fill('ill machine'), 'well machine']);
    answer.resolve();
    expect(await Promise.all(removals)).toEqual([true, true, true]);
    expect(await remove('ill')).toBe(true);
  });

  test('a deletion at once whose answer is late counts as under way until it comes', async () => {
    const answer = Promise.withResolvers<void>();
    const { remove, called } = clouds(() => answer.promise, { answerMs: 1, atOnce: 1 });
    expect(await remove('ill')).toBe(false);
    await delay(5);
    expect(await remove('ill')).toBe(false);
    expect(called).toHaveLength(1);
  });

  test('a deletion at once is not accepted where its provider is not configured', async () => {
    expect(await clouds(async () => {}).remove('unknown')).toBe(false);
  });
});
