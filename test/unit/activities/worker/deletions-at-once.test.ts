import { describe, expect, test } from '@jest/globals';
import { DeletionsAtOnce } from '../../../../activities/worker/deletions-at-once.js';
import { ProviderError } from '../../../../providers/errors.js';
import { assertMaySend, callSignal, turnBy } from '../../../../providers/shared/call-scope.js';
import { activityDeps } from '../../../support/activities.js';

const location = { account: null, region: 'here', group: null };
const machineOf = (providerId: string, workerId = 'w') => ({
  ...{ workerPoolId: 'proj/pool', workerGroup: 'here', workerId, providerId, launchConfigId: 'lc', location },
});

/** Two clouds, `well` and `ill`: what a deletion does at the second; short limits, and what was called. */
function clouds(ill: () => Promise<void>, limits: { sentWithinMs?: number; atOnce?: number } = {}) {
  const called: string[] = [];
  const followed: string[] = [];
  const cloud = (providerId: string, answer: () => Promise<void>) => ({
    machines: {
      deleteResource: ({ workerId }: { workerId: string }, step: string) => {
        called.push(`${providerId} ${step} ${workerId}`);
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
  const deletions = new DeletionsAtOnce(deps, {
    ...{ turnWithinMs: 4_000, sentWithinMs: 5_000, atOnce: 3, keptMs: 60_000 },
    ...limits,
  });
  const send = (providerId: string, workerId?: string) => deletions.send(machineOf(providerId, workerId), 'machine');
  const isAccepted = (providerId: string) => deletions.isDeletionAccepted(machineOf(providerId), 'machine');
  return { send, isAccepted, called, followed, stop: () => deletions.stop() };
}

/** Everything that has been answered has had its consequence. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A call that waits for its turn until it is given up; `came` gets what keeps it from being sent then, if anything. */
async function waitForTurn(came: (refusal: unknown) => void): Promise<void> {
  await new Promise<void>((resolve) => callSignal()!.addEventListener('abort', () => resolve()));
  try {
    assertMaySend();
    came(null);
  } catch (error) {
    came(error);
    throw error;
  }
}

describe('a deletion at once', () => {
  test('a deletion at once that the cloud accepts is known as accepted, once, and a scan follows it', async () => {
    const { send, isAccepted, called, followed } = clouds(async () => {});
    expect(send('well')).toBe(true);
    await settled();
    expect(called).toEqual(['well machine w']);
    expect(followed).toEqual(['well']);
    expect([await isAccepted('well'), await isAccepted('well')]).toEqual([true, false]);
  });

  test('a deletion at once that the cloud refuses is under way first, and never accepted', async () => {
    const refused = new ProviderError({ code: 'PermissionDenied', message: 'no' });
    const { send, isAccepted, followed } = clouds(() => Promise.reject(refused));
    expect(send('ill')).toBe(true);
    await settled();
    expect(await isAccepted('ill')).toBe(false);
    expect(followed).toEqual([]);
  });

  test('a deletion at once that has no answer yet is not accepted, and is not sent twice', async () => {
    const answer = Promise.withResolvers<void>();
    const { send, isAccepted, called } = clouds(() => answer.promise);
    expect([send('ill'), send('ill'), await isAccepted('ill')]).toEqual([true, true, false]);
    expect(called).toHaveLength(1);
    answer.resolve();
    await settled();
    expect(await isAccepted('ill')).toBe(true);
  });

  test('a deletion at once that waits too long for its turn is not sent', async () => {
    const over = Promise.withResolvers<unknown>();
    const { send, isAccepted } = clouds(() => waitForTurn(over.resolve), { sentWithinMs: 20 });
    send('ill');
    expect(await over.promise).toMatchObject({ code: 'GivenUp' });
    expect(await isAccepted('ill')).toBe(false);
  });

  test('a deletion at once takes no place among all calls that comes too late for it', async () => {
    const latest: number[] = [];
    const { send } = clouds(async () => void latest.push(turnBy()));
    const begunAt = performance.now();
    send('ill');
    expect(latest[0]! - begunAt).toBeGreaterThanOrEqual(4_000);
    expect(latest[0]! - performance.now()).toBeLessThanOrEqual(4_000);
  });

  test('deletions at once end with their process: what was sent is awaited, and no more is sent', async () => {
    const answer = Promise.withResolvers<void>();
    const refusals: unknown[] = [];
    const answers = [() => answer.promise, () => waitForTurn((refusal) => void refusals.push(refusal))];
    const { send, isAccepted, stop } = clouds(() => answers.shift()!());
    send('ill', 'w');
    send('ill', 'waits for its turn');
    let hasStopped = false;
    const stopped = stop().then(() => (hasStopped = true));
    await settled();
    expect(refusals).toMatchObject([{ code: 'GivenUp' }]);
    expect([hasStopped, send('ill', 'later')]).toEqual([false, false]);
    answer.resolve();
    await stopped;
    expect(await isAccepted('ill')).toBe(true);
  });

  test('deletions at once are bounded, and those that are too many are not sent', async () => {
    const answer = Promise.withResolvers<void>();
    const { send, called } = clouds(() => answer.promise);
    expect(['a', 'b', 'c', 'd'].map((workerId) => send('ill', workerId))).toEqual([true, true, true, false]);
    expect(called).toHaveLength(3);
    answer.resolve();
    await settled();
    expect(send('ill', 'd')).toBe(true);
  });

  test('a deletion at once is not sent where its provider is not configured', () => {
    expect(clouds(async () => {}).send('unknown')).toBe(false);
  });
});
