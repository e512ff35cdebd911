import type { Logger } from 'pino';
import { logEvent } from '../../observability/log-events.js';
import type { NewWorkerPoolError } from '../../database/errors.js';

/** Lines have a bounded length; the whole text is in the records. */
const LONGEST_DESCRIPTION = 500;

/** For errors that we made ourselves of what a cloud said. */
export function logPoolError(log: Logger, error: NewWorkerPoolError): void {
  const { workerPoolId, launchConfigId, kind, title, extra } = error;
  const { workerGroup = null, workerId = null } = extra;
  const description = error.description.slice(0, LONGEST_DESCRIPTION);
  logEvent(log, 'worker-pool-error', {
    workerPoolId,
    launchConfigId,
    workerGroup,
    workerId,
    kind,
    title,
    description,
  });
}
