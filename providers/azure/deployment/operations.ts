import type { DeploymentOperation } from '@azure/arm-resourcesdeployments';
import type { MachineState } from '../../../domain/machine.js';
import type { ProviderErrorReason } from '../../provider.js';

/**
 * The state of a deployment in ours; null where it says nothing of what it makes, because its record is being taken away.
 * A state that Azure invents later is one to wait in.
 */
export function deploymentState(provisioningState: string | undefined): MachineState | null {
  switch (provisioningState) {
    case 'Succeeded':
      return 'running';
    case 'Failed':
    case 'Canceled':
      return 'failed';
    case 'Deleting':
    case 'Deleted':
      return null;
    default:
      return 'pending';
  }
}

/** Whether it can still make something: it can neither be replaced nor deleted. */
export const isActive = (provisioningState: string | undefined): boolean =>
  deploymentState(provisioningState) === 'pending';

/**
 * What went wrong, as the operations of a deployment tell it: their messages joined, and the code of the first. Equal
 * messages are said once.
 */
export function reasonOf(operations: readonly DeploymentOperation[]): ProviderErrorReason {
  const failures = operations.flatMap(({ properties }) => {
    const error = properties?.provisioningState === 'Failed' ? properties.statusMessage?.error : undefined;
    if (!error) return [];
    const { code = null, message = 'no message' } = innermost(error);
    const what = properties?.targetResource?.resourceName;
    return [{ code, text: what === undefined ? message : `${what}: ${message}` }];
  });
  const message = [...new Set(failures.map(({ text }) => text))].join('; ');
  return { message: message || 'no operation of it says why', cloudCode: failures[0]?.code ?? null };
}

interface ArmError {
  readonly code?: string;
  readonly message?: string;
  readonly details?: readonly ArmError[];
}

/** `ResourceDeploymentFailure` and the like only wrap the resource's own error. */
function innermost(error: ArmError): ArmError {
  const [inner] = error.details ?? [];
  return inner && /^(ResourceDeploymentFailure|DeploymentFailed|Conflict|BadRequest)$/.test(error.code ?? '')
    ? innermost(inner)
    : error;
}

/** Ids of the resources that the operations are about, those they failed to make included: a failed VM is there. */
export const targetsOf = (operations: readonly DeploymentOperation[]): string[] =>
  operations.flatMap(({ properties }) => {
    const made = properties?.provisioningOperation;
    return made === undefined || made === 'Create' ? (properties?.targetResource?.id ?? []) : [];
  });
