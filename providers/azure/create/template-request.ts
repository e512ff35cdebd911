import type { Deployment, DeploymentProperties } from '@azure/arm-resourcesdeployments';
import { identifierPattern } from '../../../domain/ids.js';
import type { MachineLocation } from '../../../domain/worker.js';
import { ProviderError } from '../../errors.js';
import type { PreparedLaunch, LaunchedMachine, LaunchSpec, ProviderContext } from '../../provider.js';
import type { AdminCredentials } from './admin.js';
import { customData } from './custom-data.js';
import { launchTags, MAX_TAG_LENGTH, type Tags, tooLongTag, withWorker } from '../model/tags.js';
import { namesOf } from '../model/names.js';

/** The request of a launch in template mode; the machines of one launch differ in a few parameters only. */
export interface DeploymentRequest {
  readonly mode: 'deployment';
  readonly location: string;
  readonly tags: Tags;
  readonly customData: string;
  readonly keepDeployment: boolean;
  /** The launch config names a group of its own, which is created when it is not there. */
  readonly createsGroup: boolean;
  /** `armDeployment` as it was given. */
  readonly properties: DeploymentProperties;
}

/** Azure's limits: of a request, of parameters in a template ("Azure subscription limits"). */
const MAX_REQUEST_BYTES = 4 * 1024 * 1024;
const MAX_PARAMETERS = 256;

/**
 * The request of an order. Throws ProviderError(InvalidRequest) when Azure could never take it,
 * and for the mode Complete, which deletes everything else in the group.
 */
export function prepareDeployment(
  spec: LaunchSpec,
  place: Pick<MachineLocation, 'account' | 'group'>,
  context: ProviderContext,
): PreparedLaunch {
  const { configuration, launchConfigId } = spec;
  const properties = configuration.armDeployment as DeploymentProperties;
  const own = configuration.armDeploymentResourceGroup as string | undefined;
  const createsGroup = own !== undefined && own.toLowerCase() !== place.group?.toLowerCase();
  const location = locationOf(properties, createsGroup ? undefined : context.providerId);
  if (typeof location !== 'string' || !identifierPattern.test(location)) {
    throw refusal(launchConfigId, 'parameters.location.value must be the name of a location');
  }
  if (properties.mode !== 'Incremental') {
    throw refusal(launchConfigId, `mode ${properties.mode} would delete what other workers consist of`);
  }
  const request: DeploymentRequest = {
    mode: 'deployment',
    location,
    tags: launchTags(spec, location, context),
    customData: customData(spec, location, context),
    keepDeployment: configuration.workerManager?.keepDeployment === true,
    createsGroup,
    properties,
  };
  const group = own ?? place.group;
  checkLimits(request, launchConfigId);
  return {
    token: spec.token,
    count: spec.count,
    location: { account: place.account, region: location, group },
    request,
  };
}

/** The worker group. A template that takes no parameters says nothing of its location: then it is the provider's id. */
const locationOf = ({ parameters }: DeploymentProperties, fallback: string | undefined): unknown =>
  parameters === undefined ? fallback : parameters.location?.value;

/** What is sent for one machine. The administrator is in it and nowhere else. */
export function deploymentBody(
  request: DeploymentRequest,
  machine: LaunchedMachine,
  admin: AdminCredentials,
): Deployment {
  const { vm, computer } = namesOf(machine.workerId);
  const tags = withWorker(request.tags, machine.workerId);
  const parameters = {
    tags,
    vmName: vm,
    computerName: computer,
    adminUsername: admin.adminUsername,
    adminPassword: admin.adminPassword,
    customData: request.customData,
  };
  const values = Object.entries(parameters).map(([name, value]) => [name, { value }] as const);
  return {
    properties: {
      ...request.properties,
      parameters: { ...request.properties.parameters, ...Object.fromEntries(values) },
    },
    tags,
  };
}

export const requestOf = ({ request }: PreparedLaunch): DeploymentRequest => request as DeploymentRequest;

export const isDeployment = ({ request }: PreparedLaunch): boolean =>
  (request as { mode?: unknown } | null)?.mode === 'deployment';

function checkLimits(request: DeploymentRequest, launchConfigId: string): void {
  const tooLong = tooLongTag(request.tags);
  if (tooLong) throw refusal(launchConfigId, `the tag ${tooLong[0]} has more than ${MAX_TAG_LENGTH} characters`);
  // Six parameters and the names of one machine come to it.
  const parameters = Object.keys(request.properties.parameters ?? {}).length + 6;
  if (parameters > MAX_PARAMETERS) throw refusal(launchConfigId, `it has more than ${MAX_PARAMETERS} parameters`);
  const bytes = Buffer.byteLength(JSON.stringify(request)) + 2 * 1024;
  if (bytes > MAX_REQUEST_BYTES)
    throw refusal(launchConfigId, `it has ${bytes} bytes; Azure takes ${MAX_REQUEST_BYTES}`);
}

const refusal = (launchConfigId: string, what: string): ProviderError =>
  new ProviderError({ code: 'InvalidRequest', message: `armDeployment of launch config ${launchConfigId}: ${what}.` });
