import type { Config } from '../config/schema.js';
import { createLog } from '../observability/log.js';
import { reachRecords } from './connect.js';

/** Opening the records migrates them; `serve` does the same. */
export async function migrateRecords(config: Config): Promise<void> {
  const records = await reachRecords(config, createLog(config.log));
  await records.close();
  console.log('The records are up to date.');
}
