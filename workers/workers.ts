import { fileURLToPath } from 'node:url';
import { type NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';
import type { ActivityDeps } from '../activities/support/deps.js';
import { demandActivities } from '../activities/demand/poll-demand.js';
import { failuresInWords } from '../activities/support/application-failures.js';
import { HEARTBEAT_INTERVAL_MS } from '../activities/support/heartbeat.js';
import { launchActivities } from '../activities/pool/launch.js';
import { orphanActivities } from '../activities/orphans/sweep-orphans.js';
import { DeletionsAtOnce } from '../activities/worker/deletions-at-once.js';
import { persistActivities } from '../activities/worker/persist.js';
import { poolActivities } from '../activities/pool/activities.js';
import { creationActivities } from '../activities/worker/create-resources.js';
import { deletionActivities } from '../activities/worker/delete-resources.js';
import { scanActivities, scannedProviders } from '../activities/scan/scan.js';
import { sweepActivities } from '../activities/sweep.js';
import { workerPollActivities } from '../activities/demand/poll-workers.js';
import { wedgedActivities } from '../activities/worker/wedged-lifecycles.js';
import { cloudTaskQueue, mainTaskQueue } from '../temporal/names.js';

/** All of a process's Temporal workers, on one connection. */
export interface Workers {
  /** Polls until `shutdown`; rejects when one of them fails. */
  run(): Promise<void>;
  /** Stops polling, lets what is running finish. */
  shutdown(): void;
  /** Throws when one of them does not poll. */
  check(): void;
}

/**
 * Lifecycles that wait need no place in the cache: they wake a few times in their life and replay in milliseconds.
 * Those that are being launched do. Measured: 220 to 330 KB for each cached one, so this bounds a process with tens of
 * thousands.
 */
const CACHED_WORKFLOWS = 600;
/** The calls of a region that does not answer last a minute each: those of others must find a place beside them. */
const CREATIONS_AT_ONCE = 500;
/** Removals wait for each other to share a call, so many must be able to wait at once. */
const REMOVALS_AT_ONCE = 500;
/**
 * How long a workflow's next task waits for the process that has it in memory before any other may take it. After a
 * crash every request to a lifecycle waits so long, and its caller at most ten seconds.
 */
const STICKY_WAIT_MS = 3_000;

export async function createWorkers(options: {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly deps: ActivityDeps;
}): Promise<Workers> {
  const { connection, namespace, deps } = options;
  const { taskQueuePrefix } = deps.config.temporal;
  const common = {
    connection,
    namespace,
    shutdownGraceTime: deps.config.shutdownGraceSeconds * 1000,
    interceptors: { activity: [failuresInWords] },
    // Else an attempt would hear of its cancellation only after 80 % of its heartbeat timeout.
    maxHeartbeatThrottleInterval: HEARTBEAT_INTERVAL_MS,
  };

  const deletions = new DeletionsAtOnce(deps);
  const main = Worker.create({
    ...common,
    taskQueue: mainTaskQueue(taskQueuePrefix),
    workflowBundle: { codePath: workflowBundlePath },
    maxCachedWorkflows: CACHED_WORKFLOWS,
    stickyQueueScheduleToStartTimeout: STICKY_WAIT_MS,
    activities: mainActivities(deps, deletions),
  });
  const cloud = scannedProviders(deps.providers).flatMap((providerId) => {
    const queue = (callClass: 'read' | 'create' | 'delete', own: Partial<WorkerOptions>) =>
      Worker.create({ ...common, taskQueue: cloudTaskQueue(taskQueuePrefix, providerId, callClass), ...own });
    return [
      queue('read', { activities: scanActivities(deps) }),
      queue('create', {
        activities: { ...launchActivities(deps), ...creationActivities(deps) },
        maxConcurrentActivityTaskExecutions: CREATIONS_AT_ONCE,
      }),
      queue('delete', {
        activities: { ...deletionActivities(deps), ...creationActivities(deps) },
        maxConcurrentActivityTaskExecutions: REMOVALS_AT_ONCE,
      }),
    ];
  });
  const workers = await Promise.all([main, ...cloud]);

  return {
    async run() {
      await Promise.all(workers.map((worker) => worker.run()));
      // No activity waits for them.
      await deletions.stop();
    },
    shutdown() {
      for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
    },
    check() {
      const idle = workers.find((worker) => worker.getState() !== 'RUNNING');
      if (idle) throw new Error(`a worker is ${idle.getState()}`);
    },
  };
}

/** Those of the workflows' own queue. */
const mainActivities = (deps: ActivityDeps, deletions: DeletionsAtOnce) => ({
  ...poolActivities(deps),
  ...demandActivities(deps),
  ...workerPollActivities(deps),
  ...sweepActivities(deps),
  ...orphanActivities(deps),
  ...wedgedActivities(deps),
  ...persistActivities(deps, deletions),
  requestReconcile: deps.triggers.requestReconcile,
});

/** Built by `npm run build`; both the sources and `dist/` lie beside it. */
const workflowBundlePath = fileURLToPath(new URL('../workflow-bundle.js', import.meta.url));
