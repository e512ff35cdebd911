import { Refusal } from '../errors.js';
import type { Cloud } from './cloud.js';
import { describeInstances } from './describe-instances.js';
import { describeNetworkInterfaces } from './describe-network-interfaces.js';
import { describeRegions } from './describe-regions.js';
import { describeSpotRequests } from './describe-spot-requests.js';
import { describeVolumes } from './describe-volumes.js';
import type { Parameters } from './parameters.js';
import type { Performed } from './performed.js';
import { runInstances } from './run-instances.js';
import { terminateInstances } from './terminate-instances.js';

/** Performs an action at once and completely, or throws a Refusal and has done nothing. */
export function perform(
  action: string,
  cloud: Cloud,
  region: string,
  regions: readonly string[],
  parameters: Parameters,
): Performed {
  const nowMs = Date.now();
  switch (action) {
    case 'RunInstances':
      return runInstances(cloud, region, parameters, nowMs);
    case 'DescribeInstances':
      return describeInstances(cloud, region, parameters, nowMs);
    case 'DescribeVolumes':
      return describeVolumes(cloud, region, parameters, nowMs);
    case 'DescribeNetworkInterfaces':
      return describeNetworkInterfaces(cloud, region, parameters, nowMs);
    case 'DescribeSpotInstanceRequests':
      return describeSpotRequests(cloud, region, parameters, nowMs);
    case 'TerminateInstances':
      return terminateInstances(cloud, region, parameters, nowMs);
    case 'DescribeRegions':
      return describeRegions(regions, parameters);
    default:
      throw new Refusal('InvalidAction', `The action ${action} is not valid for this web service.`);
  }
}
