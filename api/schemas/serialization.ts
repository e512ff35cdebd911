import type { ListedQueueWorker, QueueWorkerDetails } from '../../domain/demand-source.js';
import type { QueueWorker } from '../../domain/inactivity.js';
import type { LaunchConfig, WorkerPool } from '../../domain/worker-pool.js';
import type { Worker } from '../../domain/worker.js';
import type { StateCounts } from '../../database/counts.js';
import type { ErrorsSince, ErrorStats } from '../../database/error-stats.js';
import type { WorkerPoolError } from '../../database/errors.js';
import type { ActiveLaunchConfig } from '../../database/pools.js';
import { NO_PROVIDER, STANDALONE } from './queue-workers.js';

/** Rows as the API gives them. */

export const iso = (ms: number): string => new Date(ms).toISOString();

/**
 * `launchConfigs` are the active ones; they go back in the order in which they were sent, so that a tool that compares
 * lists finds its own. Each gets its id filled in, and without any the key is absent.
 */
export function toPoolResponse(pool: WorkerPool, launchConfigs: readonly ActiveLaunchConfig[], counters: StateCounts) {
  const inOrder = launchConfigs.toSorted((a, b) => a.position - b.position);
  const configurations = inOrder.map(({ launchConfigId, configuration }) => ({
    ...configuration,
    workerManager: { ...configuration.workerManager, launchConfigId },
  }));
  return {
    workerPoolId: pool.workerPoolId,
    providerId: pool.providerId,
    description: pool.description,
    created: iso(pool.created),
    lastModified: iso(pool.lastModified),
    config: configurations.length > 0 ? { ...pool.config, launchConfigs: configurations } : pool.config,
    owner: pool.owner,
    emailOnError: pool.emailOnError,
    ...counters,
  };
}

/** Here `configuration` is as it was submitted, without an id filled in. */
export const toLaunchConfigResponse = (config: LaunchConfig) => ({
  launchConfigId: config.launchConfigId,
  workerPoolId: config.workerPoolId,
  isArchived: config.isArchived,
  configuration: config.configuration,
  created: iso(config.created),
  lastModified: iso(config.lastModified),
});

/** `checked`: each provider's last complete scan of its machines; rows keep no such instant of their own. */
export const toWorkerResponse = (worker: Worker, checked: ReadonlyMap<string, number>) => ({
  workerPoolId: worker.workerPoolId,
  workerGroup: worker.workerGroup,
  workerId: worker.workerId,
  providerId: worker.providerId,
  created: iso(worker.created),
  expires: iso(worker.expires),
  state: worker.state,
  capacity: worker.capacity,
  ...(worker.launchConfigId === null ? {} : { launchConfigId: worker.launchConfigId }),
  lastModified: iso(worker.lastModified),
  lastChecked: iso(
    Math.max(worker.created, Math.min(checked.get(worker.providerId) ?? 0, worker.stoppedAt ?? Infinity)),
  ),
});

/** `row`: null for a worker that only the queue knows. */
const toKnownWorker = (workerPoolId: string, entry: QueueWorker, row: Worker | null) => ({
  workerPoolId,
  workerGroup: entry.workerGroup,
  workerId: entry.workerId,
  ...(entry.firstClaimAt === null ? {} : { firstClaim: iso(entry.firstClaimAt) }),
  ...(entry.lastActiveAt === null ? {} : { lastDateActive: iso(entry.lastActiveAt) }),
  ...(entry.quarantineUntil === null ? {} : { quarantineUntil: iso(entry.quarantineUntil) }),
  state: row?.state ?? STANDALONE,
  capacity: row?.capacity ?? 0,
  providerId: row?.providerId ?? NO_PROVIDER,
  ...(row === null || row.launchConfigId === null ? {} : { launchConfigId: row.launchConfigId }),
});

export const toListedQueueWorkerResponse = (workerPoolId: string, entry: ListedQueueWorker, row: Worker | null) => ({
  ...toKnownWorker(workerPoolId, entry, row),
  ...(entry.latestTask === null ? {} : { latestTask: entry.latestTask }),
});

export const toQueueWorkerResponse = (
  type: { readonly provisionerId: string; readonly workerType: string },
  entry: QueueWorkerDetails,
  row: Worker | null,
) => ({
  ...type,
  ...toKnownWorker(`${type.provisionerId}/${type.workerType}`, entry, row),
  ...(entry.expiresAt === null ? {} : { expires: iso(entry.expiresAt) }),
  recentTasks: entry.recentTasks,
  quarantineDetails: entry.quarantines,
});

export const toErrorResponse = (error: WorkerPoolError) => ({
  workerPoolId: error.workerPoolId,
  errorId: error.errorId,
  reported: iso(error.reported),
  kind: error.kind,
  title: error.title,
  description: error.description,
  extra: error.extra,
  ...(error.launchConfigId === null ? {} : { launchConfigId: error.launchConfigId }),
});

export const toErrorStatsResponse = (workerPoolId: string | null, { daily, hourly, ...counts }: ErrorStats) => ({
  workerPoolId: workerPoolId ?? '',
  totals: { ...counts, daily: byInstant(daily), hourly: byInstant(hourly) },
});

const byInstant = (spans: readonly ErrorsSince[]) =>
  Object.fromEntries(spans.map(({ since, errors }) => [iso(since), errors]));
