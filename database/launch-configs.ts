import { sql } from 'kysely';
import type { LaunchConfig } from '../domain/worker-pool.js';
import { boundedPage, type Page, type PageOf } from './client/paging.js';
import type { Db } from './client/schema.js';

/** By id. */
export async function listLaunchConfigs(
  db: Db,
  workerPoolId: string,
  { includeArchived }: { includeArchived: boolean },
  page: Page,
): Promise<PageOf<LaunchConfig>> {
  const shown = includeArchived ? sql`true` : sql`not c.is_archived`;
  return await boundedPage<LaunchConfig>(db, page, {
    rows: sql`select c.*, r.configuration from launch_configs c
      join launch_config_revisions r on r.worker_pool_id = c.worker_pool_id
        and r.launch_config_id = c.launch_config_id and r.revision = c.revision
      where c.worker_pool_id = ${workerPoolId} and c.launch_config_id > ${page.after ?? ''} and ${shown}`,
    order: sql`launch_config_id`,
    length: sql`length(cast(configuration as text))`,
    keyOf: ({ launchConfigId }) => launchConfigId,
  });
}
