import { isDeepStrictEqual } from 'node:util';
import { sql } from 'kysely';
import type { LaunchConfiguration } from '../domain/worker-pool.js';
import type { NewEvent } from './events.js';
import type { Db } from './client/schema.js';
import { bigint, jsonb, text } from './client/sql.js';

export interface NewLaunchConfig {
  /** Given, or computed from the configuration (api/pools/launch-config-id.ts). */
  readonly launchConfigId: string;
  /** Exactly as submitted. */
  readonly configuration: LaunchConfiguration;
}

/** What a submission does to a pool's launch configs: ids, in the order submitted. */
export interface LaunchConfigChanges {
  readonly created: string[];
  /** All that were there and were submitted again, changed or not. */
  readonly updated: string[];
  readonly archived: string[];
}

export interface LaunchConfigPlan extends LaunchConfigChanges {
  /** Updated ones of which anything but `workerManager` would change: an id cannot be given to another machine. */
  readonly conflicts: string[];
  /** Created, or updated with any change at all: these get a new revision. */
  readonly revised: readonly (NewLaunchConfig & { readonly revision: number })[];
  /** All that were submitted, in their order. */
  readonly positions: readonly string[];
  /** False when the pool's active launch configs are exactly those submitted, in the same order. */
  readonly changes: boolean;
}

interface Compared {
  launchConfigId: string;
  /** Null: does not exist. */
  revision: number | null;
  isArchived: boolean | null;
  position: number | null;
  submitted: boolean;
  differs: boolean;
  changed: boolean;
}

/** Compares a submission with what there is; writes nothing. */
export async function planLaunchConfigs(
  db: Db,
  workerPoolId: string,
  submission: readonly NewLaunchConfig[],
): Promise<LaunchConfigPlan> {
  const { submitted, conflicts } = withoutDuplicates(submission);
  const { rows } = await sql<Compared>`
    with submitted as (
      select * from jsonb_to_recordset(${jsonb(submitted)}) as s("launchConfigId" text, configuration jsonb)),
    present as (
      select c.launch_config_id, c.revision, c.is_archived, c.position, r.configuration from launch_configs c
      join launch_config_revisions r using (worker_pool_id, launch_config_id, revision)
      where c.worker_pool_id = ${workerPoolId})
    select coalesce(s."launchConfigId", p.launch_config_id) as launch_config_id, p.revision, p.is_archived, p.position,
      s.configuration is not null as submitted,
      s.configuration - 'workerManager' is distinct from p.configuration - 'workerManager' as differs,
      s.configuration is distinct from p.configuration as changed
    from submitted s full join present p on p.launch_config_id = s."launchConfigId"`.execute(db);
  const compared = new Map(rows.map((row) => [row.launchConfigId, row]));
  const isNew = ({ launchConfigId }: NewLaunchConfig) => compared.get(launchConfigId)?.revision == null;
  const known = submitted.filter((launchConfig) => !isNew(launchConfig));
  const plan = {
    created: submitted.filter(isNew).map(idOf),
    updated: known.map(idOf),
    archived: rows.filter((row) => !row.submitted && row.isArchived === false).map(idOf),
    conflicts: [...conflicts, ...known.map(idOf).filter((id) => compared.get(id)?.differs)],
    revised: submitted
      .filter(({ launchConfigId }) => compared.get(launchConfigId)?.changed)
      .map((launchConfig) => ({
        ...launchConfig,
        revision: (compared.get(launchConfig.launchConfigId)?.revision ?? 0) + 1,
      })),
  };
  const revives = rows.some((row) => row.submitted && row.isArchived);
  const positions = submitted.map(idOf);
  const moves = positions.some((id, position) => compared.get(id)?.position !== position);
  return { ...plan, positions, changes: revives || moves || plan.revised.length > 0 || plan.archived.length > 0 };
}

const idOf = ({ launchConfigId }: { launchConfigId: string }): string => launchConfigId;

/** Of several with one id the last counts, but they may differ in `workerManager` only. */
function withoutDuplicates(submission: readonly NewLaunchConfig[]): {
  submitted: NewLaunchConfig[];
  conflicts: string[];
} {
  const last = new Map<string, NewLaunchConfig>();
  const conflicts: string[] = [];
  for (const launchConfig of submission) {
    const before = last.get(launchConfig.launchConfigId);
    if (before && !isDeepStrictEqual(machineOf(before), machineOf(launchConfig))) {
      conflicts.push(launchConfig.launchConfigId);
    }
    last.set(launchConfig.launchConfigId, launchConfig);
  }
  return { submitted: [...last.values()], conflicts };
}

function machineOf({ configuration }: NewLaunchConfig): unknown {
  const { workerManager: _, ...machine } = configuration;
  return machine;
}

/** Carries out a plan without conflicts, in the transaction it was made in. */
export async function writeLaunchConfigs(
  db: Db,
  workerPoolId: string,
  plan: LaunchConfigPlan,
  nowMs: number,
): Promise<void> {
  const revised = plan.revised.map(({ launchConfigId, configuration, revision }) => ({
    launchConfigId,
    configuration,
    revision,
  }));
  await sql`
    with revised as (
      select * from jsonb_to_recordset(${jsonb(revised)}) as r("launchConfigId" text, configuration jsonb, revision int)),
    written as (
      insert into launch_config_revisions (worker_pool_id, launch_config_id, revision, configuration, created)
      select ${text(workerPoolId)}, "launchConfigId", revision, configuration, ${bigint(nowMs)} from revised),
    submitted as (
      select id, cast(place - 1 as int) as position
      from jsonb_array_elements_text(${jsonb(plan.positions)}) with ordinality as s(id, place)),
    archived as (
      update launch_configs set is_archived = true
      where worker_pool_id = ${workerPoolId} and launch_config_id in (select jsonb_array_elements_text(${jsonb(plan.archived)})))
    insert into launch_configs (worker_pool_id, launch_config_id, revision, position, created, last_modified)
    select ${text(workerPoolId)}, s.id, coalesce(r.revision, 0), s.position, ${bigint(nowMs)}, ${bigint(nowMs)}
    from submitted s left join revised r on r."launchConfigId" = s.id
    on conflict (worker_pool_id, launch_config_id) do update set is_archived = false,
      revision = greatest(launch_configs.revision, excluded.revision), position = excluded.position, last_modified = excluded.last_modified`.execute(
    db,
  );
}

/** In the order that clients rely on (docs/taskcluster-compatibility.md#launch-config-changes). */
export function launchConfigEvents(workerPoolId: string, providerId: string, changes: LaunchConfigChanges): NewEvent[] {
  const event = (topic: NewEvent['topic']) => (launchConfigId: string) => ({
    topic,
    payload: { workerPoolId, providerId, launchConfigId },
  });
  return [
    ...changes.updated.map(event('launch-config-updated')),
    ...changes.created.map(event('launch-config-created')),
    ...changes.archived.map(event('launch-config-archived')),
  ];
}
