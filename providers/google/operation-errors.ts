import type { ProviderErrorCode } from '../errors.js';
import type { ProviderErrorReason } from '../provider.js';

/**
 * What the codes of a failed operation mean. The operation is DONE: whatever it says, it creates nothing more.
 * Sources: Compute Engine, "Troubleshooting resource availability" and `Operation.error` of its API.
 */

export interface OperationError {
  readonly code?: string | null;
  readonly message?: string | null;
  readonly errorDetails?:
    | readonly {
        readonly quotaInfo?: { readonly metricName?: string | null; readonly limit?: number | null } | null;
      }[]
    | null;
}

const codes: ReadonlyMap<string, ProviderErrorCode> = new Map([
  ['IP_SPACE_EXHAUSTED', 'InsufficientCapacity'],
  ['IP_SPACE_EXHAUSTED_WITH_DETAILS', 'InsufficientCapacity'],
  ['RESERVATION_CAPACITY_EXCEEDED', 'InsufficientCapacity'],
  // Preempted while it was created.
  ['UNSUPPORTED_OPERATION', 'InsufficientCapacity'],
  ['QUOTA_EXCEEDED', 'QuotaExceeded'],
  ['PERMISSIONS_ERROR', 'PermissionDenied'],
  ['VM_EXTERNAL_IP_ACCESS_POLICY_CONSTRAINT', 'PermissionDenied'],
  ['CONDITION_NOT_MET', 'PermissionDenied'],
  ['INVALID_FIELD_VALUE', 'InvalidRequest'],
  ['INVALID_USAGE', 'InvalidRequest'],
  ['RESOURCE_NOT_FOUND', 'InvalidRequest'],
  ['INVALID_RESERVATION', 'InvalidRequest'],
  ['RESERVATION_NOT_FOUND', 'InvalidRequest'],
  // Many machines of one image: no lack of anything.
  ['RESOURCE_OPERATION_RATE_EXCEEDED', 'Throttled'],
] satisfies [string, ProviderErrorCode][]);

/** A bulk operation's own summary: the codes beside it, and those of its children, say why. */
const SUMMARY = 'VM_MIN_COUNT_NOT_REACHED';
/** Machines of an earlier attempt: no error. */
export const isNameTaken = ({ code }: OperationError): boolean => code === 'RESOURCE_ALREADY_EXISTS';

/** Undefined for any other code: nothing is known but that nothing was created. */
function codeOfOperation(cloudCode: string): ProviderErrorCode | undefined {
  if (/^(ZONE_|REGION_)?RESOURCE_POOL_EXHAUSTED/.test(cloudCode)) return 'InsufficientCapacity';
  return codes.get(cloudCode);
}

/** One reason for each code, without the summary where another says why. */
export function reasonsOf(errors: readonly OperationError[]): ProviderErrorReason[] {
  const byCode = new Map<string, ProviderErrorReason>();
  for (const error of errors) {
    const cloudCode = error.code || 'UNKNOWN';
    if (isNameTaken(error) || byCode.has(cloudCode)) continue;
    const code = codeOfOperation(cloudCode);
    byCode.set(cloudCode, { cloudCode, message: messageOf(cloudCode, error), ...(code && { code }) });
  }
  if (byCode.size > 1) byCode.delete(SUMMARY);
  return [...byCode.values()];
}

function messageOf(cloudCode: string, { message, errorDetails }: OperationError): string {
  const quota = (errorDetails ?? []).find(({ quotaInfo }) => quotaInfo?.metricName)?.quotaInfo;
  const limit = quota ? ` (${quota.metricName}, limit ${quota.limit ?? 'unknown'})` : '';
  return `${cloudCode}: ${message || 'no further words'}${limit}`.slice(0, 1_000);
}
