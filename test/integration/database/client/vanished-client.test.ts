import { afterEach, describe, expect, test } from '@jest/globals';
import { openDatabase, type Database } from '../../../../database/client/open.js';
import { SERVING_LIMITS } from '../../../../database/client/postgres.js';
import { createPool, deletePool, updatePool } from '../../../../database/pools.js';
import { removeDeletedPools } from '../../../../database/retention.js';
import type { Db } from '../../../../database/client/schema.js';
import { TcpProxy } from '../../../../dev/testing/tcp-proxy.js';
import { eventually } from '../../../../dev/testing/eventually.js';
import { proofSize } from '../../../support/long.js';
import { createDatabase } from '../../../../dev/testing/postgres.js';
import { launchConfig, makePool, newPool, NOW, newIntent, poolId, reserve } from '../../../support/database.js';

/** Each locks rows over several statements. A reservation of launches is none of them: it writes in one. */
const transactions: [string, (db: Db) => Promise<unknown>][] = [
  ['creates a pool', (db) => makePool(db, { workerPoolId: 'prov/new' })],
  ['changes a pool', (db) => updatePool(db, { ...submission, pool: newPool({ description: 'other' }) })],
  ['deletes a pool', (db) => deletePool(db, poolId, { clientId: 'tester', nowMs: NOW })],
  [
    'removes deleted pools',
    async (db) => {
      const { failed } = await removeDeletedPools(db);
      if (failed[0]) throw failed[0].failure;
    },
  ],
];
const submission = { pool: newPool(), launchConfigs: [launchConfig('lc-a')], clientId: 'tester', nowMs: NOW };

const third = Object.fromEntries(Object.entries(SERVING_LIMITS).map(([name, ms]) => [name, ms / 3]));
const limits = proofSize({ short: third as unknown as typeof SERVING_LIMITS, long: SERVING_LIMITS });
const WITHIN_MS = 15_000;

describe('after a client that has vanished, without a FIN, in a transaction', () => {
  const opened: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const each of opened.splice(0).toReversed()) await each.close();
  });

  const open = async (url: string): Promise<Database> => {
    const database = await openDatabase({ url, limits });
    opened.push(database);
    return database;
  };

  test.each(transactions)(
    'after a client has vanished in the transaction that %s, other pools launch within 15 s',
    async (_, transaction) => {
      const url = await createDatabase();
      const proxy = await TcpProxy.start(url);
      opened.push({ close: () => proxy.stop() });
      const [victim, other] = [await open(proxy.url), await open(url)];
      for (const workerPoolId of [poolId, 'prov/deleted', 'prov/other']) await makePool(other.db, { workerPoolId });
      await deletePool(other.db, 'prov/deleted', { clientId: 'tester', nowMs: NOW });

      const cut = proxy.cutOnce(/commit/, 'lost');
      const lost = transaction(victim.db).then(
        () => null,
        (error: unknown) => error,
      );
      await cut;
      const works = async (work: Promise<unknown>) =>
        await work.then(
          () => true,
          () => false,
        );
      await eventually(() => works(reserve(other.db, [newIntent('token-of-another', 1)], 'prov/other')), {
        withinMs: WITHIN_MS,
      });
      await eventually(() => works(createPool(other.db, submission)), { withinMs: WITHIN_MS });
      expect(await lost).toMatchObject({ code: '08006' });
      // The same client goes on.
      await eventually(() => works(transaction(victim.db)), { withinMs: WITHIN_MS });
    },
  );
});
