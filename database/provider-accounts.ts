import type { Db } from './client/schema.js';

/** The account of each provider, by provider, as the last process that served had it. */
export async function providerAccounts(db: Db): Promise<Map<string, string>> {
  const rows = await db.selectFrom('providerAccounts').selectAll().execute();
  return new Map(rows.map(({ providerId, account }) => [providerId, account]));
}

/** Null: no cloud is behind this provider, whatever was before. */
export async function recordProviderAccounts(
  db: Db,
  current: readonly { readonly providerId: string; readonly account: string | null }[],
): Promise<void> {
  // In one order: processes that start at once must not deadlock.
  const accounts = current
    .flatMap(({ providerId, account }) => (account === null ? [] : [{ providerId, account }]))
    .sort((a, b) => (a.providerId < b.providerId ? -1 : 1));
  const without = current.filter(({ account }) => account === null).map(({ providerId }) => providerId);
  if (without.length > 0) await db.deleteFrom('providerAccounts').where('providerId', 'in', without).execute();
  if (accounts.length === 0) return;
  await db
    .insertInto('providerAccounts')
    .values(accounts)
    .onConflict((conflict) =>
      conflict.column('providerId').doUpdateSet((eb) => ({ account: eb.ref('excluded.account') })),
    )
    .execute();
}
