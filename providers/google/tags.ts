import { DEPLOYMENT_TAG, LAUNCH_TAG } from '../shared/tags.js';
import { labelValue, launchLabel } from './names.js';

/**
 * What marks an instance and its disks as ours. Labels are for filters and for people, and hold neither a launch's
 * token nor a pool's id as they are; those are in the instance's description, which is believed where it fits the
 * labels.
 */

const POOL_LABEL = 'worker-pool-id';

export interface LaunchTags {
  readonly token: string;
  readonly workerPoolId: string;
  readonly owner: string;
  readonly launchConfigId: string;
  readonly providerId: string;
  readonly deploymentId: string;
}

/** The first five as the original has them (docs/taskcluster-compatibility.md#google). */
export const ownLabels = (tags: LaunchTags): Record<string, string> => ({
  'created-by': labelValue(`taskcluster-wm-${tags.providerId}`),
  'managed-by': 'taskcluster',
  [POOL_LABEL]: labelValue(tags.workerPoolId),
  owner: labelValue(tags.owner),
  'launch-config-id': labelValue(tags.launchConfigId),
  [DEPLOYMENT_TAG]: labelValue(tags.deploymentId),
  [LAUNCH_TAG]: launchLabel(tags.token),
});

/** The definition's own description follows ours. */
export const ownDescription = ({ token, workerPoolId }: LaunchTags, given?: string): string =>
  `launch ${token} of worker pool ${workerPoolId}${given ? `\n${given}` : ''}`;

interface Tagged {
  readonly labels?: Readonly<Record<string, string>> | null;
  readonly description?: string | null;
}

export const isOfDeployment = ({ labels }: Pick<Tagged, 'labels'>, deploymentId: string): boolean =>
  labels?.[DEPLOYMENT_TAG] === labelValue(deploymentId);

/**
 * The launch and the pool of an instance that bears this deployment's label; nulls where it does not, or they do not
 * fit.
 */
export function readTags(
  { labels, description }: Tagged,
  deploymentId: string,
): { launchToken: string | null; workerPoolId: string | null } {
  const none = { launchToken: null, workerPoolId: null };
  if (!labels || !isOfDeployment({ labels }, deploymentId)) return none;
  const [, launchToken, workerPoolId] = /^launch (\S+) of worker pool (\S+)(?:\n|$)/.exec(description ?? '') ?? [];
  if (launchToken === undefined || workerPoolId === undefined) return none;
  const fits = labels[LAUNCH_TAG] === launchLabel(launchToken) && labels[POOL_LABEL] === labelValue(workerPoolId);
  return fits ? { launchToken, workerPoolId } : none;
}

export const ofDeployment = (deploymentId: string): string => `labels.${DEPLOYMENT_TAG}=${labelValue(deploymentId)}`;
export const ofLaunch = (token: string): string => `labels.${LAUNCH_TAG}=${launchLabel(token)}`;
