import { DescribeVolumesCommand, type Volume } from '@aws-sdk/client-ec2';
import type { Machines, ProviderContext, TaggedResource } from '../provider.js';
import { mergePages } from '../shared/merge-pages.js';
import type { Ec2Calls } from './calls.js';
import { describe, emptyAnswer, regionsOf, tagFilter } from './describe.js';
import { taggedInstances, taggedVolume } from './instances.js';
import { accountRegions } from './regions.js';
import { DEPLOYMENT_TAG } from '../shared/tags.js';

/** DescribeVolumes gives at most this many in a page. */
const VOLUMES_PAGE_SIZE = 500;

/**
 * Machines, and volumes that no machine holds: in every region of the configuration (or the account), and of launches.
 */
export const inventoryOf = (
  calls: Ec2Calls,
  configured: readonly string[] | null,
  { deploymentId }: ProviderContext,
): Machines['inventory'] =>
  async function* (locations) {
    const regions = new Set([...(configured ?? (await accountRegions(calls))), ...regionsOf(locations)]);
    yield* mergePages(
      [...regions].flatMap((region) => [instances(calls, region, deploymentId), volumes(calls, region, deploymentId)]),
    );
  };

async function* instances(calls: Ec2Calls, region: string, deploymentId: string): AsyncGenerator<TaggedResource[]> {
  for await (const reservations of describe(calls, region, tagFilter({ [DEPLOYMENT_TAG]: deploymentId }))) {
    yield reservations.flatMap((reservation) => taggedInstances(reservation, region, deploymentId));
  }
}

async function* volumes(calls: Ec2Calls, region: string, deploymentId: string): AsyncGenerator<TaggedResource[]> {
  const { Filters = [] } = tagFilter({ [DEPLOYMENT_TAG]: deploymentId });
  const input = { Filters: [...Filters, { Name: 'status', Values: ['available', 'error'] }] };
  let token: string | undefined;
  do {
    const command = new DescribeVolumesCommand({ ...input, MaxResults: VOLUMES_PAGE_SIZE, NextToken: token });
    const page = await calls.call(region, 'read', 'DescribeVolumes', (client) => client.send(command));
    if (!page.Volumes) throw emptyAnswer('DescribeVolumes');
    yield page.Volumes.filter(isIdentified).map((volume) => taggedVolume(volume, region, deploymentId));
    token = page.NextToken || undefined;
  } while (token);
}

const isIdentified = (volume: Volume): volume is Volume & { VolumeId: string } => !!volume.VolumeId;
