import { googleLaunchConfig } from '../../dev/testing/google-pool.js';
import type { LaunchSpec } from '../../providers/provider.js';

/** A launch config of the shape that all real ones have, ordered. */
export const googleSpec = (changes: Partial<LaunchSpec> = {}): LaunchSpec => ({
  token: 'token.1',
  workerPoolId: 'proj/pool',
  owner: 'me@example.com',
  launchConfigId: 'lc-1',
  count: 7,
  configuration: { ...googleLaunchConfig('us-central1-a'), workerConfig: { genericWorker: { config: {} } } },
  ...changes,
});
