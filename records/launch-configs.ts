import type { LaunchConfig } from '../domain/worker-pool.js';
import { pageOf, type Page, type PageOf } from './paging.js';
import type { Db } from './schema.js';

/** By id. */
export async function listLaunchConfigs(
  db: Db,
  workerPoolId: string,
  { includeArchived }: { includeArchived: boolean },
  page: Page,
): Promise<PageOf<LaunchConfig>> {
  let query = db
    .selectFrom('launchConfigs as c')
    .innerJoin('launchConfigRevisions as r', (join) =>
      join
        .onRef('r.workerPoolId', '=', 'c.workerPoolId')
        .onRef('r.launchConfigId', '=', 'c.launchConfigId')
        .onRef('r.revision', '=', 'c.revision'),
    )
    .selectAll('c')
    .select('r.configuration')
    .where('c.workerPoolId', '=', workerPoolId)
    .orderBy('c.launchConfigId')
    .limit(page.limit + 1);
  if (!includeArchived) query = query.where('c.isArchived', '=', false);
  if (page.after !== null) query = query.where('c.launchConfigId', '>', page.after);
  return pageOf(await query.execute(), page, (launchConfig) => launchConfig.launchConfigId);
}
