import { Context } from '@temporalio/activity';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { getLaunch, workersOfLaunch } from '../records/launches.js';
import { getPool } from '../records/pools.js';
import { lifecycleInput } from '../temporal/lifecycle-input.js';
import { lifecycleStart } from '../temporal/lifecycle-start.js';
import { mainTaskQueue, workflowTypes } from '../temporal/names.js';
import type { ActivityDeps } from './deps.js';
import { withHeartbeat } from './heartbeat.js';
import { inParallel } from './in-parallel.js';

/** Measured: 500 starts at 32 at a time take 4 to 6 s; more at once gain nothing. */
const STARTS_AT_ONCE = 32;

/** Starts the lifecycles of all machines of these launches through the client; one that exists stays as it is. */
export async function startLifecyclesOf(
  deps: ActivityDeps,
  tokens: readonly string[],
  startedBy: string,
): Promise<void> {
  const { records, providers, client, config } = deps;
  await withHeartbeat(async () => {
    for (const token of tokens) {
      const launch = await getLaunch(records.db, token);
      const workers = await workersOfLaunch(records.db, token);
      const pool = launch && (await getPool(records.db, launch.workerPoolId));
      const provider = launch && providers.get(launch.providerId);
      if (!launch || !pool || !provider) throw new Error(`Launch ${token}: its pool or provider is not here`);
      const context = { pool: pool.pool, provider, launch, defaults: config.defaults };
      await inParallel(
        workers.filter(({ state }) => state !== 'stopped'),
        STARTS_AT_ONCE,
        async (worker) => {
          if (Context.current().cancellationSignal.aborted) throw new Error('cancelled');
          try {
            await client.workflow.start(workflowTypes.workerLifecycle, {
              ...lifecycleStart(lifecycleInput(worker, context), startedBy),
              taskQueue: mainTaskQueue(config.temporal.taskQueuePrefix),
            });
          } catch (error) {
            if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
          }
        },
      );
    }
  });
}
