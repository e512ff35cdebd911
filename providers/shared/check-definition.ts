import type { LaunchConfiguration } from '../../domain/worker-pool.js';
import type { LaunchSpec, PoolOwner } from '../provider.js';
import type { PoolValidation } from './pool-schema.js';

/**
 * Refuses a definition that its schema takes for the first of its launch configs that has a problem. `problemOf` says
 * it in words that begin with its place in the launch config; null: none.
 */
export function refuseProblems(
  validation: PoolValidation,
  problemOf: (configuration: LaunchConfiguration) => string | null | undefined,
): PoolValidation {
  if (!validation.ok) return validation;
  for (const [index, configuration] of validation.launchConfigs.entries()) {
    const problem = problemOf(configuration);
    if (problem) return { ok: false, reason: `config.launchConfigs[${index}].${problem}` };
  }
  return validation;
}

/** What leads to the largest request of a launch config: ids that the API computes have this length. */
export const largestSpec = (configuration: LaunchConfiguration, pool: PoolOwner): LaunchSpec => ({
  ...pool,
  token: '0'.repeat(64),
  launchConfigId: configuration.workerManager?.launchConfigId ?? `lc-${'0'.repeat(20)}`,
  configuration,
  count: 1,
});
