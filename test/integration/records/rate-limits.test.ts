import { describe, expect, test } from '@jest/globals';
import { reserveCall } from '../../../records/rate-limits.js';
import { counting, engines } from '../../support/records.js';
import { recordsFor } from '../../support/records-suite.js';

describe.each(engines)('a bucket of calls on %s', (engine) => {
  const records = recordsFor(engine);

  test('lets a burst pass at once and then makes callers wait in a row', async () => {
    const { db, statements } = counting(records.db);
    const limit = { burst: 3, perSecond: 0.1 };
    const waits: number[] = [];
    for (let n = 0; n < 5; n += 1) waits.push((await reserveCall(db, 'b', limit, 60_000)).waitMs);
    expect(statements()).toBe(5);
    expect(waits.slice(0, 3)).toEqual([0, 0, 0]);
    expect(waits[3]).toBeGreaterThan(5_000);
    expect(waits[3]).toBeLessThanOrEqual(10_000);
    expect(waits[4]! - waits[3]!).toBeGreaterThan(5_000);
    expect(waits[4]).toBeLessThanOrEqual(20_000);
  });

  test('takes no place when the wait would be too long, and says how long it would be', async () => {
    const { db } = records;
    const limit = { burst: 1, perSecond: 0.01 };
    expect(await reserveCall(db, 'b', limit, 0)).toEqual({ reserved: true, waitMs: 0 });
    const refused = [];
    for (let n = 0; n < 3; n += 1) refused.push(await reserveCall(db, 'b', limit, 1_000));
    for (const { reserved, waitMs } of refused) {
      expect(reserved).toBe(false);
      expect(waitMs).toBeGreaterThan(50_000);
      expect(waitMs).toBeLessThanOrEqual(100_000);
    }
    // None of them moved the bucket: the next one in line waits no longer than they would have.
    const next = await reserveCall(db, 'b', limit, 200_000);
    expect(next.reserved).toBe(true);
    expect(next.waitMs).toBeLessThanOrEqual(refused[2]!.waitMs);
  });

  test('is one of many: they do not wait for each other', async () => {
    const { db } = records;
    const limit = { burst: 1, perSecond: 0.01 };
    for (const bucket of ['aws/us-west-2/read', 'aws/us-west-2/delete', 'aws/us-east-1/read']) {
      expect(await reserveCall(db, bucket, limit, 0)).toEqual({ reserved: true, waitMs: 0 });
    }
  });

  test('never lets more than its burst and its rate pass, however many ask at once', async () => {
    const { db } = records;
    const limit = { burst: 20, perSecond: 50 };
    const started = performance.now();
    const passes: number[] = [];
    const caller = async () => {
      for (let n = 0; n < 10; n += 1) {
        const asked = performance.now();
        const { reserved, waitMs } = await reserveCall(db, 'shared', limit, 500);
        // The earliest instant at which this call could be sent, if the answer had taken no time at all.
        if (reserved) passes.push(asked - started + waitMs);
      }
    };
    await Promise.all(Array.from({ length: 16 }, caller));
    expect(passes.length).toBeGreaterThan(limit.burst);
    const elapsed = performance.now() - started + 500;
    expect(passes.length).toBeLessThanOrEqual(limit.burst + (limit.perSecond * elapsed) / 1000);
    // Over every stretch of time, not only the whole; statements wait for each other, by which a call may seem earlier.
    passes.sort((a, b) => a - b);
    const slack = 150;
    for (let from = 0; from < passes.length; from += 1) {
      for (let to = from; to < passes.length; to += 1) {
        const stretch = passes[to]! - passes[from]! + slack;
        expect(to - from + 1).toBeLessThanOrEqual(limit.burst + Math.ceil((limit.perSecond * stretch) / 1000));
      }
    }
  });
});
