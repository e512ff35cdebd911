import { expect, test } from '@jest/globals';
import { identifierPattern } from '../../../domain/ids.js';
import { ProviderError } from '../../../providers/errors.js';
import type { BulkLaunching, PreparedLaunch, LaunchedMachine } from '../../../providers/provider.js';
import { eventually } from '../../../dev/testing/eventually.js';
import type { Ability, ProviderHarness } from './harness.js';

/** A launch that the cloud is still carrying out cannot be searched for yet. */
function unlessItGoesOn(error: unknown): null {
  if (error instanceof ProviderError && error.code === 'Unavailable') return null;
  throw error;
}

/** What a cloud promises that makes many machines in one call. */
export function bulkPromises(harness: () => ProviderHarness, can: (ability: Ability) => boolean): void {
  const launching = () => harness().provider.launching as BulkLaunching;
  const prepare = (count: number): PreparedLaunch => throughHistory(launching().prepare(harness().spec!({ count })));
  /** Why a launch creates nothing: an error of the call, or what the cloud says when it has tried. */
  const refusalOf = async (launch: PreparedLaunch): Promise<readonly { code?: string }[]> => {
    const outcome = await launching()
      .submit(launch)
      .catch((error: ProviderError) => error);
    if (outcome instanceof ProviderError) return [outcome];
    expect(outcome.machines).toEqual([]);
    return outcome.shortfall;
  };
  const found = (launch: PreparedLaunch, count: number) =>
    eventually(async () => {
      const seen = await launching().find(launch).catch(unlessItGoesOn);
      return seen?.machines.length === count && seen.machines;
    });

  test('preparing a launch is pure, and a prepared launch survives being stored', async () => {
    const spec = harness().spec!({ count: 1 });
    const prepared = launching().prepare(spec);
    expect(launching().prepare(spec)).toEqual(prepared);
    expect(prepared).toMatchObject({ token: spec.token, count: 1 });
    expect((await launching().submit(throughHistory(prepared))).machines).toHaveLength(1);
  });

  test('a launch creates between one and as many machines as requested, each with a key of its own', async () => {
    const { context } = harness();
    const before = context.acquired.length;
    const { machines, shortfall } = await launching().submit(prepare(3));
    expect(machines.length).toBeGreaterThanOrEqual(1);
    expect(machines.length).toBeLessThanOrEqual(3);
    expect(new Set(ids(machines)).size).toBe(machines.length);
    for (const { workerGroup, workerId } of machines) {
      expect(workerGroup).toMatch(identifierPattern);
      expect(workerId).toMatch(identifierPattern);
    }
    expect(shortfall.length > 0).toBe(machines.length < 3);
    const calls = context.acquired.slice(before).map(({ callClass }) => callClass);
    expect(calls.filter((callClass) => callClass !== 'read')).toEqual(['create']);
    const requestId = expect.stringMatching(/.{8}/);
    const outcome = context.outcomes.find(({ callClass }) => callClass === 'create');
    expect(outcome).toMatchObject({ result: 'ok', requestId, message: null });
  });

  test('find gives every machine of its own launch, and of no other', async () => {
    const [mine, other] = [prepare(2), prepare(1)];
    const { machines: created } = await launching().submit(mine);
    await launching().submit(other);
    expect(ids(await found(mine, created.length))).toEqual(ids(created));
    expect((await launching().find(prepare(1))).machines).toEqual([]);
  });

  if (can('listed ends')) {
    test('find gives the machines of a launch that have ended too', async () => {
      const launch = prepare(2);
      const { machines: created } = await launching().submit(launch);
      await found(launch, created.length);
      const machines = harness().provider.machines!;
      await machines.deleteResource(created[0]!, machines.removalSteps[0]!);
      expect(ids((await launching().find(launch)).machines)).toEqual(ids(created));
    });
  }

  if (can('settled launches')) {
    test('find says that a launch has ended, whatever came of it, and not of one that was never sent', async () => {
      const launch = prepare(1);
      await launching().submit(launch);
      expect(await launching().find(launch)).toMatchObject({ isSettled: true, shortfall: [] });
      expect(await launching().find(prepare(1))).toMatchObject({ isSettled: false, machines: [] });
    });
  }

  if (can('repeated launches')) {
    test('a repeated launch creates nothing new and gives the machines of the first time', async () => {
      const launch = prepare(3);
      const { machines: first } = await launching().submit(launch);
      expect(ids((await launching().submit(launch)).machines)).toEqual(ids(first));
      expect(ids(await found(launch, first.length))).toEqual(ids(first));
    });
  }

  if (can('limited capacity')) {
    test('a launch creates fewer machines where room is short, and says so where there is none', async () => {
      await harness().limitCapacity!(2);
      const partly = await launching().submit(prepare(5));
      expect(partly.machines).toHaveLength(2);
      expect(partly.shortfall).toMatchObject([{ code: 'InsufficientCapacity' }]);
      expect(await refusalOf(prepare(5))).toMatchObject([{ code: 'InsufficientCapacity' }]);
      await harness().limitCapacity!(null);
    });
  }

  if (can('lost answers')) {
    test('a launch whose answer was lost leaves open what happened, and a repetition tells', async () => {
      const launch = prepare(3);
      await harness().loseAnswer!();
      await expect(launching().submit(launch)).rejects.toMatchObject({ code: 'Unavailable' });
      const created = await found(launch, 3);
      expect(ids((await launching().submit(launch)).machines)).toEqual(ids(created));
      expect((await launching().find(launch)).machines).toHaveLength(3);
    });
  }

  if (can('throttling')) {
    test('a throttled launch did nothing and says when to come back', async () => {
      const launch = prepare(1);
      await harness().throttle!('create');
      await expect(launching().submit(launch)).rejects.toMatchObject({
        code: 'Throttled',
        retryAfterMs: expect.any(Number),
      });
      expect((await launching().submit(launch)).machines).toHaveLength(1);
    });
  }
}

/** As a prepared launch comes back from the database. */
export const throughHistory = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

export const ids = (machines: readonly Pick<LaunchedMachine, 'workerId'>[]): string[] =>
  machines.map(({ workerId }) => workerId).sort((a, b) => a.localeCompare(b));
