import type { LaunchSpec, ProviderContext } from '../../provider.js';
import { DEPLOYMENT_TAG, LAUNCH_TAG } from '../../shared/tags.js';
import { isNameOf } from './names.js';

export const WORKER_TAG = 'worker-id';
export const GROUP_TAG = 'worker-group';
export const POOL_TAG = 'worker-pool-id';
/**
 * On VMs: failures to provision that the pool ignores (`ignoreFailedProvisioningStates`), with blanks between; lists
 * have no rows at hand.
 */
export const IGNORED_FAILURES_TAG = 'worker-manager-ignored-failures';

/**
 * On what is created one by one: each name follows from the worker's id, so that a copy of all these tags under another
 * name is known for a copy (docs/decisions/0042-copies-of-all-tags.md). What a template creates may be called anything.
 */
export const NAMES_TAG = 'worker-manager-names';
const FOLLOW_WORKER_ID = 'follow-worker-id';

export type Tags = Readonly<Record<string, string>>;

/** Characters of a tag's value ("Use tags to organize your Azure resources"). */
export const MAX_TAG_LENGTH = 256;

/** Name and value of a tag that Azure would not take. */
export const tooLongTag = (tags: Tags): readonly [string, string] | undefined =>
  Object.entries(tags).find(([, value]) => value.length > MAX_TAG_LENGTH);

/**
 * The definition's tags with Taskcluster's (docs/taskcluster-compatibility.md#azure-tags) and our own over them.
 * Azure's tag names have no case, so a definition cannot bring a second `Owner`. `withWorker` adds what tells the
 * machines of a launch apart.
 */
export function launchTags(spec: LaunchSpec, workerGroup: string, context: ProviderContext): Tags {
  const settings = spec.configuration.workerManager;
  const ignored = (settings?.ignoreFailedProvisioningStates ??
    spec.configuration.ignoreFailedProvisioningStates ??
    []) as readonly string[];
  const ours: Record<string, string> = {
    'created-by': `taskcluster-wm-${context.providerId}`,
    'managed-by': 'taskcluster',
    'provider-id': context.providerId,
    'root-url': context.rootUrl,
    owner: spec.owner,
    'launch-config-id': spec.launchConfigId,
    [GROUP_TAG]: workerGroup,
    [POOL_TAG]: spec.workerPoolId,
    [DEPLOYMENT_TAG]: context.deploymentId,
    [LAUNCH_TAG]: spec.token,
    ...(ignored.length > 0 && { [IGNORED_FAILURES_TAG]: ignored.join(' ') }),
  };
  const taken = new Set([...Object.keys(ours), WORKER_TAG, NAMES_TAG]);
  const theirs = Object.entries((spec.configuration.tags ?? {}) as Record<string, unknown>)
    .filter(([name]) => !taken.has(name.toLowerCase()))
    .map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)] as const);
  return { ...Object.fromEntries(theirs), ...ours };
}

export const withWorker = (tags: Tags, workerId: string): Tags => ({ ...tags, [WORKER_TAG]: workerId });

/** Names of all that is created with these tags follow from the worker's id. */
export const withOwnNames = (tags: Tags): Tags => ({ ...tags, [NAMES_TAG]: FOLLOW_WORKER_ID });

/**
 * Whether tags say that a resource is not this worker's: another deployment's tag, another worker's id, or that it
 * would be called otherwise. That holds against its name and whatever is tracked (ARCHITECTURE.md#only-ours). One
 * without tags is not another's.
 */
export function belongsToAnother(
  { name, tags }: { readonly name?: string; readonly tags?: Tags },
  deploymentId: string,
  workerId: string,
): boolean {
  const { [DEPLOYMENT_TAG]: deployment = deploymentId, [WORKER_TAG]: worker = workerId } = tags ?? {};
  if (deployment !== deploymentId || worker !== workerId) return true;
  // guard(a-copy-of-all-tags-is-not-ours): false
  return tags?.[NAMES_TAG] === FOLLOW_WORKER_ID && !isNameOf(name ?? '', workerId);
}

/** The tags of a resource that bears this deployment's tag; null when it does not. */
export function ownTags(tags: Tags | undefined, deploymentId: string): Tags | null {
  return tags?.[DEPLOYMENT_TAG] === deploymentId ? tags : null;
}
