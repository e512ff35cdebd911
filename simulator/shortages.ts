/** With which code each cloud says that a place has no room for a machine. */
export const shortageCodes = {
  ec2: 'InsufficientInstanceCapacity',
  azure: 'AllocationFailed',
  google: 'ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS',
} as const;
