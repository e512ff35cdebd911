import type { RunInstancesCommandInput } from '@aws-sdk/client-ec2';
import { parseInstant } from '../../domain/instants.js';
import { ProviderError } from '../errors.js';
import type { PreparedLaunch, LaunchSpec, ProviderContext } from '../provider.js';
import { DEPLOYMENT_TAG, LAUNCH_TAG } from '../shared/tags.js';
import { POOL_TAG, withOurTags } from './tags.js';

/** EC2's limit, in bytes before base64 (EC2 user guide, "Run commands when you launch an instance"). */
const MAX_USER_DATA_BYTES = 16_384;

/**
 * The RunInstances request of an order (docs/taskcluster-compatibility.md#aws). It takes as many machines as there is
 * capacity for (MinCount 1), and our own token makes it idempotent.
 * Throws ProviderError(InvalidRequest) when the user data is too long.
 */
export function prepareLaunch(spec: LaunchSpec, context: ProviderContext): PreparedLaunch {
  const region = spec.configuration.region as string;
  const definition = spec.configuration.launchConfig as Partial<RunInstancesCommandInput>;
  const request: RunInstancesCommandInput = {
    ...withoutLeftovers(definition),
    ClientToken: spec.token,
    MinCount: 1,
    MaxCount: spec.count,
    UserData: userData(spec, region, context),
    TagSpecifications: withOurTags(definition.TagSpecifications ?? [], {
      CreatedBy: `taskcluster-wm-${context.providerId}`,
      Owner: spec.owner,
      ManagedBy: 'taskcluster',
      Name: spec.workerPoolId,
      [POOL_TAG]: spec.workerPoolId,
      [DEPLOYMENT_TAG]: context.deploymentId,
      [LAUNCH_TAG]: spec.token,
    }),
  };
  return { token: spec.token, count: spec.count, location: { account: null, region, group: null }, request };
}

/**
 * Volumes go with their machine, unless the definition says so already: EC2's default depends on how a volume came to
 * be.
 */
function withoutLeftovers(definition: Partial<RunInstancesCommandInput>): Partial<RunInstancesCommandInput> {
  const { BlockDeviceMappings: mappings } = definition;
  if (!mappings) return definition;
  return {
    ...definition,
    BlockDeviceMappings: mappings.map((mapping) =>
      mapping.Ebs ? { ...mapping, Ebs: { DeleteOnTermination: true, ...mapping.Ebs } } : mapping,
    ),
  };
}

/** What worker-runner reads on the machine, base64 JSON (docs/taskcluster-compatibility.md#worker-information). */
function userData(spec: LaunchSpec, region: string, context: ProviderContext): string {
  const bytes = Buffer.from(
    JSON.stringify({
      ...(spec.configuration.additionalUserData as object | undefined),
      rootUrl: context.rootUrl,
      workerPoolId: spec.workerPoolId,
      providerId: context.providerId,
      workerGroup: region,
      launchConfigId: spec.launchConfigId,
      workerConfig: spec.configuration.workerConfig ?? {},
    }),
  );
  if (bytes.length > MAX_USER_DATA_BYTES) {
    throw new ProviderError({
      code: 'InvalidRequest',
      title: 'User Data is too long',
      message: `The user data of launch config ${spec.launchConfigId} has ${bytes.length} bytes; EC2 takes ${MAX_USER_DATA_BYTES}.`,
    });
  }
  return bytes.toString('base64');
}

/** The prepared request as the SDK wants it: it leaves out a time that is text, and JSON knows no other. */
export function parseRequest(prepared: unknown): RunInstancesCommandInput {
  const request = prepared as RunInstancesCommandInput;
  const validUntil = request.InstanceMarketOptions?.SpotOptions?.ValidUntil;
  if (!validUntil) return request;
  const SpotOptions = {
    ...request.InstanceMarketOptions?.SpotOptions,
    ValidUntil: new Date(parseInstant(String(validUntil))!),
  };
  return { ...request, InstanceMarketOptions: { ...request.InstanceMarketOptions, SpotOptions } };
}
