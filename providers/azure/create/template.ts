import { ProviderError } from '../../errors.js';
import type { PreparedLaunch, LaunchedMachine, ProviderContext } from '../../provider.js';
import { adminCredentials } from './admin.js';
import type { AzureCalls } from '../arm/client.js';
import { type Mode, withDefaultTitle } from './launching.js';
import { type ResourceGroupRef, groupRefOf } from '../arm/scope.js';
import { namesOf } from '../model/names.js';
import { ResourceGroups } from '../arm/resource-groups.js';
import { templateDeletesEvicted } from '../model/spot.js';
import { DEPLOYMENT_STEP, deploymentState, reasonOf } from '../model/arm-deployment-states.js';
import type { Deployments } from '../arm/deployments.js';
import { deploymentBody, prepareDeployment, requestOf } from './template-request.js';

/**
 * One deployment of a template for each machine, under a name that follows from its id. Looking for
 * it is shared, so a machine costs one write.
 */
export function deploymentMode(
  calls: AzureCalls,
  deployments: Deployments,
  groupRef: ResourceGroupRef,
  context: ProviderContext,
): Mode {
  const groups = new ResourceGroups(calls);
  return {
    mode: 'deployment',
    stepNames: [DEPLOYMENT_STEP],
    takes: ({ configuration }) => configuration.armDeployment !== undefined,
    prepare: (spec) => prepareDeployment(spec, groupRef, context),
    steps: () => [DEPLOYMENT_STEP],
    skippedSteps: () => [],
    deletesEvicted: (launch) => templateDeletesEvicted(requestOf(launch).properties),
    async submit(launch, machine) {
      const { deployment } = namesOf(machine.workerId);
      try {
        const isDone = await begin(calls, deployments, groups, { launch, machine, deployment, context });
        return isDone ? null : deployment;
      } catch (error) {
        throw error instanceof ProviderError ? withDefaultTitle(error, 'Failed to create ARM deployment') : error;
      }
    },
    explain: async (machine, _step, deployment) => ({
      ...reasonOf(await deployments.operations(groupRefOf(machine.location), deployment)),
      kind: 'arm-deployment-error',
      title: 'ARM Deployment Error',
    }),
  };
}

interface Submission {
  readonly launch: PreparedLaunch;
  readonly machine: LaunchedMachine;
  /** Its name. */
  readonly deployment: string;
  readonly context: ProviderContext;
}

/** Whether it has succeeded already. */
async function begin(
  calls: AzureCalls,
  deployments: Deployments,
  groups: ResourceGroups,
  { launch, machine, deployment, context }: Submission,
): Promise<boolean> {
  const request = requestOf(launch);
  const groupRef = groupRefOf(launch.location);
  const { account, group } = groupRef;
  if (request.createsGroup) await groups.ensure(groupRef, request.location);
  const found = await deployments.find(groupRef, deployment);
  if (found) return deploymentState(found.properties?.provisioningState) === 'running';
  const body = deploymentBody(request, machine, adminCredentials(context, machine.workerId));
  try {
    await calls.call(account, 'create', 'PUT deployments', ({ deployments }) =>
      deployments.deployments.createOrUpdate(group, deployment, body).submitted(),
    );
    return false;
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    // An attempt that got no answer began it.
    if (error.cloudCode === 'DeploymentActive') return false;
    if (request.createsGroup && error.cloudCode === 'ResourceGroupNotFound') {
      groups.forget(groupRef);
      throw new ProviderError({ code: 'Unavailable', message: error.message, cloudCode: error.cloudCode });
    }
    throw error;
  }
}
