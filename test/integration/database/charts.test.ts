import { describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { recordAttempts } from '../../../database/attempts.js';
import { callOccurrences, demandLines, errorOccurrences, registrationLines } from '../../../database/charts.js';
import type { Db } from '../../../database/client/schema.js';
import { jsonb } from '../../../database/client/sql.js';
import { keptDemand, sumUpDemand } from '../../../database/demand-history.js';
import { waitLines } from '../../../database/queue-waits.js';
import { spansOver } from '../../../domain/charts.js';
import { ALL_POOLS } from '../../../domain/demand-history.js';
import type { PollEntry } from '../../../domain/evidence.js';
import { callAttempt, DAY, engines, launched, makePool, MINUTE, NOW, poolId } from '../../support/database.js';
import { databaseFor } from '../../support/database-suite.js';
import { entry } from '../../support/pool-records.js';

const HOUR = 60 * MINUTE;
const TEN_MINUTES = 10 * MINUTE;

/** Polls once a minute; `pendingAt` says of each how many tasks wait for the pool. All pools are in each tenth row. */
async function addPolls(
  db: Db,
  { from, to }: { from: number; to: number },
  pendingAt: (at: number) => number,
): Promise<void> {
  const rows: { ended: number; pools: Record<string, PollEntry | null>; isFull: boolean }[] = [];
  for (let ended = from, n = 0; ended < to; ended += MINUTE, n += 1) {
    const of = { [poolId]: entry({ pending: pendingAt(ended), running: 2 }) };
    const isFull = n % 10 === 0;
    rows.push({ ended, isFull, pools: isFull ? { ...of, 'proj/other': entry({ pending: 1 }) } : of });
  }
  await sql`
    with given as (
      select *, sum(case when "isFull" then 1 else 0 end) over (order by ended) as chain
      from jsonb_to_recordset(${jsonb(rows)}) as r(ended bigint, "isFull" boolean, pools jsonb)),
    full_rows as (
      insert into demand_polls (begun, ended, process, interval_ms, pools, errors)
      select ended, ended, cast(chain as text), 60000, pools, '[]' from given where "isFull" returning id, process)
    insert into demand_polls (begun, ended, process, full_id, interval_ms, pools, errors)
    select g.ended, g.ended, f.process, f.id, 60000, g.pools, '[]' from given g
    join full_rows f on f.process = cast(g.chain as text) where not g."isFull"`.execute(db);
}

const byName = (lines: readonly { name: string; values: readonly (number | null)[] }[]) =>
  Object.fromEntries(lines.map(({ name, values }) => [name, values]));

describe.each(engines)('charts on %s', (engine) => {
  const database = databaseFor(engine);

  test('hours of polls that are over are summed up once, and those of a chart come from there and from polls', async () => {
    const { db } = database;
    await addPolls(db, { from: NOW - 3 * HOUR, to: NOW + 30 * MINUTE }, (at) => (at === NOW - 90 * MINUTE ? 41 : 3));
    expect(await sumUpDemand(db, NOW + 30 * MINUTE)).toBe(3);
    expect(await sumUpDemand(db, NOW + 30 * MINUTE)).toBe(0);
    expect(await db.selectFrom('demandHours').select(['workerPoolId', 'hour']).orderBy('hour').execute()).toHaveLength(
      9,
    );

    const spans = { from: NOW - HOUR - 40 * MINUTE, spanMs: TEN_MINUTES, count: 13 };
    const kept = await keptDemand(db, poolId, spans);
    expect(kept.pending).toEqual([3, 41, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3]);
    // The same as the polls say, whose rows may be gone.
    await sql`delete from demand_polls where ended < ${NOW}`.execute(db);
    expect((await keptDemand(db, poolId, spans)).pending).toEqual(kept.pending);
    expect((await keptDemand(db, ALL_POOLS, spans)).pending[1]).toBe(42);
    expect((await keptDemand(db, 'proj/none', spans)).pending).toEqual(Array(13).fill(null));
  });

  test('an hour is summed up after a minute more, and one without polls leaves a gap', async () => {
    const { db } = database;
    await addPolls(db, { from: NOW - 5 * HOUR, to: NOW - 4 * HOUR }, () => 7);
    await addPolls(db, { from: NOW - HOUR, to: NOW }, () => 8);
    expect(await sumUpDemand(db, NOW)).toBe(1);
    expect(await sumUpDemand(db, NOW + MINUTE)).toBe(1);
    const { pending } = await keptDemand(db, poolId, { from: NOW - 5 * HOUR, spanMs: TEN_MINUTES, count: 30 });
    // What the last poll of an hour said holds for three intervals.
    expect(pending.slice(0, 6)).toEqual([7, 7, 7, 7, 7, 7]);
    expect(pending.slice(6, 24)).toEqual(Array(18).fill(null));
    expect(pending.slice(24)).toEqual([8, 8, 8, 8, 8, 8]);
  });

  test('demand of two hours comes from each poll, with the maximum of the pool', async () => {
    const { db } = database;
    await makePool(db);
    await sql`update pool_revisions set at = ${NOW - DAY}`.execute(db);
    await addPolls(db, { from: NOW - 2 * HOUR, to: NOW }, (at) => (at === NOW - 5 * MINUTE ? 41 : 3));
    const lines = byName(await demandLines(db, poolId, spansOver({ from: NOW - 2 * HOUR, to: NOW })));
    expect(lines['pending']).toHaveLength(120);
    expect(lines['pending']!.indexOf(41)).toBe(115);
    expect(lines['pending']!.filter((value) => value === 3)).toHaveLength(119);
    expect(new Set(lines['running'])).toEqual(new Set([2]));
    expect(new Set(lines['maximum'])).toEqual(new Set([100]));
    const all = byName(await demandLines(db, ALL_POOLS, spansOver({ from: NOW - 2 * HOUR, to: NOW })));
    expect([all['pending']![115], all['maximum']]).toEqual([42, undefined]);
  });

  test('errors are counted by code, and by title where they have none; calls by what came of them', async () => {
    const { db } = database;
    const addError = (errorId: string, hour: number, code: string | null, occurrences: number) =>
      db
        .insertInto('errorHours')
        .values({
          ...{ errorId, hour, workerPoolId: poolId, launchConfigId: null, kind: 'creation-error', title: 'Failed' },
          ...{ description: '', code, occurrences, firstAt: hour, lastAt: hour },
        })
        .execute();
    await addError('1', NOW, 'NoCapacity', 2);
    await addError('2', NOW, 'NoCapacity', 3);
    await addError('2', NOW + HOUR, 'NoCapacity', 4);
    await addError('3', NOW, null, 1);
    const spans = { from: NOW, spanMs: HOUR, count: 2 };
    const expected = [
      { name: 'Failed', at: NOW, count: 1 },
      { name: 'NoCapacity', at: NOW, count: 5 },
      { name: 'NoCapacity', at: NOW + HOUR, count: 4 },
    ];
    const sorted = async (subject: string) =>
      (await errorOccurrences(db, subject, spans)).toSorted((a, b) => a.name.localeCompare(b.name) || a.at - b.at);
    expect(await sorted(poolId)).toEqual(expected);
    expect(await sorted(ALL_POOLS)).toEqual(expected);
    expect(await sorted('proj/other')).toEqual([]);

    const attempts = [callAttempt(), callAttempt(), callAttempt({ result: 'Throttled' })];
    await recordAttempts(db, { process: 'p', attempts });
    await sql`update attempts set begun = ${NOW + HOUR + 1}`.execute(db);
    const calls = await callOccurrences(db, ALL_POOLS, spans);
    expect(calls.toSorted((a, b) => a.count - b.count)).toEqual([
      { name: 'Throttled', at: NOW + HOUR, count: 1 },
      { name: 'ok', at: NOW + HOUR, count: 2 },
    ]);
  });

  test('waits of a span are the longest that were read in it, and who has never waited has no lines', async () => {
    const { db } = database;
    const wait = (workerPoolId: string, at: number, oldestMs: number) =>
      db
        .insertInto('queueWaits')
        .values({
          ...{ workerPoolId, at, tasks: 3, complete: true, oldestMs },
          p50Ms: oldestMs / 10,
          p95Ms: oldestMs / 2,
        })
        .execute();
    await wait(poolId, NOW, 1_000);
    await wait(poolId, NOW + MINUTE, 60_000);
    await wait(poolId, NOW + 2 * HOUR, 500);
    const spans = { from: NOW, spanMs: HOUR, count: 3 };
    expect(byName(await waitLines(db, poolId, spans))).toEqual({
      ...{ oldest: [60_000, null, 500], p95: [30_000, null, 250], p50: [6_000, null, 50] },
    });
    expect(await waitLines(db, 'proj/other', spans)).toEqual([]);
  });

  test('the time from launch to registration is measured by launch config, of machines that have registered', async () => {
    const { db } = database;
    await makePool(db);
    await launched(db, 'a', 3);
    await launched(db, 'b', 1, { launchConfigId: 'lc-b' });
    await sql`update workers set created = ${NOW + 1}`.execute(db);
    await sql`update workers set registered_at = ${NOW + 1 + 94_000} where worker_id like 'a-%' or worker_id like '%a-_'`.execute(
      db,
    );
    const spans = spansOver({ from: NOW, to: NOW + DAY });
    const { lines, percentiles } = await registrationLines(db, poolId, spans);
    expect(percentiles).toEqual([{ name: 'lc-a', count: 3, p50Ms: 94_000, p95Ms: 94_000, maxMs: 94_000 }]);
    expect(lines[0]!.values.slice(0, 2)).toEqual([94_000, null]);
    const all = await registrationLines(db, ALL_POOLS, spans);
    expect(all.percentiles).toMatchObject([{ name: `${poolId} lc-a`, count: 3 }]);
  });
});
