import { sql } from 'kysely';
import type { Db } from '../../database/client/schema.js';
import { jsonb, text } from '../../database/client/sql.js';
import { estimate } from '../../domain/estimator.js';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../domain/durations.js';
import { EVIDENCE_VERSION, type ReconciliationEvidence } from '../../domain/evidence.js';
import { FLEET, launchConfigName, PROVIDER, unlimited } from './fleet-rows.js';

/** Pools of which all evidence of the last day is there, as a deployment at work leaves it. */
export const explainedPools = Array.from({ length: 20 }, (_, n) => `explained/pool-${n + 1}`);

const CONFIGS = 10;
const POLL_MS = 10_000;
/** Polls from one row with all pools to the next. */
const POLLS_OF_A_CHAIN = 180;
const POLLS = DAY_MS / POLL_MS;
/** Pools whose tasks change from poll to poll, and each of them once in so many polls. */
const BUSY = 150;
const CHANGES_EVERY = 6;
const RECONCILED_EVERY_MS = 5 * MINUTE_MS;
const LAUNCHED_EVERY_MS = 30 * MINUTE_MS;
const MACHINES = 3;
const BACKED_OFF_EVERY_MS = 2 * HOUR_MS;

const numbersTo = (count: number) => sql`generate_series(1, ${sql.lit(count)}) n`;
const pools = sql`jsonb_array_elements_text(${jsonb(explainedPools)}) with ordinality as p (pool, number)`;

const candidate = (n: number) => ({
  ...{ launchConfigId: launchConfigName(n), revision: 1, initialWeight: 1, weight: 0.9, usedCapacity: 10 },
  ...{ maxCapacity: 100, capacityPerInstance: 1, recentErrors: 1, backoffUntil: null },
  ...{ outcome: 'chosen' as const, machines: 1 },
});

const inputs = {
  ...{ providerId: PROVIDER, pendingTasks: 3, claimedTasks: 10, requestedCapacity: 0, runningCapacity: 10 },
  ...{ stoppingCapacity: 0, quarantinedCapacity: 0, inDoubtCapacity: 0, currentCapacity: 10 },
  ...{ minCapacity: 0, maxCapacity: 100, scalingRatio: 1 },
};

/** Of one that launched. */
const evidence: ReconciliationEvidence = {
  ...{ estimator: 'corrected', inputs, estimate: estimate('corrected', inputs) },
  ...{ demandError: null, blocks: [], limitedBy: [], launches: [], spans: [], terminations: {}, failure: null },
  rounds: [
    {
      ...{ wantedCapacity: 3, roomCapacity: 90, omitted: 0, limit: null },
      candidates: Array.from({ length: CONFIGS }, (_, n) => candidate(n + 1)),
    },
  ],
  basis: { wantedCapacity: 0, roomCapacity: 87, advisedCapacity: 10, evaluateAgainAt: null },
};

const definition = {
  ...{ providerId: PROVIDER, description: 'builds', owner: 'owner@example.com', emailOnError: false },
  config: { minCapacity: 0, maxCapacity: 100, scalingRatio: 1 },
  launchConfigs: Array.from({ length: CONFIGS }, (_, n) => ({
    ...{ launchConfigId: launchConfigName(n + 1), revision: 1 },
    configuration: {
      ...{
        region: 'us-west-2',
        launchConfig: { ImageId: `ami-${n}`, InstanceType: 'c6i.xlarge', UserData: 'x'.repeat(500) },
      },
      workerManager: { launchConfigId: launchConfigName(n + 1) },
    },
  })),
};

