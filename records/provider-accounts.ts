import type { Db } from './schema.js';

/** The account of each provider, by provider, as the last process that served had it. */
export async function providerAccounts(db: Db): Promise<Map<string, string>> {
  const rows = await db.selectFrom('providerAccounts').selectAll().execute();
  return new Map(rows.map(({ providerId, account }) => [providerId, account]));
}

export async function rememberProviderAccounts(
  db: Db,
  accounts: readonly { readonly providerId: string; readonly account: string }[],
): Promise<void> {
  if (accounts.length === 0) return;
  await db
    .insertInto('providerAccounts')
    .values([...accounts])
    .onConflict((conflict) =>
      conflict.column('providerId').doUpdateSet((eb) => ({ account: eb.ref('excluded.account') })),
    )
    .execute();
}
