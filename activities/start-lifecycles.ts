import { Context } from '@temporalio/activity';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { lifecycleId } from '../domain/ids.js';
import type { Worker } from '../domain/worker.js';
import { logEvent } from '../observability/log-events.js';
import { getLaunch, launchOf, workersOfLaunch } from '../records/launches.js';
import { getPool } from '../records/pools.js';
import { getWorker, liveWorkerKeys } from '../records/workers.js';
import { type LaunchContext, lifecycleInput } from '../temporal/lifecycle-input.js';
import { lifecycleStart } from '../temporal/lifecycle-start.js';
import { mainTaskQueue, workflowTypes } from '../temporal/names.js';
import { openLifecycles } from '../temporal/namespace.js';
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
  const { records, providers, config } = deps;
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
          await startFromRow(deps, worker, context, startedBy);
        },
      );
    }
  });
}

/**
 * Starts a lifecycle for each live worker that has none, from its row, and gives how many: somebody terminated it, or the
 * engine lost it. A list of open lifecycles that lags behind does no harm, since one that is open is not started again.
 */
export async function startMissingLifecycles(deps: ActivityDeps, startedBy: string): Promise<number> {
  const { records, providers, config, client, log } = deps;
  const { db } = records;
  // Rows first: a lifecycle that is started meanwhile is then in the list.
  const live = await liveWorkerKeys(db);
  if (live.length === 0) return 0;
  const open = await openLifecycles(client);
  let started = 0;
  const impossible: string[] = [];
  await inParallel(
    live.filter((key) => !open.has(lifecycleId(key))),
    STARTS_AT_ONCE,
    async (key) => {
      const worker = await getWorker(db, key);
      if (!worker || worker.state === 'stopped') return;
      const pool = await getPool(db, worker.workerPoolId);
      const provider = providers.get(worker.providerId);
      if (!pool || !provider) return void impossible.push(lifecycleId(key));
      const launch = await launchOf(db, worker);
      const context = { pool: pool.pool, provider, launch, defaults: config.defaults };
      if (!(await startFromRow(deps, worker, context, startedBy))) return;
      started += 1;
      const { workerPoolId, workerGroup, workerId, state } = worker;
      logEvent(log, 'lifecycle-replaced', { workerPoolId, workerGroup, workerId, workflowId: lifecycleId(key), state });
    },
  );
  if (impossible.length > 0) {
    throw new Error(
      `Without a lifecycle, and their pool or provider is not here: ${impossible.slice(0, 10).join(', ')}`,
    );
  }
  return started;
}

/** False when it has one, or has ended. */
async function startFromRow(
  { client, config }: ActivityDeps,
  worker: Worker,
  context: LaunchContext,
  startedBy: string,
): Promise<boolean> {
  try {
    await client.workflow.start(workflowTypes.workerLifecycle, {
      ...lifecycleStart(lifecycleInput(worker, context), startedBy),
      taskQueue: mainTaskQueue(config.temporal.taskQueuePrefix),
    });
    return true;
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    return false;
  }
}
