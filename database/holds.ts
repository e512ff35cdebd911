import type { Db, Hold } from './client/schema.js';

/** The scope of a hold on every pool. */
export const ALL_POOLS = '*';

/** From now on the scope launches nothing; repeated, it replaces reason and client. */
export async function hold(
  db: Db,
  scope: string,
  { reason, clientId, nowMs }: { reason: string; clientId: string; nowMs: number },
): Promise<void> {
  await db
    .insertInto('holds')
    .values({ scope, reason, clientId, at: nowMs })
    .onConflict((conflict) => conflict.column('scope').doUpdateSet({ reason, clientId, at: nowMs }))
    .execute();
}

/** False when it was not held. */
export async function release(db: Db, scope: string): Promise<boolean> {
  return (await db.deleteFrom('holds').where('scope', '=', scope).returning('scope').execute()).length > 0;
}

/** The pool's own hold, or else the one on all. */
export async function holdOf(db: Db, workerPoolId: string): Promise<Hold | null> {
  const row = await db
    .selectFrom('holds')
    .selectAll()
    .where('scope', 'in', [workerPoolId, ALL_POOLS])
    // A pool's id sorts behind the asterisk in no collation by rule, so compare.
    .orderBy((eb) => eb('scope', '=', ALL_POOLS))
    .limit(1)
    .executeTakeFirst();
  return row ?? null;
}

export async function listHolds(db: Db): Promise<Hold[]> {
  return await db.selectFrom('holds').selectAll().orderBy('scope').execute();
}
