import type { ProviderError } from '../../providers/errors.js';

/** The worker-pool error of a launch that failed; always with its launch config, so that it counts against the right one. */
export const creationError = (launch: { workerPoolId: string; launchConfigId: string; error: ProviderError }) => ({
  workerPoolId: launch.workerPoolId,
  launchConfigId: launch.launchConfigId,
  kind: 'creation-error',
  title: launch.error.title ?? 'Instance Creation Error',
  description: launch.error.message,
  extra: { code: launch.error.cloudCode ?? launch.error.code },
});
