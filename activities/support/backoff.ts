import { type FailureClass, nextBackoff } from '../../domain/backoff.js';
import type { Rest } from '../../database/launch-failures.js';

/** How long a launch config rests after a failure of this class. */
export const restAfter = (failureClass: FailureClass, nowMs: number): Rest => ({
  failureClass,
  backoff: (failures) => nextBackoff({ failureClass, failures }),
  nowMs,
});
