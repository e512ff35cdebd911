import { describe, expect, test } from '@jest/globals';
import { PoolPoll } from '../../../../activities/demand/poll-pools.js';

const limits = { poolTimeoutMs: 60_000, totalTimeoutMs: 60_000, slowAfterMs: 60_000, lanes: 20, slowLanes: 2 };
const pools = (count: number, name = 'pool') => Array.from({ length: count }, (_, index) => `prov/${name}-${index}`);
/** A reading that lasts until it is given up, whatever its signal says. */
const hang = () => new Promise<never>(() => {});

describe('PoolPoll', () => {
  test('a poll reads the 21st pool when the queues of 20 hang', async () => {
    const hanging = new Set(pools(20, 'hangs'));
    const poll = new PoolPoll({ ...limits, poolTimeoutMs: 50 });
    const read: string[] = [];
    const { failed, leftOut } = await poll.run([...hanging, 'prov/21st'], null, async (pool) => {
      if (hanging.has(pool)) await hang();
      read.push(pool);
    });
    expect(read).toEqual(['prov/21st']);
    expect([...failed.keys()].toSorted()).toEqual([...hanging].toSorted());
    expect(leftOut).toEqual([]);
  });

  test('a poll reads every other pool before a second pool that failed the last time', async () => {
    const poll = new PoolPoll({ ...limits, lanes: 3, slowLanes: 1 });
    const sick = pools(4, 'sick');
    const healthy = pools(30, 'well');
    const all = [...sick, ...healthy];
    await poll.run(all, null, async (pool) => {
      if (sick.includes(pool)) throw new Error('no answer');
    });
    const read: string[] = [];
    const othersRead = Promise.withResolvers<void>();
    await poll.run(all, null, async (pool) => {
      read.push(pool);
      if (sick.includes(pool)) return await othersRead.promise;
      if (healthy.every((each) => read.includes(each))) othersRead.resolve();
    });
    expect(read.slice(0, 31).filter((pool) => sick.includes(pool))).toHaveLength(1);
    expect(read).toHaveLength(34);
  });

  test('a poll treats a pool that took long as slow in the next poll', async () => {
    const poll = new PoolPoll({ ...limits, slowAfterMs: -1, lanes: 5, slowLanes: 1 });
    const all = pools(3);
    await poll.run(all, null, async () => {});
    let atOnce = 0;
    let most = 0;
    await poll.run(all, null, async () => {
      most = Math.max(most, (atOnce += 1));
      await Promise.resolve();
      atOnce -= 1;
    });
    expect(most).toBe(1);
  });

  test('a poll ends after its limit, says which pools it left out, and begins the next poll with them', async () => {
    const poll = new PoolPoll({ ...limits, totalTimeoutMs: 50, lanes: 2, slowLanes: 0 });
    const all = pools(5);
    const { failed, leftOut } = await poll.run(all, null, hang);
    expect([...failed.keys()]).toEqual(['prov/pool-0', 'prov/pool-1']);
    expect(leftOut).toEqual(['prov/pool-2', 'prov/pool-3', 'prov/pool-4']);
    const next = new PoolPoll({ ...limits, lanes: 1, slowLanes: 0 });
    const read: string[] = [];
    await next.run(all.slice(3), null, async () => {});
    await next.run(all, null, async (pool) => void read.push(pool));
    expect(read).toEqual(all);
  });

  test('a cancelled poll reads no further pool, and aborts the reads under way', async () => {
    const poll = new PoolPoll({ ...limits, lanes: 1 });
    const cancel = new AbortController();
    const signals: AbortSignal[] = [];
    const polled = poll.run(pools(3), cancel.signal, async (_, signal) => {
      signals.push(signal);
      cancel.abort(new Error('cancelled'));
      await hang();
    });
    await expect(polled).rejects.toThrow('cancelled');
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  });

  test('a poll forgets deleted pools', async () => {
    const poll = new PoolPoll({ ...limits, slowLanes: 0 });
    await poll.run(['prov/back-again'], null, async () => {
      throw new Error('no answer');
    });
    await poll.run([], null, async () => {});
    const { leftOut } = await poll.run(['prov/back-again'], null, async () => {});
    expect(leftOut).toEqual([]);
  });
});
