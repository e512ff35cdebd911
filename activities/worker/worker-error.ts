import type { WorkerKey } from '../../domain/ids.js';
import type { WorkerFailure } from '../../temporal/messages.js';

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
