import type { RunInstancesCommandInput } from '@aws-sdk/client-ec2';
import type { LaunchConfiguration } from '../../domain/worker-pool.js';
import { ProviderError } from '../errors.js';
import type { PoolOwner, ProviderContext } from '../provider.js';
import { largestSpec, refuseProblems } from '../shared/check-definition.js';
import type { PoolValidation } from '../shared/pool-schema.js';
import type { IdentityKeys } from './certificates.js';
import { prepareLaunch } from './launch-request.js';

/** EC2's limit for the tags of one resource, ours included (EC2 user guide, "Tag restrictions"). */
const MAX_TAGS = 50;
const MAX_TAG_KEY_LENGTH = 128;
const MAX_TAG_VALUE_LENGTH = 256;

/** What a launch config is held against beside its schema. */
export interface DefinitionContext {
  readonly context: ProviderContext;
  /** Regions that pools may use; null: every region. */
  readonly regions: readonly string[] | null;
  readonly keys: IdentityKeys;
}

/**
 * What EC2 would refuse at every launch, and what would outlive its machine, is refused when it is defined. With `pool`
 * the requests are rendered too, so that all that ends up in one is checked.
 */
export function checkDefinition(
  validation: PoolValidation,
  pool: PoolOwner | undefined,
  options: DefinitionContext,
): PoolValidation {
  return refuseProblems(
    validation,
    (configuration) =>
      regionProblem(configuration.region as string, options) ??
      launchProblem(configuration) ??
      (pool && requestProblem(configuration, pool, options.context)),
  );
}

/** A machine of a region whose documents nobody can verify would never register. */
function regionProblem(region: string, { regions, keys }: DefinitionContext): string | null {
  if (regions && !regions.includes(region)) return `region must be one of ${regions.join(', ')}`;
  if (keys.has(region)) return null;
  return `region: no identity certificate of ${region} is known; identityCertificates of the provider must name one`;
}

function launchProblem({ region, launchConfig }: LaunchConfiguration): string | null {
  const launch = launchConfig as Partial<RunInstancesCommandInput>;
  const zone = launch.Placement?.AvailabilityZone;
  if (zone !== undefined && !zone.startsWith(region as string)) {
    return `launchConfig.Placement.AvailabilityZone must be of ${String(region)}`;
  }
  const beside = ['SubnetId', 'SecurityGroupIds', 'SecurityGroups', 'PrivateIpAddress'].find((name) => name in launch);
  if (launch.NetworkInterfaces && beside) {
    return `launchConfig.${beside} must not be given beside NetworkInterfaces; it belongs into them`;
  }
  if (launch.SecurityGroupIds && launch.SecurityGroups) {
    return 'launchConfig.SecurityGroups must not be given beside SecurityGroupIds';
  }
  return null;
}

/** What is wrong with the largest request that the launch config can lead to. */
function requestProblem(configuration: LaunchConfiguration, pool: PoolOwner, context: ProviderContext): string | null {
  try {
    const request = prepareLaunch(largestSpec(configuration, pool), context).request as RunInstancesCommandInput;
    return tagProblem(request.TagSpecifications ?? []);
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return `launchConfig: ${error.message}`;
  }
}

function tagProblem(specifications: NonNullable<RunInstancesCommandInput['TagSpecifications']>): string | null {
  const where = 'launchConfig.TagSpecifications';
  for (const { ResourceType, Tags = [] } of specifications) {
    const keys = Tags.map(({ Key = '' }) => Key);
    const duplicate = keys.find((key, index) => keys.indexOf(key) !== index);
    if (duplicate !== undefined) return `${where} has the key ${duplicate} of ${ResourceType} twice`;
    if (Tags.length > MAX_TAGS)
      return `${where}: EC2 takes ${MAX_TAGS} tags of ${ResourceType}, with ours there are ${Tags.length}`;
    for (const { Key = '', Value = '' } of Tags) {
      if (/^aws:/i.test(Key)) return `${where} has the key ${Key}; keys that begin with aws: are Amazon’s`;
      if (Key.length === 0 || Key.length > MAX_TAG_KEY_LENGTH) {
        return `${where} has a key of ${Key.length} characters; EC2 takes 1 to ${MAX_TAG_KEY_LENGTH}`;
      }
      if (Value.length > MAX_TAG_VALUE_LENGTH) {
        return `${where}: the value of ${Key} has ${Value.length} characters; EC2 takes ${MAX_TAG_VALUE_LENGTH}`;
      }
    }
  }
  return null;
}
