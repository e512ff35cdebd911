import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { recordLaunchedWorkers, finishLaunches } from '../../database/launches.js';
import type { CallAttempt } from '../../providers/shared/attempts.js';
import type { NewLaunchConfig } from '../../database/launch-config-changes.js';
import { openDatabase, type Database } from '../../database/client/open.js';
import type { Proof } from '../../database/launch-attempts.js';
import type { Db } from '../../database/client/schema.js';
import { createPool, type NewPool } from '../../database/pools.js';
import { readLimitsUsage, writeIntents, type NewIntent } from '../../database/reservations.js';
import type { LaunchedMachine } from '../../providers/provider.js';
import { EVIDENCE } from '../../dev/testing/fleet-evidence.js';
import { copyPglite } from '../../dev/testing/pglite.js';
import { createDatabase } from '../../dev/testing/postgres.js';

/** The same tests run against both. */
export const engines = ['PGlite', 'Postgres'] as const;
export type EngineName = (typeof engines)[number];

/** A new database of this test file's own. */
export const openTestDatabase = async (engine: EngineName): Promise<Database> =>
  engine === 'PGlite' ? await openEmbeddedDatabase() : await openDatabase({ url: await createDatabase() });

async function openEmbeddedDatabase(): Promise<Database> {
  const folder = mkdtempSync(join(tmpdir(), 'worker-manager-records-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const directory = join(folder, 'database');
  try {
    copyPglite(directory);
    const database = await openDatabase({ url: `pglite:${directory}` });
    return { ...database, close: () => database.close().finally(remove) };
  } catch (error) {
    remove();
    throw error;
  }
}

const emptied = [
  ...['worker_pools', 'launch_configs', 'launch_config_revisions', 'audit', 'holds', 'credentials_used', 'launches'],
  ...['workers', 'stopped_worker_counts', 'launch_backoffs', 'worker_pool_errors', 'decisions', 'demand_readings'],
  ...['worker_pool_error_hours', 'error_mails'],
  ...['scans', 'scan_notes', 'events', 'rate_limits', 'used_signatures'],
  ...[...EVIDENCE, 'queue_waits'],
  ...['orphan_sweeps', 'orphans', 'orphan_acts', 'tagged_listings', 'stray_lifecycles'],
  ...['wedged_lifecycles', 'wedged_acts', 'preemptions'],
];

/**
 * Leaves the deployment. What a test leaves are few rows: to delete them costs a tenth of making their tables' files
 * anew.
 */
export async function emptyDatabase(db: Db): Promise<void> {
  await sql.raw(emptied.map((table) => `delete from ${table}`).join(';')).execute(db);
}

/** `db` and the number of statements that went through it; `begin` and `commit` are not counted. */
export function counting(db: Db): { db: Db; statements: () => number } {
  let statements = 0;
  const counted = db.withPlugin({
    transformQuery: ({ node }) => {
      statements += 1;
      return node;
    },
    transformResult: ({ result }) => Promise.resolve(result),
  });
  return { db: counted, statements: () => statements };
}

/** An instant long after the database's own, so that "the last minute" is the test's. */
export const NOW = Date.UTC(2030, 0, 1);
export const MINUTE = 60_000;
export const DAY = 86_400_000;

export const poolId = 'prov/pool';

export const newPool = (change: Partial<NewPool> = {}): NewPool => ({
  workerPoolId: poolId,
  providerId: 'aws',
  description: 'builds',
  owner: 'owner@example.com',
  emailOnError: false,
  config: { minCapacity: 0, maxCapacity: 100 },
  ...change,
});

export const launchConfig = (launchConfigId: string, machine: Record<string, unknown> = {}): NewLaunchConfig => ({
  launchConfigId,
  configuration: { region: 'us-west-2', workerManager: { launchConfigId }, ...machine },
});

export async function makePool(
  db: Db,
  pool: Partial<NewPool> = {},
  launchConfigs: NewLaunchConfig[] = [launchConfig('lc-a'), launchConfig('lc-b')],
): Promise<void> {
  await createPool(db, { pool: newPool(pool), launchConfigs, clientId: 'tester', nowMs: NOW });
}

export const newIntent = (token: string, count: number, change: Partial<NewIntent> = {}): NewIntent => ({
  token,
  launchConfigId: 'lc-a',
  launchConfigRevision: 1,
  capacityPerMachine: 1,
  count,
  location: { account: null, region: 'us-west-2', group: null },
  request: { token, MaxCount: count },
  ...change,
});

/** Writes intents, whatever the limits. */
export async function reserve(
  db: Db,
  intents: NewIntent[],
  workerPoolId = poolId,
  nowMs = NOW,
  providerId = 'aws',
): Promise<void> {
  const pool = { workerPoolId, providerId };
  const { version } = await readLimitsUsage(db, { ...pool, tokenPrefix: 'none' }, nowMs);
  if (!(await writeIntents(db, { ...pool, version }, intents, nowMs))) throw new Error('nothing was reserved');
}

export const machines = (count: number, prefix = 'i'): LaunchedMachine[] =>
  Array.from({ length: count }, (_, number) => ({
    workerGroup: 'us-west-2',
    workerId: `${prefix}-${number}`,
    location: { account: null, region: 'us-west-2', group: null },
    identityAttributes: { instanceId: `${prefix}-${number}`, privateIp: null },
  }));

/** That the cloud has refused a launch that was never attempted before. */
export const refused: Proof = { attempts: 0, by: 'refused' };

/** Closes launches whose every machine has its lifecycle, however many there are. */
export const finish = (db: Db, tokens: readonly string[], nowMs: number): Promise<void> =>
  finishLaunches(
    db,
    tokens.map((token) => ({ token, launched: 1_000 })),
    nowMs,
  );

export const times = { nowMs: NOW, terminateAfter: NOW + 30 * MINUTE, expires: NOW + 7 * DAY };

/** A launch that was reserved and recorded with all its machines. */
export async function launched(
  db: Db,
  token: string,
  count: number,
  change: Partial<NewIntent> = {},
  nowMs = NOW,
): Promise<void> {
  await reserve(db, [newIntent(token, count, change)], poolId, nowMs);
  await recordLaunchedWorkers(db, token, machines(count, token), { ...times, nowMs });
}

/** A call of the launch `t` that the cloud has answered. */
export const callAttempt = (change: Partial<CallAttempt> = {}): CallAttempt => ({
  call: { providerId: 'aws', operation: 'RunInstances', callClass: 'create', region: 'us-west-2' },
  ...{ launchToken: 't', workerPoolId: poolId, subjects: [], durationMs: 700, waitedMs: 0 },
  ...{ result: 'ok', cloudCode: null, message: null, requestId: null, endedAt: performance.now() },
  ...change,
});

/** Does what would announce this, when no event of this topic can be stored. */
export async function withoutEvents(db: Db, topic: string, change: () => Promise<unknown>): Promise<void> {
  await sql`alter table events add constraint refused check (topic <> ${sql.lit(topic)}) not valid`.execute(db);
  try {
    await change();
  } finally {
    await sql`alter table events drop constraint refused`.execute(db);
  }
}

export const eventsOf = async (db: Db): Promise<{ topic: string; payload: Record<string, unknown> }[]> =>
  (await db.selectFrom('events').select(['topic', 'payload']).orderBy('id').execute()) as {
    topic: string;
    payload: Record<string, unknown>;
  }[];

export const topicsOf = async (db: Db): Promise<string[]> => (await eventsOf(db)).map(({ topic }) => topic);
