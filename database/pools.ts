import { sql } from 'kysely';
import { NULL_PROVIDER } from '../domain/ids.js';
import type { LaunchConfig, PoolConfig, WorkerPool } from '../domain/worker-pool.js';
import { announce, type NewEvent } from './events.js';
import {
  launchConfigEvents,
  planLaunchConfigs,
  writeLaunchConfigs,
  type LaunchConfigChanges,
  type NewLaunchConfig,
} from './launch-config-changes.js';
import { recordRevision } from './pool-revisions.js';
import { boundedPage, pageOf, type Page, type PageOf } from './client/paging.js';
import type { Db } from './client/schema.js';
import { camelKeys, inTransaction, jsonb } from './client/sql.js';

export interface NewPool {
  readonly workerPoolId: string;
  readonly providerId: string;
  readonly description: string;
  readonly owner: string;
  readonly emailOnError: boolean;
  /** Without `launchConfigs`. */
  readonly config: PoolConfig;
}

export interface PoolSubmission {
  readonly pool: NewPool;
  readonly launchConfigs: readonly NewLaunchConfig[];
  /** The caller, for the audit trail. */
  readonly clientId: string;
  readonly nowMs: number;
}

export type PoolResult =
  | { readonly outcome: 'created' | 'unchanged' | 'updated'; readonly launchConfigs: LaunchConfigChanges }
  | { readonly outcome: 'pool-exists' | 'not-found' }
  | { readonly outcome: 'launch-config-conflict'; readonly launchConfigId: string };

/**
 * Makes a pool with its launch configs, audit row and events. An identical pool that exists already is `unchanged`,
 * also where ids were computed (docs/taskcluster-compatibility.md#pool-changes); any other is `pool-exists`. Then
 * nothing is written.
 */
export function createPool(db: Db, { pool, launchConfigs, clientId, nowMs }: PoolSubmission): Promise<PoolResult> {
  return inTransaction(db, async (trx) => {
    const present = await lockPool(trx, pool);
    const plan = await planLaunchConfigs(trx, pool.workerPoolId, launchConfigs);
    if (present !== null) return present.same && !plan.changes ? unchanged(plan) : { outcome: 'pool-exists' };
    const conflict = plan.conflicts[0];
    if (conflict !== undefined) return { outcome: 'launch-config-conflict', launchConfigId: conflict };
    const inserted = await trx
      .insertInto('workerPools')
      .values({
        ...pool,
        config: jsonb(pool.config),
        created: nowMs,
        lastModified: nowMs,
      })
      .onConflict((onConflict) => onConflict.doNothing())
      .returning('workerPoolId')
      .executeTakeFirst();
    // Somebody else made it a moment ago.
    if (inserted === undefined) return await createPool(trx, { pool, launchConfigs, clientId, nowMs });
    await writeLaunchConfigs(trx, pool.workerPoolId, plan, nowMs);
    await recordRevision(trx, pool.workerPoolId, { action: 'created', clientId, nowMs });
    const { workerPoolId, providerId } = pool;
    await announce(
      trx,
      [
        { topic: 'worker-pool-created', payload: { workerPoolId, providerId } },
        ...launchConfigEvents(workerPoolId, providerId, plan),
      ],
      nowMs,
    );
    return { outcome: 'created', launchConfigs: changesOf(plan) };
  });
}

/**
 * Overwrites everything that a pool's owner defines. Workers of a provider that is replaced live on: their rows name
 * it.
 */
export function updatePool(db: Db, submission: PoolSubmission): Promise<PoolResult> {
  return inTransaction(db, (trx) => rewritePool(trx, submission, 'updated'));
}

/**
 * Gives the pool to the null provider and archives its launch configs: it launches nothing more and its row goes away
 * with its last worker (`removeDeletedPools`). Repeated: `unchanged`.
 */
export function deletePool(
  db: Db,
  workerPoolId: string,
  { clientId, nowMs }: { clientId: string; nowMs: number },
): Promise<PoolResult> {
  return inTransaction(db, async (trx) => {
    const row = await trx
      .selectFrom('workerPools')
      .selectAll()
      .where('workerPoolId', '=', workerPoolId)
      .forUpdate()
      .executeTakeFirst();
    if (row === undefined) return { outcome: 'not-found' };
    const { description, owner, emailOnError, config } = row;
    const pool: NewPool = { workerPoolId, providerId: NULL_PROVIDER, description, owner, emailOnError, config };
    const plan = await planLaunchConfigs(trx, workerPoolId, []);
    if (row.providerId === NULL_PROVIDER && !plan.changes) return unchanged(plan);
    return await rewritePool(trx, { pool, launchConfigs: [], clientId, nowMs }, 'deleted');
  });
}

