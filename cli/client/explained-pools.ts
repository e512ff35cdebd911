import { type Connection, listAll } from './connection.js';
import { explain } from './explain.js';
import type { PoolRow } from './lists.js';

/** Pools that are explained at a time. */
const AT_ONCE = 8;

/** Every pool; with `cause` explained, and where it is one of the causes only the pools that have it. */
export async function explainedPools(connection: Connection, cause: string | true | undefined): Promise<PoolRow[]> {
  const pools = await listAll<PoolRow>(connection, 'worker-pools', 'workerPools');
  if (cause === undefined) return pools;
  const rows: PoolRow[] = [];
  const rest = pools.entries();
  const lane = async () => {
    for (const [index, pool] of rest) {
      const { cause: why, inputs } = await explain(connection, pool.workerPoolId, {}, Date.now());
      rows[index] = { ...pool, why, waiting: inputs?.['pendingTasks'] ?? null };
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return rows.filter(({ why }) => cause === true || why === cause);
}
