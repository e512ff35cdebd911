import { createHash } from 'node:crypto';
import type { NewLaunchConfig } from '../../database/launch-config-changes.js';
import type { PoolSubmission } from '../../database/pools.js';
import { checkCapacities } from '../../domain/check-capacities.js';
import { launchConfigIdOf } from './launch-config-id.js';
import type { Caller } from '../auth/client.js';
import type { ApiContext } from '../http/context.js';
import { ApiError, inputError } from '../http/errors.js';

/** A pool as its owner sends it. */
export interface PoolDefinition {
  readonly providerId: string;
  readonly description: string;
  readonly config: unknown;
  readonly owner: string;
  readonly emailOnError: boolean;
}

export interface CheckedSubmission extends PoolSubmission {
  /** What its owner should hear of a definition that works otherwise than it reads. */
  readonly remarks: readonly string[];
}

/** One mistake in each of a thousand launch configs is one mistake. */
const MAX_REASON_LENGTH = 4000;

export const shortened = (text: string): string =>
  text.length > MAX_REASON_LENGTH ? `${text.slice(0, MAX_REASON_LENGTH).toWellFormed()}…` : text;

/**
 * Checks a definition in Taskcluster's order (docs/taskcluster-compatibility.md#pool-changes) and makes it what the
 * database takes: provider known, config as its provider wants it. Throws ApiError.
 */
export function checkSubmission(
  { providers, now }: ApiContext,
  workerPoolId: string,
  { providerId, config, description, owner, emailOnError }: PoolDefinition,
  caller: Caller,
): CheckedSubmission {
  const provider = providers.get(providerId);
  if (!provider) {
    const known = providers.list().map((one) => one.providerId);
    throw inputError(`There is no provider ${providerId}; there are: ${known.join(', ') || 'none'}.`);
  }
  const checked = provider.validatePool(config, { workerPoolId, owner });
  if (!checked.ok)
    throw new ApiError('InputValidationError', `The config does not fit the provider: ${checked.reason}`);
  const launchConfigs = checked.launchConfigs.map((configuration) => ({
    launchConfigId: launchConfigIdOf(workerPoolId, configuration, md5),
    configuration,
  }));
  assertDistinct(workerPoolId, launchConfigs);
  const { refusal, remarks } = checkCapacities(checked.config, launchConfigs);
  if (refusal !== null) throw new ApiError('InputValidationError', `The config can never work: ${shortened(refusal)}`);
  return {
    remarks,
    pool: { workerPoolId, providerId, description, owner, emailOnError, config: checked.config },
    launchConfigs,
    clientId: nameOf(caller),
    nowMs: now(),
  };
}

/** Two launch configs of one id could not both be given back: one would be lost without a word. */
function assertDistinct(workerPoolId: string, launchConfigs: readonly NewLaunchConfig[]): void {
  const byId = new Map<string, NewLaunchConfig>();
  launchConfigs.forEach((launchConfig, index) => {
    const { launchConfigId } = launchConfig;
    const before = byId.get(launchConfigId);
    byId.set(launchConfigId, launchConfig);
    if (before === undefined) return;
    const isSameMachine = machineOf(workerPoolId, before) === machineOf(workerPoolId, launchConfig);
    throw new ApiError(
      isSameMachine ? 'InputValidationError' : 'RequestConflict',
      `config.launchConfigs[${index}] has the id of one before it, ${launchConfigId}.`,
    );
  });
}

/** The same for launch configs that differ in `workerManager` only. */
const machineOf = (
  workerPoolId: string,
  { configuration: { workerManager: _, ...machine } }: NewLaunchConfig,
): string => launchConfigIdOf(workerPoolId, machine, md5);

/** Whom the audit trail names. */
export const nameOf = (caller: Caller): string => caller.clientId ?? 'anonymous';

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