async function rewritePool(
  db: Db,
  { pool, launchConfigs, clientId, nowMs }: PoolSubmission,
  action: 'updated' | 'deleted',
): Promise<PoolResult> {
  const { workerPoolId, providerId } = pool;
  const present = await lockPool(db, pool);
  if (present === null) return { outcome: 'not-found' };
  const plan = await planLaunchConfigs(db, workerPoolId, launchConfigs);
  const conflict = plan.conflicts[0];
  if (conflict !== undefined) return { outcome: 'launch-config-conflict', launchConfigId: conflict };
  await db
    .updateTable('workerPools')
    .set({
      providerId,
      description: pool.description,
      owner: pool.owner,
      emailOnError: pool.emailOnError,
      config: jsonb(pool.config),
      lastModified: nowMs,
    })
    .where('workerPoolId', '=', workerPoolId)
    .execute();
  await writeLaunchConfigs(db, workerPoolId, plan, nowMs);
  await recordRevision(db, workerPoolId, { action, clientId, nowMs });
  const event: NewEvent = {
    topic: 'worker-pool-updated',
    payload: { workerPoolId, providerId, previousProviderId: present.providerId },
  };
  await announce(db, [event, ...launchConfigEvents(workerPoolId, providerId, plan)], nowMs);
  return { outcome: 'updated', launchConfigs: changesOf(plan) };
}

interface LockedPool {
  readonly providerId: string;
  /** Whether it is as submitted, launch configs aside. */
  readonly same: boolean;
}

async function lockPool(db: Db, pool: NewPool): Promise<LockedPool | null> {
  const { rows } = await sql<LockedPool>`
    select provider_id, (provider_id, description, owner, email_on_error, config) is not distinct from
      (${pool.providerId}, ${pool.description}, ${pool.owner}, cast(${pool.emailOnError} as boolean), ${jsonb(pool.config)}) as same
    from worker_pools where worker_pool_id = ${pool.workerPoolId} for update`.execute(db);
  return rows[0] ?? null;
}

const changesOf = ({ created, updated, archived }: LaunchConfigChanges): LaunchConfigChanges => ({
  created,
  updated,
  archived,
});

const unchanged = (plan: LaunchConfigChanges): PoolResult => ({ outcome: 'unchanged', launchConfigs: changesOf(plan) });

export interface ActiveLaunchConfig extends LaunchConfig {
  /** Place in the list as it was last submitted. */
  readonly position: number;
}

export interface PoolWithLaunchConfigs {
  readonly pool: WorkerPool;
  /** The active ones, by id. */
  readonly launchConfigs: ActiveLaunchConfig[];
}

export async function getPool(db: Db, workerPoolId: string): Promise<PoolWithLaunchConfigs | null> {
  const { rows } = await sql<PoolRow>`${selectPools} where p.worker_pool_id = ${workerPoolId}`.execute(db);
  return rows.map(withLaunchConfigs)[0] ?? null;
}

/** By id. */
export async function listPools(db: Db, page: Page): Promise<PageOf<PoolWithLaunchConfigs>> {
  const { items, after } = await boundedPage<PoolRow>(db, page, {
    rows: sql`${selectPools} where p.worker_pool_id > ${page.after ?? ''}`,
    order: sql`worker_pool_id`,
    length: sql`(length(cast(launch_configs as text)) + length(cast(config as text)))`,
    keyOf: ({ workerPoolId }) => workerPoolId,
  });
  return { items: items.map(withLaunchConfigs), after };
}

/** Every pool with its definition, by id: for checks at start, a few dozen kilobytes each. */
export async function allPools(db: Db): Promise<PoolWithLaunchConfigs[]> {
  const pools: PoolWithLaunchConfigs[] = [];
  for (let after: string | null = null, more = true; more;) {
    const page: PageOf<PoolWithLaunchConfigs> = await listPools(db, { limit: 100, after });
    pools.push(...page.items);
    after = page.after;
    more = after !== null;
  }
  return pools;
}

/** By id; without the launch configs, which are nearly all of a pool's size. */
export async function listPoolProviders(
  db: Db,
  page: Page,
): Promise<PageOf<{ workerPoolId: string; providerId: string }>> {
  const rows = await db
    .selectFrom('workerPools')
    .select(['workerPoolId', 'providerId'])
    .where('workerPoolId', '>', page.after ?? '')
    .orderBy('workerPoolId')
    .limit(page.limit + 1)
    .execute();
  return pageOf(rows, page, ({ workerPoolId }) => workerPoolId);
}

/** Deleted ones too, as long as they have workers. */
export async function listPoolIds(db: Db): Promise<string[]> {
  const rows = await db.selectFrom('workerPools').select('workerPoolId').orderBy('workerPoolId').execute();
  return rows.map(({ workerPoolId }) => workerPoolId);
}

type PoolRow = WorkerPool & { launchConfigs: Record<string, unknown>[] };

/** A pool with its active launch configs as a part of a statement (a table `p`), and how its row as jsonb is read. */
export const selectPool = {
  get query() {
    return selectPools;
  },
  read: (row: Record<string, unknown>): PoolWithLaunchConfigs => withLaunchConfigs(camelKeys<PoolRow>(row)),
};

const selectPools = sql`
  select p.*, coalesce((
    select jsonb_agg(to_jsonb(c) || jsonb_build_object('configuration', r.configuration) order by c.launch_config_id)
    from launch_configs c join launch_config_revisions r using (worker_pool_id, launch_config_id, revision)
    where c.worker_pool_id = p.worker_pool_id and not c.is_archived), '[]') as launch_configs
  from worker_pools p`;

function withLaunchConfigs({ launchConfigs, ...pool }: PoolRow): PoolWithLaunchConfigs {
  return { pool, launchConfigs: launchConfigs.map((row) => camelKeys<ActiveLaunchConfig>(row)) };
}