/** Beside what `loadFleet` left; polls of the day are replaced. */
export async function loadDay(db: Db, nowMs: number): Promise<void> {
  const begin = nowMs - DAY_MS;
  const at = (everyMs: number) => sql`(cast(${sql.lit(begin)} as bigint) + n * ${sql.lit(everyMs)})`;
  await unlimited(db, sql`delete from demand_polls where ended >= ${sql.lit(begin)}`);
  const pool = sql`case when p <= ${sql.lit(explainedPools.length)} then 'explained/pool-' else 'fleet/pool-' end || p`;
  const entry = sql`jsonb_build_object('pending', (n / ${CHANGES_EVERY} + p) % 50, 'claimed', 10, 'requested', n % 3,
    'running', 10, 'stopping', 0, 'quarantined', 0, 'inDoubt', 0, 'wanted', n % 2, 'room', 80,
    'verdict', 'unchanged', 'dueMs', ${sql.lit(POLL_MS)})`;
  const isFull = sql`(n % ${sql.lit(POLLS_OF_A_CHAIN)} = 1)`;
  // Ids are given, because each row names the first one of its chain.
  await unlimited(
    db,
    sql`
    insert into demand_polls (id, begun, ended, process, full_id, interval_ms, pools, errors) overriding system value
    select first + n, ${at(POLL_MS)} - 100, ${at(POLL_MS)}, 'p',
      case when ${isFull} then null else first + n - (n - 1) % ${sql.lit(POLLS_OF_A_CHAIN)} end, ${sql.lit(POLL_MS)}, (
        select coalesce(jsonb_object_agg(${pool}, ${entry}), '{}') from generate_series(1, ${sql.lit(FLEET.pools)}) p
        where ${isFull} or (p <= ${sql.lit(BUSY)} and (n + p) % ${sql.lit(CHANGES_EVERY)} = 0)), '[]'
    from (select coalesce(max(id), 0) + 1000000 as first from demand_polls) f, ${numbersTo(POLLS)}`,
  );
  await unlimited(
    db,
    sql`
    insert into pool_revisions (worker_pool_id, revision, at, client_id, action, definition)
    select pool, 1, ${sql.lit(begin - DAY_MS)}, 'client', 'created', ${jsonb(definition)} from ${pools}`,
  );
  await unlimited(
    db,
    sql`
    insert into reconciliations (worker_pool_id, reconciliation_id, began, ended, outcome, process, version, triggered_by,
      decision_id, pool_revision, evidence)
    select pool, pool || '-' || n, ${at(RECONCILED_EVERY_MS)} - 500, ${at(RECONCILED_EVERY_MS)}, 'concluded', 'p',
      ${sql.lit(EVIDENCE_VERSION)}, '["poll"]', n, 1, ${jsonb(evidence)}
    from ${pools}, ${numbersTo(DAY_MS / RECONCILED_EVERY_MS)}`,
  );
  await unlimited(
    db,
    sql`
    insert into spans (kind, subject, part, begins, ends, data)
    select 'backoff', pool, ${launchConfigName(1)}, ${at(BACKED_OFF_EVERY_MS)}, ${at(BACKED_OFF_EVERY_MS)} + 60000, ${jsonb(
      {
        ...{
          revision: 1,
          failureClass: 'capacity',
          failures: 1,
          launchToken: null,
          errorId: null,
          title: 'No capacity',
        },
        ...{ message: 'none', code: 'InsufficientInstanceCapacity', unregistered: false },
      },
    )} from ${pools}, ${numbersTo(DAY_MS / BACKED_OFF_EVERY_MS)}`,
  );
  await loadLaunches(db, at(LAUNCHED_EVERY_MS));
}

async function loadLaunches(db: Db, at: ReturnType<typeof sql>): Promise<void> {
  const launches = numbersTo(DAY_MS / LAUNCHED_EVERY_MS);
  await unlimited(
    db,
    sql`
    insert into launches (token, worker_pool_id, provider_id, launch_config_id, launch_config_revision, location, request,
      count, capacity_per_machine, status, attempts, created, closed, machines)
    select pool || '-' || n, pool, ${PROVIDER}, ${launchConfigName(1)}, 1, '{"account":null,"region":"us-west-2","group":null}',
      '{}', ${MACHINES}, 1, 'done', 1, ${at}, ${at} + 2000, ${MACHINES}
    from ${pools}, ${launches}`,
  );
  await unlimited(
    db,
    sql`
    insert into attempts (begun, ended, process, provider_id, operation, call_class, region, launch_token, worker_pool_id,
      subjects, waited_ms, result, request_id)
    select ${at} + 100, ${at} + 1500, 'p', ${PROVIDER}, 'RunInstances', 'create', 'us-west-2', pool || '-' || n, pool, '[]',
      0, 'ok', 'request-' || n
    from ${pools}, ${launches}`,
  );
  await unlimited(
    db,
    sql`
    insert into worker_events (at, worker_pool_id, worker_group, worker_id, event, data)
    select ${at} + case event when 'requested' then 2000 else 92000 end, pool, 'us-west-2', pool || '-' || n || '-' || m, event,
      case event when 'requested' then jsonb_build_object('providerId', ${text(PROVIDER)}, 'launchToken', pool || '-' || n,
        'launchConfigId', ${text(launchConfigName(1))}, 'capacity', 1) else jsonb_build_object('tookMs', 90000) end
    from ${pools}, ${launches}, generate_series(1, ${sql.lit(MACHINES)}) m,
      (values ('requested'), ('registered')) as e (event)`,
  );
}
