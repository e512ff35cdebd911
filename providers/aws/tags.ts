import type { Tag, TagSpecification } from '@aws-sdk/client-ec2';
import { DEPLOYMENT_TAG, LAUNCH_TAG } from '../shared/tags.js';

export const POOL_TAG = 'WorkerPoolId';

/** What a launch creates and we therefore tag. */
const taggedTypes = ['instance', 'volume'] as const;

/**
 * The definition's tags with ours added to instances and volumes. EC2 refuses a key that comes twice, and nobody else
 * may set our tags, so ours replace the definition's.
 */
export function withOurTags(
  specifications: readonly TagSpecification[],
  ours: Record<string, string>,
): TagSpecification[] {
  const isTagged = (type: string | undefined) => taggedTypes.some((own) => own === type);
  return [
    ...specifications.filter(({ ResourceType }) => !isTagged(ResourceType)),
    ...taggedTypes.map((ResourceType) => ({
      ResourceType,
      Tags: [
        ...specifications
          .filter((specification) => specification.ResourceType === ResourceType)
          .flatMap(({ Tags }) => Tags ?? [])
          .filter(({ Key }) => Key === undefined || !Object.hasOwn(ours, Key)),
        ...Object.entries(ours).map(([Key, Value]) => ({ Key, Value })),
      ],
    })),
  ];
}

/** The launch and the pool that created a resource, when it bears this deployment's tag; nulls when it does not. */
export function readTags(
  tags: readonly Tag[] | undefined,
  deploymentId: string,
): { launchToken: string | null; workerPoolId: string | null } {
  const value = (key: string) => tags?.find(({ Key }) => Key === key)?.Value ?? null;
  if (value(DEPLOYMENT_TAG) !== deploymentId) return { launchToken: null, workerPoolId: null };
  return { launchToken: value(LAUNCH_TAG), workerPoolId: value(POOL_TAG) };
}
