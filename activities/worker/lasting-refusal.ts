import { Context } from '@temporalio/activity';
import type { WorkerKey } from '../../domain/ids.js';
import { isObject } from '../../domain/values.js';
import { ProviderError } from '../../providers/errors.js';
import { insertErrorOnce } from '../../database/errors.js';
import type { ActivityDeps } from '../support/deps.js';
import { engineNow } from '../support/engine-clock.js';
import { logPoolError } from '../support/pool-errors.js';

/** Other operations on a resource exclude ours for seconds; what lasts this long, an owner must know of. */
export const LASTING_REFUSAL_MS = 2 * 60_000;

/**
 * What an attempt leaves to those after it, as heartbeat details: the first of the attempts in a row that were all put
 * off.
 */
export interface PutOff {
  readonly putOffSince: number;
}

/**
 * An answer that is to be repeated fails no worker, so nobody would hear of one that never changes. When attempts in a
 * row have met it for minutes, the worker's pool hears of it: once for the same words, of however many workers.
 * Throttling is not reported, for its calls wait their turn; after it the next answer is the first in a row.
 */
export async function reportLastingRefusal(
  { database, log }: Pick<ActivityDeps, 'database' | 'log'>,
  subject: Pick<WorkerKey, 'workerPoolId'> & { readonly launchConfigId: string | null },
  kind: 'creation-error' | 'termination-error',
  error: unknown,
): Promise<void> {
  const context = Context.current();
  const { scheduledTimestampMs, currentAttemptScheduledTimestampMs } = context.info;
  if (!(error instanceof ProviderError) || !isPutOff(error)) return context.heartbeat(null);
  const since = putOffSince(context.info.heartbeatDetails) ?? currentAttemptScheduledTimestampMs;
  context.heartbeat({ putOffSince: since } satisfies PutOff);
  // guard(one-lost-answer-is-not-lasting): drop
  if (currentAttemptScheduledTimestampMs - since < LASTING_REFUSAL_MS) return;
  const lasting = {
    workerPoolId: subject.workerPoolId,
    launchConfigId: subject.launchConfigId,
    kind,
    title: error.title ?? 'The cloud keeps putting us off',
    description: error.message,
    extra: { code: error.cloudCode ?? error.code },
  };
  const isNew = await insertErrorOnce(database.db, lasting, scheduledTimestampMs, engineNow());
  if (isNew) logPoolError(log, lasting);
}

/** No answer, or none to an attempt to send: the cloud may be well, and only our credentials for it not to be had. */
const isPutOff = ({ code }: ProviderError): boolean => code === 'Unavailable' || code === 'GivenUp';

const putOffSince = (details: unknown): number | null =>
  isObject(details) && typeof details.putOffSince === 'number' ? details.putOffSince : null;
