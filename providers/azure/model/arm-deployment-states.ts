import type { DeploymentOperation } from '@azure/arm-resourcesdeployments';
import type { MachineState } from '../../../domain/machine.js';
import type { ProviderErrorReason } from '../../provider.js';
import { innermostOf } from '../arm/errors.js';
import { isWord } from './words.js';

/** Its name as a step of a machine's life. */
export const DEPLOYMENT_STEP = 'deployment';

/**
 * The state of a deployment in ours; null where it says nothing of its resources, because its record is being deleted.
 * A state that Azure invents later is one to wait in.
 */
export function deploymentState(provisioningState: string | undefined): MachineState | null {
  switch (provisioningState?.toLowerCase()) {
    case 'succeeded':
      return 'running';
    case 'failed':
    case 'canceled':
      return 'failed';
    case 'deleting':
    case 'deleted':
      return null;
    default:
      return 'pending';
  }
}

/** Whether it can still create something: it can neither be replaced nor deleted. */
export const isActive = (provisioningState: string | undefined): boolean =>
  deploymentState(provisioningState) === 'pending';

/**
 * What went wrong, as the operations of a deployment tell it: their innermost messages joined, the most telling first,
 * whose code it is. Equal messages are said once.
 */
export function reasonOf(operations: readonly DeploymentOperation[]): ProviderErrorReason {
  const details = operations.flatMap(({ properties }) => {
    const error = isWord(properties?.provisioningState, 'Failed') ? properties?.statusMessage?.error : undefined;
    const inner = error && innermostOf(error);
    if (!inner) return [];
    const what = properties?.targetResource?.resourceName;
    const message = what === undefined ? inner.message : `${what}: ${inner.message}`;
    return [{ code: inner.code, message }];
  });
  const first = innermostOf({ details });
  if (first === null) return { message: 'no operation of it says why', cloudCode: null };
  return { message: first.message, cloudCode: first.code };
}

/** Ids of the resources that the operations are about, those they failed to create included: a failed VM is there. */
export const targetsOf = (operations: readonly DeploymentOperation[]): string[] =>
  operations.flatMap(({ properties }) => {
    const created = properties?.provisioningOperation;
    return created === undefined || isWord(created, 'Create') ? (properties?.targetResource?.id ?? []) : [];
  });
