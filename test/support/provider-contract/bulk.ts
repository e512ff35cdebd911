import { expect, test } from '@jest/globals';
import { identifierPattern } from '../../../domain/ids.js';
import type { BulkLaunching, FrozenLaunch, LaunchedMachine } from '../../../providers/provider.js';
import { eventually } from '../../../dev/testing/eventually.js';
import type { Ability, ProviderHarness } from './harness.js';

/** What a cloud promises that makes many machines in one call. */
export function bulkPromises(harness: () => ProviderHarness, can: (ability: Ability) => boolean): void {
  const launching = () => harness().provider.launching as BulkLaunching;
  const freeze = (count: number): FrozenLaunch => throughHistory(launching().freeze(harness().order!({ count })));
  const found = (launch: FrozenLaunch, count: number) =>
    eventually(async () => {
      const machines = await launching().find(launch);
      return machines.length === count && machines;
    });

  test('freezing is pure, and a frozen launch survives being written down', async () => {
    const order = harness().order!({ count: 1 });
    const frozen = launching().freeze(order);
    expect(launching().freeze(order)).toEqual(frozen);
    expect(frozen).toMatchObject({ token: order.token, count: 1 });
    await expect(launching().submit(throughHistory(frozen))).resolves.toHaveLength(1);
  });

  test('a launch makes between one and as many machines as it asks for, each with a key of its own', async () => {
    const { context } = harness();
    const before = context.taken.length;
    const machines = await launching().submit(freeze(3));
    expect(machines.length).toBeGreaterThanOrEqual(1);
    expect(machines.length).toBeLessThanOrEqual(3);
    expect(new Set(ids(machines)).size).toBe(machines.length);
    for (const { workerGroup, workerId } of machines) {
      expect(workerGroup).toMatch(identifierPattern);
      expect(workerId).toMatch(identifierPattern);
    }
    expect(context.taken.slice(before).map(({ callClass }) => callClass)).toEqual(['create']);
    expect(context.outcomes.at(-1)).toMatchObject({ callClass: 'create', result: 'ok' });
  });

  test('find gives every machine of its own launch, dead ones too, and of no other', async () => {
    const [mine, other] = [freeze(2), freeze(1)];
    const made = await launching().submit(mine);
    await launching().submit(other);
    expect(ids(await found(mine, made.length))).toEqual(ids(made));
    const machines = harness().provider.machines!;
    await machines.remove(made[0]!, machines.removalSteps[0]!);
    expect(ids(await launching().find(mine))).toEqual(ids(made));
    expect(await launching().find(freeze(1))).toEqual([]);
  });

  if (can('repeated launches')) {
    test('a launch repeated makes nothing new and gives the machines of the first time', async () => {
      const launch = freeze(3);
      const first = await launching().submit(launch);
      expect(ids(await launching().submit(launch))).toEqual(ids(first));
      expect(ids(await found(launch, first.length))).toEqual(ids(first));
    });
  }

  if (can('limited capacity')) {
    test('with room for fewer it makes those; with room for none it says so', async () => {
      await harness().limitCapacity!(2);
      await expect(launching().submit(freeze(5))).resolves.toHaveLength(2);
      await expect(launching().submit(freeze(5))).rejects.toMatchObject({ code: 'InsufficientCapacity' });
      await harness().limitCapacity!(null);
    });
  }

  if (can('lost answers')) {
    test('a launch whose answer was lost leaves open what happened, and a repetition tells', async () => {
      const launch = freeze(3);
      await harness().loseAnswer!();
      await expect(launching().submit(launch)).rejects.toMatchObject({ code: 'Unavailable' });
      const made = await found(launch, 3);
      expect(ids(await launching().submit(launch))).toEqual(ids(made));
      expect(await launching().find(launch)).toHaveLength(3);
    });
  }

  if (can('throttling')) {
    test('a throttled launch did nothing and says when to come back', async () => {
      const launch = freeze(1);
      await harness().throttle!('create');
      await expect(launching().submit(launch)).rejects.toMatchObject({
        code: 'Throttled',
        retryAfterMs: expect.any(Number),
      });
      await expect(launching().submit(launch)).resolves.toHaveLength(1);
    });
  }
}

/** As a frozen launch comes back from the records. */
export const throughHistory = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

export const ids = (machines: readonly Pick<LaunchedMachine, 'workerId'>[]): string[] =>
  machines.map(({ workerId }) => workerId).sort((a, b) => a.localeCompare(b));
