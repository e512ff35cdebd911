import { describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { bucketStore } from '../../../database/rate-limits.js';
import { counting, engines } from '../../support/database.js';
import { databaseFor } from '../../support/database-suite.js';

describe.each(engines)('a bucket of calls on %s', (engine) => {
  const database = databaseFor(engine);

  test('a bucket lets a burst pass at once and then makes callers wait in a row', async () => {
    const { db, statements } = counting(database.db);
    const limit = { burst: 3, perSecond: 0.1 };
    const waits: number[] = [];
    for (let n = 0; n < 5; n += 1) waits.push((await bucketStore(db).reserve('b', limit, 60_000)).waitMs);
    expect(statements()).toBe(5);
    expect(waits.slice(0, 3)).toEqual([0, 0, 0]);
    expect(waits[3]).toBeGreaterThan(5_000);
    expect(waits[3]).toBeLessThanOrEqual(10_000);
    expect(waits[4]! - waits[3]!).toBeGreaterThan(5_000);
    expect(waits[4]).toBeLessThanOrEqual(20_000);
  });

  test('a bucket takes no place when the wait would be too long, and says how long it would be', async () => {
    const { db } = database;
    const limit = { burst: 1, perSecond: 0.01 };
    expect(await bucketStore(db).reserve('b', limit, 0)).toMatchObject({ reserved: true, waitMs: 0 });
    const refused = [];
    for (let n = 0; n < 3; n += 1) refused.push(await bucketStore(db).reserve('b', limit, 1_000));
    for (const { reserved, waitMs } of refused) {
      expect(reserved).toBe(false);
      expect(waitMs).toBeGreaterThan(50_000);
      expect(waitMs).toBeLessThanOrEqual(100_000);
    }
    // None of them moved the bucket: the next one in line waits no longer than they would have.
    const next = await bucketStore(db).reserve('b', limit, 200_000);
    expect(next.reserved).toBe(true);
    expect(next.waitMs).toBeLessThanOrEqual(refused[2]!.waitMs);
  });

  test('a bucket does not wait for another', async () => {
    const { db } = database;
    const limit = { burst: 1, perSecond: 0.01 };
    for (const bucket of ['aws/us-west-2/read', 'aws/us-west-2/delete', 'aws/us-east-1/read']) {
      expect(await bucketStore(db).reserve(bucket, limit, 0)).toMatchObject({ reserved: true, waitMs: 0 });
    }
  });

  test('a bucket never lets more than its burst and its rate pass, however many come at once', async () => {
    const { db } = database;
    const limit = { burst: 20, perSecond: 50 };
    /** The statement ran between the question and the answer; so each call may be sent between these two instants. */
    const passes: { earliest: number; latest: number }[] = [];
    const caller = async () => {
      for (let n = 0; n < 10; n += 1) {
        const requested = performance.now();
        const { reserved, waitMs } = await bucketStore(db).reserve('shared', limit, 500);
        if (reserved) passes.push({ earliest: requested + waitMs, latest: performance.now() + waitMs });
      }
    };
    await Promise.all(Array.from({ length: 16 }, caller));
    expect(passes.length).toBeGreaterThan(limit.burst);
    // Over every stretch of time, not only the whole: the calls that lie in it for certain.
    for (const { earliest: from } of passes) {
      const later = passes.filter(({ earliest }) => earliest >= from).sort((a, b) => a.latest - b.latest);
      for (const [before, { latest: to }] of later.entries()) {
        expect(before + 1).toBeLessThanOrEqual(limit.burst + Math.floor((limit.perSecond * (to - from)) / 1000 + 0.01));
      }
    }
  });

  const slow = { burst: 10, perSecond: 0.01 };
  const interval = 100_000;
  const pass = async (count: number) => {
    for (let n = 0; n < count; n += 1) {
      expect(await bucketStore(database.db).reserve('b', slow, 0)).toMatchObject({ reserved: true, waitMs: 0 });
    }
  };

  test('a bucket tells with each place how full it is, and shrinks to what the cloud says is left, for every caller', async () => {
    const { db, statements } = counting(database.db);
    const first = await bucketStore(db).reserve('b', slow, 0);
    expect(first.fullInMs).toBeCloseTo(interval, -3);
    const shrunk = await bucketStore(db).lower('b', slow, { left: 3, pauseMs: 0 });
    expect(shrunk).toMatchObject({ pausedUntil: 0, fullInMs: expect.closeTo(7 * interval, -3) });
    expect(statements()).toBe(2);
    await pass(3);
    const { reserved, waitMs } = await bucketStore(db).reserve('b', slow, 0);
    expect(reserved).toBe(false);
    expect(waitMs).toBeGreaterThan(interval / 2);
  });

  test('a bucket never grows by what the cloud says', async () => {
    await pass(9);
    const { fullInMs } = await bucketStore(database.db).lower('b', slow, { left: 9, pauseMs: 0 });
    expect(fullInMs).toBeGreaterThan(8 * interval);
    await pass(1);
    expect((await bucketStore(database.db).reserve('b', slow, 0)).reserved).toBe(false);
  });

  test('a bucket that no call has used yet can be shrunk and paused', async () => {
    await bucketStore(database.db).lower('b', slow, { left: 2, pauseMs: 0 });
    await bucketStore(database.db).lower('b', slow, { left: 2, pauseMs: 5_000 });
    const { reserved, waitMs, pausedUntil } = await bucketStore(database.db).reserve('b', slow, 10_000);
    expect(reserved).toBe(true);
    expect(waitMs).toBeGreaterThan(2_000);
    expect(waitMs).toBeLessThanOrEqual(5_000);
    expect(await bucketStore(database.db).pauseOf('b')).toBe(pausedUntil);
    expect(await bucketStore(database.db).pauseOf('another')).toBe(0);
  });

  test('a paused bucket lets nobody pass before the end of the pause, and then no more than was left', async () => {
    const limit = { burst: 10, perSecond: 0.1 };
    await bucketStore(database.db).lower('b', limit, { left: 2, pauseMs: 5_000 });
    expect(await bucketStore(database.db).reserve('b', limit, 1_000)).toMatchObject({ reserved: false });
    const waits = [];
    for (let n = 0; n < 3; n += 1) waits.push((await bucketStore(database.db).reserve('b', limit, 60_000)).waitMs);
    for (const wait of waits.slice(0, 2)) {
      expect(wait).toBeGreaterThan(2_000);
      expect(wait).toBeLessThanOrEqual(5_000);
    }
    expect(waits[2]! - waits[0]!).toBeGreaterThan(7_000);
    // Another bucket has no part in it.
    expect((await bucketStore(database.db).reserve('another', limit, 0)).reserved).toBe(true);
  });

  test('a bucket keeps the later end of two pauses', async () => {
    const limit = { burst: 10, perSecond: 10 };
    const long = await bucketStore(database.db).lower('b', limit, { left: 0, pauseMs: 60_000 });
    const short = await bucketStore(database.db).lower('b', limit, { left: 0, pauseMs: 1_000 });
    expect(short.pausedUntil).toBe(long.pausedUntil);
    const { waitMs } = await bucketStore(database.db).reserve('b', limit, 0);
    expect(waitMs).toBeGreaterThan(30_000);
    const longer = await bucketStore(database.db).lower('b', limit, { left: 0, pauseMs: 90_000 });
    expect(longer.pausedUntil).toBeGreaterThan(long.pausedUntil);
  });

  test('a bucket begins its row anew with a pause: the places before it are void, and count no more', async () => {
    const limit = { burst: 1, perSecond: 0.1 };
    const places = [];
    for (let n = 0; n < 5; n += 1) places.push(await bucketStore(database.db).reserve('b', limit, 600_000));
    expect(places[4]!.waitMs).toBeGreaterThan(30_000);
    const paused = await bucketStore(database.db).lower('b', limit, { left: 1, pauseMs: 5_000 });
    for (const { pausedUntil } of places) expect(pausedUntil).not.toBe(paused.pausedUntil);
    const again = await bucketStore(database.db).reserve('b', limit, 600_000);
    expect(again.pausedUntil).toBe(paused.pausedUntil);
    expect(again.waitMs).toBeGreaterThan(4_000);
    expect(again.waitMs).toBeLessThanOrEqual(10_000);
  });

  /** As the bucket looks after the database's clock has stepped back by an hour. */
  const stepBack = async () => {
    const hour = 3_600_000;
    await sql`update rate_limits set arrival = arrival + ${sql.lit(hour)}, at = at + ${sql.lit(hour)},
      paused_until = case when paused_until > 0 then paused_until + ${sql.lit(hour)} else 0 end`.execute(database.db);
  };

  test('a bucket lets pass after a step of the clock what it would have let pass before', async () => {
    await pass(7);
    await stepBack();
    await pass(3);
    const { reserved, waitMs } = await bucketStore(database.db).reserve('b', slow, 0);
    expect(reserved).toBe(false);
    expect(waitMs).toBeLessThanOrEqual(interval);
  });

  test('a bucket keeps the rest of its pause over a step of the clock, and no more', async () => {
    const { pausedUntil } = await bucketStore(database.db).lower('b', slow, { left: 1, pauseMs: 60_000 });
    await stepBack();
    const refused = await bucketStore(database.db).reserve('b', slow, 0);
    expect(refused.reserved).toBe(false);
    expect(refused.waitMs).toBeGreaterThan(30_000);
    expect(refused.waitMs).toBeLessThanOrEqual(60_000);
    expect(await bucketStore(database.db).reserve('b', slow, 60_000)).toMatchObject({ reserved: true });
    expect(await bucketStore(database.db).pauseOf('b')).toBeLessThan(pausedUntil + 60_000);
  });

  test('a bucket is paused from now on when the cloud refuses after a step of the clock', async () => {
    await bucketStore(database.db).lower('b', slow, { left: 1, pauseMs: 60_000 });
    await stepBack();
    await bucketStore(database.db).lower('b', slow, { left: 1, pauseMs: 90_000 });
    const { waitMs } = await bucketStore(database.db).reserve('b', slow, 0);
    expect(waitMs).toBeGreaterThan(60_000);
    expect(waitMs).toBeLessThanOrEqual(90_000);
  });
});
