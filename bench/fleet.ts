import { openTestRecords } from '../test/support/records.js';
import { readsOf, statementsOf, type Statement, type TableRead } from '../test/support/explained.js';
import { fleetQueries, titleOf, type FleetQuery } from '../test/support/fleet-queries.js';
import { analyzeFleet, FLEET, GROWING, loadFleet } from '../test/support/fleet-rows.js';
import { sql } from 'kysely';
import type { Db } from '../records/schema.js';
import type { Figure } from './report.js';

const LIMIT_MS = 100;
const RUNS = 5;
/** A statement that reads more of a table than this share reads what grows. Live workers are 7.4 % of all. */
const MAX_SHARE = 0.1;

/** Every query that repeats, on the records of a large deployment: time of its slowest statement, and what it reads. */
export async function measureFleetQueries(): Promise<Figure[]> {
  const records = await openTestRecords('Postgres');
  try {
    const nowMs = Date.now();
    const loading = performance.now();
    await loadFleet(records.db, FLEET, nowMs);
    await analyzeFleet(records.db);
    const scenario = `${FLEET.pools} pools, ${FLEET.liveWorkers} live and ${FLEET.stoppedWorkers} stopped workers`;
    const figures: Figure[] = [{ scenario, name: 'loaded in', value: (performance.now() - loading) / 1000, unit: 's' }];
    const sizes = await tableSizes(records.db);
    for (const query of fleetQueries) figures.push(...(await measure(records.db, query, sizes, nowMs)));
    return figures;
  } finally {
    await records.close();
  }
}

async function measure(
  db: Db,
  query: FleetQuery & { group: string },
  sizes: ReadonlyMap<string, number>,
  nowMs: number,
): Promise<Figure[]> {
  const runs = [];
  for (let run = 0; run < RUNS; run += 1) runs.push(await statementsOf(db, (trx) => query.run(trx, nowMs)));
  const slowest = median(runs.map((statements) => Math.max(...statements.map(({ ms }) => ms))));
  const statements = runs.at(-1)!;
  const read = new Map<string, TableRead>();
  for (const statement of distinct(statements)) {
    for (const each of await readsOf(db, statement)) {
      const whole = each.whole || each.rows > MAX_SHARE * (sizes.get(each.table) ?? Infinity);
      if ((GROWING as readonly string[]).includes(each.table) && whole) read.set(each.table, each);
    }
  }
  const figure = { scenario: `queries ${query.group}`, name: titleOf(query) };
  const total = median(runs.map((run) => run.reduce((sum, { ms }) => sum + ms, 0)));
  const note = statements.length > 1 ? `slowest of ${statements.length} statements, ${total.toFixed(0)} ms in all` : '';
  const whole = [...read.values()].map(({ table, rows, whole: all }) => `${all ? 'all' : rows} of ${table}`);
  return [
    { ...figure, value: slowest, unit: 'ms', limit: LIMIT_MS, note },
    ...(whole.length === 0
      ? []
      : [
          {
            ...figure,
            name: `${figure.name}: tables read whole`,
            value: whole.length,
            unit: 'tables' as const,
            limit: 0,
            note: whole.join(', '),
          },
        ]),
  ];
}

/** The slowest of each text. */
const distinct = (statements: readonly Statement[]): Statement[] => [
  ...new Map(statements.toSorted((a, b) => a.ms - b.ms).map((each) => [each.query.sql, each])).values(),
];

async function tableSizes(db: Db): Promise<Map<string, number>> {
  const { rows } = await sql<{ relname: string; rows: number }>`
    select relname, reltuples as rows from pg_class where relkind = 'r'`.execute(db);
  return new Map(rows.map(({ relname, rows: count }) => [relname, count]));
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
