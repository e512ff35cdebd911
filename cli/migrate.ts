import type { Config } from '../config/schema.js';
import { createLog } from '../observability/log.js';
import { connectDatabase } from './connect.js';

/** Opening the database migrates it; `serve` does the same. */
export async function migrateDatabase(config: Config): Promise<void> {
  const database = await connectDatabase(config, createLog(config.log));
  await database.close();
  console.log('The database is up to date.');
}
