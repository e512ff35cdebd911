import { describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { parseConfig } from '../../../../config/load.js';
import { bucketStore } from '../../../../database/rate-limits.js';
import { budgetsOf, providerTypes } from '../../../../providers/configured.js';
import { sharedLimiter } from '../../../../providers/shared/rate-limiter.js';
import { MAX_RETRY_AFTER_MS, type ProviderError } from '../../../../providers/errors.js';
import { inCallScope } from '../../../../providers/shared/call-scope.js';
import type { QuotaUpdate, CallLimit, CloudCall, Limiter } from '../../../../providers/rate-limit.js';
import { eventually } from '../../../../dev/testing/eventually.js';
import { counting, engines, openTestDatabase } from '../../../support/database.js';
import { databaseFor } from '../../../support/database-suite.js';

/** A timer may fire a millisecond early, and the places are those of the database's clock. */
const EARLY_MS = 5;

describe.each(engines)('the rate limiter that processes share through %s', (engine) => {
  const database = databaseFor(engine);

  const aws = (accessKeyId: string) => ({
    providerType: 'aws',
    credentials: { accessKeyId, secretAccessKey: 'a secret' },
  });
  const limit = { burst: 1, perSecond: 0.001 };

  test('two providers of one account share its limit, and another account, region or class has its own', async () => {
    const { providers } = parseConfig(
      JSON.stringify({ providers: { first: aws('KEY-1'), second: aws('KEY-1'), other: aws('KEY-2') } }),
      'config.json',
      providerTypes,
    );
    const limiter = sharedLimiter(bucketStore(database.db), budgetsOf(providers));
    const acquire = (providerId: string, region = 'us-east-1', callClass: 'create' | 'delete' = 'create') =>
      limiter.acquire({ providerId, operation: 'RunInstances', callClass, region }, limit);
    await acquire('first');
    await expect(acquire('second')).rejects.toMatchObject({
      code: 'Throttled',
      message: 'RunInstances: our own limit for second/us-east-1/create is used up',
    });
    await acquire('other');
    await acquire('second', 'us-west-2');
    await acquire('second', 'us-east-1', 'delete');
    const rows = await database.db.selectFrom('rateLimits').select('bucket').execute();
    expect(rows).toHaveLength(4);
    expect(JSON.stringify(rows)).not.toContain('KEY-');
  });

  const call: CloudCall = { providerId: 'cloud', operation: 'PUT', callClass: 'create', region: null };
  /** A process of its own, and the statements that it has sent. */
  const process = () => {
    const { db, statements } = counting(database.db);
    return { limiter: sharedLimiter(bucketStore(db), (providerId) => providerId), statements };
  };
  const left = (remaining: number): QuotaUpdate => ({ remaining, retryAfterMs: null });
  const refused = (retryAfterMs: number): QuotaUpdate => ({ remaining: 0, retryAfterMs });
  const spent = async (limiter: Limiter, limit: CallLimit): Promise<number> => {
    const begunAt = performance.now();
    await limiter.acquire(call, limit);
    return performance.now() - begunAt;
  };

  test('a reported quota costs no query while it is about what we believe', async () => {
    const { limiter, statements } = process();
    const wide = { burst: 200, perSecond: 0.1 };
    for (let n = 1; n <= 20; n += 1) {
      await limiter.acquire(call, wide);
      await limiter.reportQuota(call, wide, left(200 - n - 15));
      await limiter.reportQuota(call, wide, { remaining: null, retryAfterMs: null });
    }
    expect(statements()).toBe(20);
  });

  test('a reported quota well below what we believe leaves no more to any process', async () => {
    const [first, second] = [process(), process()];
    const wide = { burst: 200, perSecond: 0.01 };
    await first.limiter.acquire(call, wide);
    await first.limiter.reportQuota(call, wide, left(4));
    expect(first.statements()).toBe(2);
    for (let n = 0; n < 4; n += 1) await second.limiter.acquire(call, wide);
    await expect(second.limiter.acquire(call, wide)).rejects.toMatchObject({ code: 'Throttled' });
    await expect(first.limiter.acquire(call, wide)).rejects.toMatchObject({ code: 'Throttled' });
    // Said again, it is what we believe by now.
    await first.limiter.reportQuota(call, wide, left(0));
    expect(first.statements()).toBe(3);
  });

  test('a refusal lets no call of any process pass before the time that the cloud has named', async () => {
    const [first, second] = [process(), process()];
    const wide = { burst: 50, perSecond: 50 };
    await first.limiter.acquire(call, wide);
    await second.limiter.acquire(call, wide);
    const refusedAt = performance.now();
    await first.limiter.reportQuota(call, wide, refused(1_500));
    const passes = await Promise.all(
      [first, second, first, second].map(async ({ limiter }) => {
        await limiter.acquire(call, wide);
        return performance.now() - refusedAt;
      }),
    );
    for (const passed of passes) expect(passed).toBeGreaterThanOrEqual(1_500 - EARLY_MS);
    // They come one after the other then, not all at once.
    expect(Math.max(...passes)).toBeGreaterThanOrEqual(1_500 + 3 * 20 - EARLY_MS);
  });

  test('a pause also stops those who wait for their place, in every process, and they take another', async () => {
    const [first, second] = [process(), process()];
    const narrow = { burst: 1, perSecond: 0.5 };
    await first.limiter.acquire(call, narrow);
    // Places after two and four seconds; so both know by then that they must read the bucket again, or have read it.
    const begunAt = performance.now();
    const waiting = [first, second].map(({ limiter }) => spent(limiter, narrow));
    await eventually(async () => first.statements() + second.statements() === 3);
    await first.limiter.reportQuota(call, narrow, refused(5_000));
    const pausedFor = performance.now() - begunAt + 5_000;
    const waits = (await Promise.all(waiting)).sort((a, b) => a - b);
    // Up to the time that the statement took.
    expect(waits[0]).toBeGreaterThanOrEqual(pausedFor - 500);
    expect(waits[1]! - waits[0]!).toBeGreaterThan(1_500);
  });

  test('a longer pause than an activity should wait is thrown on, with the time to come back', async () => {
    const { limiter } = process();
    const wide = { burst: 50, perSecond: 50 };
    await limiter.acquire(call, wide);
    await limiter.reportQuota(call, wide, refused(60_000));
    const thrown = await limiter.acquire(call, wide).then(
      () => null,
      (error: ProviderError) => error,
    );
    expect(thrown).toMatchObject({ code: 'Throttled' });
    // Early enough to take a place before the pause ends, and no earlier.
    expect(thrown?.retryAfterMs).toBeGreaterThan(45_000);
    expect(thrown?.retryAfterMs).toBeLessThanOrEqual(60_000);
  });

  test('a call of an attempt that is over sooner takes no place that comes later', async () => {
    const { limiter } = process();
    const narrow = { burst: 1, perSecond: 0.5 };
    await limiter.acquire(call, narrow);
    const attempt = { signal: new AbortController().signal, assertMaySend: () => {} };
    const turnBy = performance.now() + 1_000;
    await expect(inCallScope({ ...attempt, turnBy }, () => limiter.acquire(call, narrow))).rejects.toMatchObject({
      code: 'Throttled',
    });
    // The place is another's.
    expect(await spent(limiter, narrow)).toBeLessThan(3_000);
  });

  test('a pause of days is not believed', async () => {
    const { limiter } = process();
    const wide = { burst: 50, perSecond: 50 };
    await limiter.acquire(call, wide);
    await limiter.reportQuota(call, wide, refused(11 * 86_400_000));
    const thrown = await limiter.acquire(call, wide).then(
      () => null,
      (error: ProviderError) => error,
    );
    expect(thrown?.retryAfterMs).toBeLessThanOrEqual(MAX_RETRY_AFTER_MS);
  });

  test('a refusal pauses its class, region and account alone', async () => {
    const { limiter } = process();
    const wide = { burst: 50, perSecond: 50 };
    await limiter.acquire(call, wide);
    await limiter.reportQuota(call, wide, refused(60_000));
    for (const other of [{ callClass: 'delete' }, { region: 'elsewhere' }, { providerId: 'another' }] as const) {
      await expect(limiter.acquire({ ...call, ...other }, wide)).resolves.toBeUndefined();
    }
    await expect(limiter.acquire(call, wide)).rejects.toMatchObject({ code: 'Throttled' });
  });

  test('a quota of less than nothing is a wait until it has been made up for', async () => {
    const { limiter } = process();
    const wide = { burst: 200, perSecond: 20 };
    await limiter.acquire(call, wide);
    const begunAt = performance.now();
    await limiter.reportQuota(call, wide, left(-10));
    await limiter.acquire(call, wide);
    expect(performance.now() - begunAt).toBeGreaterThanOrEqual(500 - EARLY_MS);
  });

  test('a database that does not answer takes nothing from a call that has its answer', async () => {
    const closed = await openTestDatabase(engine);
    const limiter = sharedLimiter(bucketStore(closed.db), (providerId) => providerId);
    const wide = { burst: 50, perSecond: 50 };
    await limiter.acquire(call, wide);
    await closed.close();
    await expect(limiter.reportQuota(call, wide, refused(60_000))).resolves.toBeUndefined();
  });

  test('a limiter goes on after a step of the clock that shortens a pause which it knew', async () => {
    const { limiter } = process();
    const quick = { burst: 10, perSecond: 100 };
    await limiter.acquire(call, quick);
    await limiter.reportQuota(call, quick, refused(1_000));
    const hour = sql.lit(3_600_000);
    await sql`update rate_limits set arrival = arrival + ${hour}, at = at + ${hour},
      paused_until = paused_until + ${hour}`.execute(database.db);
    await limiter.acquire(call, quick);
    expect(await spent(limiter, quick)).toBeLessThan(5_000);
  });
});
