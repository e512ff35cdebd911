import { TypedSearchAttributes, type SearchAttributePair, WorkflowIdReusePolicy } from '@temporalio/common';
import { lifecycleId } from './ids.js';
import type { LifecycleInput } from './messages.js';
import { searchAttributes } from './search-attributes.js';

/**
 * The one builder of a lifecycle's start. A child of a reconciliation, a start by an activity and a start by the API
 * are then the same: same id, same search attributes, same memo, and never a second run for a worker that has had one.
 * Safe in workflow code.
 *
 * Only a static worker may be announced again after it has stopped, by its owner: then it begins a new life under its
 * id.
 *
 * An input that was built from a row (`replaces`), which was not stopped a moment ago, takes the place of a lifecycle
 * that was terminated or failed before its end. One that has ended is replaced by nobody but the sweep, where an older
 * database says that its worker is alive (start-lifecycle.ts).
 */
export function lifecycleStart(input: LifecycleInput, startedBy: string) {
  const attributes: SearchAttributePair[] = [
    { key: searchAttributes.workerPoolId, value: input.workerPoolId },
    { key: searchAttributes.providerId, value: input.providerId },
    { key: searchAttributes.workerState, value: input.resumeFrom?.state ?? (input.static ? 'running' : 'requested') },
  ];
  if (input.launchConfigId) attributes.push({ key: searchAttributes.launchConfigId, value: input.launchConfigId });
  return {
    workflowId: lifecycleId(input),
    args: [input] as [LifecycleInput],
    workflowIdReusePolicy: reusePolicy(input),
    typedSearchAttributes: new TypedSearchAttributes(attributes),
    memo: { startedBy, launch: input.launchToken ?? '' },
    staticSummary: `${input.workerId} of ${input.workerPoolId} on ${input.providerId}`,
  };
}

function reusePolicy(input: LifecycleInput): WorkflowIdReusePolicy {
  if (input.replaces) return WorkflowIdReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY;
  return input.static ? WorkflowIdReusePolicy.ALLOW_DUPLICATE : WorkflowIdReusePolicy.REJECT_DUPLICATE;
}
