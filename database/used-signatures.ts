import type { Db } from './client/schema.js';

/** Whether the signature is new: of several processes that record one, one hears so. It is known until this instant. */
export async function recordSignature(db: Db, signature: string, until: number): Promise<boolean> {
  const recorded = await db
    .insertInto('usedSignatures')
    .values({ signature, until })
    .onConflict((conflict) => conflict.doNothing())
    .returning('signature')
    .execute();
  return recorded.length > 0;
}

/** As if it had never come. */
export async function forgetSignature(db: Db, signature: string): Promise<void> {
  await db.deleteFrom('usedSignatures').where('signature', '=', signature).execute();
}
