import { expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { HOUR_MS } from '../../../../domain/durations.js';
import { demandActivities } from '../../../../activities/demand/poll-demand.js';
import { providersOf } from '../../../../providers/configured.js';
import { reportOf } from '../../../support/decisions.js';
import { activityDeps, activityEnvironment, asActivity } from '../../../support/activities.js';
import { proofSize } from '../../../support/long.js';
import { PoolSurroundings } from '../../../support/pool-activities.js';
import { recordedContext } from '../../../support/provider-context.js';
import { RecordingCloud } from '../../../support/recording-cloud.js';
import { recordingProvider } from '../../../support/recording-provider.js';
import { launchConfig, makePool, NOW } from '../../../support/database.js';
import { databaseFor } from '../../../support/database-suite.js';
import { bigint } from '../../../../database/client/sql.js';

const POLL_MS = 10_000;
const CRON_MS = 300_000;
const { pools, withinMs } = proofSize({
  short: { pools: 20, withinMs: 300_000 },
  long: { pools: 400, withinMs: 1_200_000 },
});

const database = databaseFor('PGlite');

/**
 * Of every pool: four workers of an archived launch config; half of the pools are busy with two of them, half with
 * none.
 */
async function changedImages(): Promise<void> {
  for (let n = 0; n < pools; n += 1) {
    await makePool(database.db, { workerPoolId: `prov/p-${n}`, config: { maxCapacity: 10 } }, [launchConfig('new')]);
  }
  await sql`
    insert into launch_configs (worker_pool_id, launch_config_id, revision, is_archived, created, last_modified)
    select worker_pool_id, 'old', 1, true, 0, 0 from worker_pools`.execute(database.db);
  await sql`
    insert into workers (worker_pool_id, worker_group, worker_id, provider_id, launch_config_id, launch_config_revision,
      launch_token, state, capacity, created, last_modified, expires, location, identity_attributes)
    select p.worker_pool_id, 'here', 'w-' || n, 'aws', 'old', 1, 't', 'running', case n when 1 then 4 else 1 end,
      ${bigint(NOW)} - n, 0, ${bigint(NOW)} + 999999999, '{}', '{}'
    from worker_pools p cross join generate_series(1, 4) n`.execute(database.db);
}

test(
  'a poll reconciles each pool at most once without effect in a cron interval, for an hour after an image change',
  async () => {
    await changedImages();
    const around = new PoolSurroundings();
    const activities = around.activities(database.db);
    const triggered: string[] = [];
    const isBusy = (workerPoolId: string) => Number(workerPoolId.split('-').at(-1)) % 2 === 0;
    const counts = (workerPoolId: string) => ({ pendingTasks: 0, claimedTasks: isBusy(workerPoolId) ? 2 : 0 });
    const poll = demandActivities(
      activityDeps({
        database,
        providers: providersOf([
          recordingProvider(recordedContext({ providerId: 'aws' }), new RecordingCloud(), 'bulk'),
        ]),
        demand: { counts: async (workerPoolId) => counts(workerPoolId) },
        triggers: { requestReconcile: async (workerPoolId: string) => void triggered.push(workerPoolId) },
      }),
    );
    const advised = async (workerPoolId: string) =>
      await database.db
        .selectFrom('workers')
        .select(['workerId', 'shouldTerminate'])
        .where('workerPoolId', '=', workerPoolId)
        .orderBy('workerId')
        .execute();

    const withoutEffect = new Map<string, number>();
    for (let at = 0; at < HOUR_MS; at += POLL_MS) {
      const currentAttemptScheduledTimestampMs = NOW + at;
      await asActivity(() => poll.pollDemand(), activityEnvironment({ currentAttemptScheduledTimestampMs }));
      for (const workerPoolId of triggered.splice(0)) {
        around.counts = counts(workerPoolId);
        around.clock = NOW + at;
        const before = await advised(workerPoolId);
        const assessed = (await activities.assessPool(workerPoolId))!;
        await activities.concludeReconciliation(
          workerPoolId,
          { inputs: assessed.inputs, estimate: null, limitedBy: [], launches: [], passedOver: [] },
          { launchedCapacity: 0, limitEndsAt: null, blockedForPolls: false, report: reportOf() },
        );
        if (JSON.stringify(await advised(workerPoolId)) !== JSON.stringify(before)) continue;
        const key = `${workerPoolId} ${Math.floor(at / CRON_MS)}`;
        withoutEffect.set(key, (withoutEffect.get(key) ?? 0) + 1);
      }
    }
    expect([...withoutEffect].filter(([, times]) => times > 1)).toEqual([]);
    const markedForTermination = (await advised('prov/p-1')).filter(
      ({ shouldTerminate }) => shouldTerminate?.terminate,
    );
    expect(markedForTermination).toHaveLength(4);
  },
  withinMs,
);
