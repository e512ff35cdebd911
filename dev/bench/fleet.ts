import { openDatabase } from '../../database/client/open.js';
import { createDatabase } from '../testing/postgres.js';
import { readsOf, statementsOf, type Statement, type TableRead } from '../testing/explained.js';
import { fleetQueries, titleOf, type FleetQuery } from '../testing/fleet-queries.js';
import { analyzeFleet, FLEET, GROWING, loadFleet } from '../testing/fleet-rows.js';
import { sql } from 'kysely';
import type { Db } from '../../database/client/schema.js';
import { processorWaitMs } from './process-use.js';
import type { Figure } from './report.js';

const LIMIT_MS = 100;
const RUNS = 5;
/** A statement that reads more of a table than this share reads what grows. Live workers are 7.4 % of all. */
const MAX_SHARE = 0.1;

/**
 * Every query that repeats, on the database of a large deployment: time of its slowest statement, and what it reads.
 * Activities and the API's lists add calls and texts to these functions, and no other query.
 */
export async function measureFleetQueries(): Promise<Figure[]> {
  const database = await openDatabase({ url: await createDatabase(), maxConnections: 1 });
  try {
    const nowMs = Date.now();
    const loading = performance.now();
    await loadFleet(database.db, FLEET, nowMs);
    await analyzeFleet(database.db);
    const scenario = `${FLEET.pools} pools, ${FLEET.liveWorkers} live and ${FLEET.stoppedWorkers} stopped workers`;
    const figures: Figure[] = [{ scenario, name: 'loaded in', value: (performance.now() - loading) / 1000, unit: 's' }];
    const measured = { db: database.db, pid: await backendOf(database.db), sizes: await tableSizes(database.db) };
    for (const query of fleetQueries) figures.push(...(await measure(measured, query, nowMs)));
    return figures;
  } finally {
    await database.close();
  }
}

interface Database {
  readonly db: Db;
  /** The server's process of our one connection. */
  readonly pid: number;
  readonly sizes: ReadonlyMap<string, number>;
}

interface Run {
  readonly statements: readonly Statement[];
  readonly totalMs: number;
  /** Of the time, how long this process or the server's waited for a processor. */
  readonly waitedMs: number;
}

async function measure(database: Database, query: FleetQuery & { group: string }, nowMs: number): Promise<Figure[]> {
  const runs: Run[] = [];
  for (let run = 0; run < RUNS; run += 1) runs.push(await runOf(database, query, nowMs));
  const { statements } = runs.at(-1)!;
  // What a busy machine adds strikes another statement in each run.
  const times = statements.map((_, n) => median(runs.map((run) => run.statements[n]?.ms ?? 0)));
  const figure = { scenario: `queries ${query.group}`, name: titleOf(query) };
  const [total, waited] = [median(runs.map(({ totalMs }) => totalMs)), median(runs.map(({ waitedMs }) => waitedMs))];
  const note = [
    ...(statements.length > 1 ? [`slowest of ${statements.length} statements, ${total.toFixed(0)} ms in all`] : []),
    ...(waited > LIMIT_MS / 10 ? [`${waited.toFixed(0)} ms of it without a processor`] : []),
  ].join(', ');
  const slowest = { ...figure, value: Math.max(...times), unit: 'ms' as const, limit: LIMIT_MS, note };
  const whole = query.countsAll ? [] : await tablesReadWhole(database, statements, query.share ?? MAX_SHARE);
  if (whole.length === 0) return [slowest];
  const tables = { ...figure, name: `${figure.name}: tables read whole`, unit: 'tables' as const, limit: 0 };
  return [slowest, { ...tables, value: whole.length, note: whole.join(', ') }];
}

async function runOf({ db, pid }: Database, query: FleetQuery, nowMs: number): Promise<Run> {
  const waits = () => processorWaitMs(pid) + processorWaitMs(process.pid);
  const before = waits();
  const statements = await statementsOf(db, (trx) => query.run(trx, nowMs));
  return { statements, totalMs: statements.reduce((sum, { ms }) => sum + ms, 0), waitedMs: waits() - before };
}

async function tablesReadWhole(
  { db, sizes }: Database,
  statements: readonly Statement[],
  maxShare: number,
): Promise<string[]> {
  const read = new Map<string, TableRead>();
  for (const statement of distinct(statements)) {
    for (const each of await readsOf(db, statement)) {
      const whole = each.whole || each.rows > maxShare * (sizes.get(each.table) ?? Infinity);
      if ((GROWING as readonly string[]).includes(each.table) && whole) read.set(each.table, each);
    }
  }
  return [...read.values()].map(({ table, rows, whole }) => `${whole ? 'all' : rows} of ${table}`);
}

/** The slowest of each text. */
const distinct = (statements: readonly Statement[]): Statement[] => [
  ...new Map(statements.toSorted((a, b) => a.ms - b.ms).map((each) => [each.query.sql, each])).values(),
];

async function backendOf(db: Db): Promise<number> {
  const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db);
  return rows[0]!.pid;
}

async function tableSizes(db: Db): Promise<Map<string, number>> {
  const { rows } = await sql<{ relname: string; rows: number }>`
    select relname, reltuples as rows from pg_class where relkind = 'r'`.execute(db);
  return new Map(rows.map(({ relname, rows: count }) => [relname, count]));
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
