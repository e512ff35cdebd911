import { openDatabase } from '../../database/client/open.js';
import { getPool } from '../../database/pools.js';
import { makePool } from './database.js';

/**
 * A process that opens the database in its argument and makes pools `prov/p-0`, `prov/p-1`, … until it is killed. It
 * prints a pool's number when the database has acknowledged it, and what it failed with.
 */
const [url = '', first = '0'] = process.argv.slice(2);
try {
  const { db } = await openDatabase({ url });
  process.stdout.write('open\n');
  for (let number = Number(first); ; number += 1) {
    await makePool(db, { workerPoolId: `prov/p-${number}` });
    if ((await getPool(db, `prov/p-${number}`)) === null) throw new Error('not there');
    process.stdout.write(`${number}\n`);
  }
} catch (error) {
  process.stdout.write(`${(error as Error).name}: ${(error as Error).message}\n`);
  process.exit(1);
}
