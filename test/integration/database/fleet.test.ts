import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import type { Database } from '../../../database/client/open.js';
import { readsOf, statementsOf } from '../../../dev/testing/explained.js';
import { fleetQueries, MEASURED_POOL, titleOf, type FleetQuery } from '../../../dev/testing/fleet-queries.js';
import { analyzeFleet, GROWING, loadFleet, loadHistory, type FleetSize } from '../../../dev/testing/fleet-rows.js';
import { openTestDatabase } from '../../support/database.js';

const SIZE: FleetSize = { pools: 20, launchConfigs: 60, liveWorkers: 400, stoppedWorkers: 4_000, decisions: 4_000 };
const NOW = Date.UTC(2030, 0, 1);
/** Of a table that has grown threefold: a plan may read a few rows more or less after its statistics have changed. */
const MAX_GROWTH = 1.2;
const FEW_ROWS = 200;

/** Read by a person, page by page; it has more rows with more history. */
const isPageOfHistory = ({ name, form }: FleetQuery): boolean =>
  ['listDecisions', 'listErrors', 'errorStats', 'registrationLines'].includes(name) ||
  (name === 'listWorkers' && !['requested', 'running', 'stopping', 'live'].includes(form ?? ''));
/** These delete history: the more there is, the more. */
const isDeletion = ({ name, form }: FleetQuery): boolean =>
  (name === 'expireRows' && form !== 'nothing expired') || (name === 'removeDeletedPools' && form !== 'none');
const repeated = fleetQueries.filter((query) => !isPageOfHistory(query) && !isDeletion(query));

let database: Database;
const before = new Map<string, number>();
const after = new Map<string, number>();

beforeAll(async () => {
  database = await openTestDatabase('Postgres');
  await loadFleet(database.db, SIZE, NOW);
  await measure(before);
  await loadHistory(database.db, { ...SIZE, stoppedWorkers: 8_000, decisions: 8_000 }, NOW, 'older');
  await measure(after);
}, 120_000);
afterAll(async () => await database?.close());

/** Rows of growing tables that each query reads, with plans as a large table has them. */
async function measure(rows: Map<string, number>): Promise<void> {
  await analyzeFleet(database.db);
  for (const query of repeated) {
    let count = 0;
    for (const statement of await statementsOf(database.db, (db) => query.run(db, NOW))) {
      const reads = await readsOf(database.db, statement, { asIfLarge: true });
      for (const { table, rows: read } of reads) if ((GROWING as readonly string[]).includes(table)) count += read;
    }
    rows.set(titleOf(query), count);
  }
}

const growsTooMuch = (few: number, many: number): boolean => many > few * MAX_GROWTH + FEW_ROWS;

test('the measured pool has workers in every state and launches without an end', async () => {
  const states = (table: 'workers' | 'launches', column: string) =>
    sql<{ state: string }>`select distinct ${sql.raw(column)} as state from ${sql.raw(table)}
      where worker_pool_id = ${MEASURED_POOL}`.execute(database.db);
  const [workers, launches] = [await states('workers', 'state'), await states('launches', 'status')];
  expect(workers.rows.map(({ state }) => state).sort()).toEqual(['requested', 'running', 'stopped', 'stopping']);
  expect(launches.rows.map(({ state }) => state).sort()).toEqual(['done', 'fulfilled', 'open']);
});

test('a query that reads all stopped workers of a pool is found to grow with history', async () => {
  const ofPool = (pool: string) =>
    statementsOf(database.db, (db) =>
      sql`select count(stop_reason) from workers where worker_pool_id = ${pool} and worker_id like ${'older-%'}`.execute(
        db,
      ),
    );
  const [statement] = await ofPool(MEASURED_POOL);
  const reads = await readsOf(database.db, statement!, { asIfLarge: true });
  // Before the growth there was a third of it.
  const many = reads.reduce((sum, { rows }) => sum + rows, 0);
  expect(growsTooMuch(many / 3, many)).toBe(true);
});

test.each(repeated.map(titleOf))('the query %s reads no more rows when history grows threefold', (title) => {
  expect(growsTooMuch(before.get(title)!, after.get(title)!)).toBe(false);
});
