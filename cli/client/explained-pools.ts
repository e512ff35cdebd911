import type { Connection } from './connection.js';
import { explain } from './explain.js';
import { type ListedPool, listPools } from './lists.js';

/** Pools that are explained at a time. */
const AT_ONCE = 8;

/** Every pool explained; or the pools that have this cause. */
export async function explainedPools(connection: Connection, cause: string | true): Promise<ListedPool[]> {
  const pools = await listPools(connection);
  const rows: ListedPool[] = [];
  const rest = pools.entries();
  const lane = async () => {
    for (const [index, pool] of rest) {
      const { cause: why } = await explain(connection, pool.workerPoolId, {}, Date.now());
      rows[index] = { ...pool, why };
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return rows.filter(({ why }) => cause === true || why === cause);
}
