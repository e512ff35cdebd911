import type { Logger } from 'pino';
import { type FailureClass, failureClassOf, nextBackoff, worstOf } from '../../domain/backoff.js';
import type { WorkerKey } from '../../domain/ids.js';
import { errorIdOf, type NewWorkerPoolError } from '../../database/errors.js';
import type { Backoff } from '../../database/launch-failures.js';
import { logEvent } from '../../observability/log-events.js';
import type { ProviderError } from '../../providers/errors.js';
import type { ProviderErrorReason } from '../../providers/provider.js';
import type { WorkerFailure } from '../../temporal/messages.js';

/** Lines have a bounded length; the whole text is in the database. */
const MAX_DESCRIPTION_LENGTH = 500;

/** For errors that we made ourselves of what a cloud said. */
export function logPoolError(log: Logger, error: NewWorkerPoolError): void {
  const { workerPoolId, launchConfigId, kind, title, extra } = error;
  const { workerGroup = null, workerId = null } = extra;
  const description = error.description.slice(0, MAX_DESCRIPTION_LENGTH);
  logEvent(log, 'worker-error', {
    workerPoolId,
    errorId: errorIdOf(error),
    launchConfigId,
    workerGroup,
    workerId,
    kind,
    title,
    description,
  });
}

/**
 * The worker-pool error of a launch that failed; always with its launch config, so that it counts against the right
 * one.
 */
export const creationError = (launch: {
  workerPoolId: string;
  launchConfigId: string;
  reason: ProviderErrorReason;
}) => ({
  workerPoolId: launch.workerPoolId,
  launchConfigId: launch.launchConfigId,
  kind: 'creation-error',
  title: launch.reason.title ?? 'Instance Creation Error',
  description: launch.reason.message,
  extra: { code: launch.reason.cloudCode ?? launch.reason.code ?? 'Unavailable' },
});

/** A submit's error as the reason of a launch. */
export const reasonOf = ({ code, message, cloudCode, title }: ProviderError): ProviderErrorReason => ({
  ...{ code, message, cloudCode },
  ...(title !== null && { title }),
});

/** Of several reasons the one that lasts longest. */
export const worstFailureClass = (reasons: readonly ProviderErrorReason[]): FailureClass =>
  worstOf(reasons.map(({ code }) => failureClassOf(code)));

/** A failure of one worker, as an error of its pool. */
export const workerError = (
  { workerPoolId, workerGroup, workerId }: WorkerKey,
  launchConfigId: string | null,
  { kind, title, description, code }: WorkerFailure,
) => ({
  workerPoolId,
  launchConfigId,
  kind,
  title,
  description,
  extra: { workerGroup, workerId, ...(code && { code }) },
});

/** How long a launch config backs off after a failure of this class. */
export const backoffAfter = (failureClass: FailureClass, nowMs: number): Backoff => ({
  failureClass,
  durationMs: (failures) => nextBackoff({ failureClass, failures }),
  nowMs,
});
