import { Context } from '@temporalio/activity';
import type { WorkerKey } from '../../domain/ids.js';
import { ProviderError } from '../../providers/errors.js';
import { insertErrorOnce } from '../../database/errors.js';
import type { ActivityDeps } from '../support/deps.js';
import { logPoolError } from '../support/pool-errors.js';

/** Other operations on a resource exclude ours for seconds; what lasts this long, an owner must know of. */
export const LASTING_REFUSAL_MS = 2 * 60_000;

/**
 * An answer that is to be repeated fails no worker, so nobody would hear of one that never changes. When the activity's
 * attempts have met it for minutes, the worker's pool hears of it: once for the same words, of however many workers.
 * Throttling is not reported, for its calls wait their turn.
 */
export async function reportLastingRefusal(
  { database, log }: Pick<ActivityDeps, 'database' | 'log'>,
  subject: Pick<WorkerKey, 'workerPoolId'> & { readonly launchConfigId: string | null },
  kind: 'creation-error' | 'termination-error',
  error: unknown,
): Promise<void> {
  const { scheduledTimestampMs, currentAttemptScheduledTimestampMs } = Context.current().info;
  if (!(error instanceof ProviderError) || error.code !== 'Unavailable') return;
  if (currentAttemptScheduledTimestampMs - scheduledTimestampMs < LASTING_REFUSAL_MS) return;
  const lasting = {
    workerPoolId: subject.workerPoolId,
    launchConfigId: subject.launchConfigId,
    kind,
    title: error.title ?? 'The cloud keeps putting us off',
    description: error.message,
    extra: { code: error.cloudCode ?? error.code },
  };
  const isNew = await insertErrorOnce(database.db, lasting, scheduledTimestampMs, Date.now());
  if (isNew) logPoolError(log, lasting);
}
