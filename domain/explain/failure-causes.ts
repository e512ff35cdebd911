import type { FailureClass } from '../backoff.js';
import type { PoolCause } from './explanation.js';

/** What a launch config's failure is to a pool that finds no other one. */
export const failureCauses: Readonly<Record<FailureClass, PoolCause>> = {
  capacity: 'backed-off-no-capacity',
  other: 'backed-off-no-capacity',
  quota: 'quota',
  permission: 'bad-definition-or-permission',
  invalid: 'bad-definition-or-permission',
};
