import { randomUUID } from 'node:crypto';
import { type Failure, Refusal } from '../errors.js';
import { objectAt, textAt } from '../members.js';
import { openGroup } from './checks.js';
import { isActive, type Deployment, type DeploymentStep } from './deployment.js';
import { same } from './lists.js';
import { putResource } from './put-resource.js';
import type { Ending, Operation, Properties } from './resource.js';
import type { ArmStore } from './store.js';
import { deploymentId, resourceId } from './target.js';
import { planTemplate, secureParameters, templateOf } from './templates.js';

/** "800 deployments per resource group" (Azure subscription limits). */
const MAX_PER_GROUP = 800;

export interface DeploymentPut {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly name: string;
  readonly body: Properties;
  /** How the deployment's virtual machine is to end. */
  readonly ending: Ending;
}

/** Accepts a deployment; its resources follow in the order of their dependencies. Throws a Refusal. */
export function putDeployment(store: ArmStore, put: DeploymentPut, nowMs: number): Deployment {
  const group = openGroup(store, put.subscriptionId, put.resourceGroup);
  if (!/^[-\w.()]{1,64}$/.test(put.name)) {
    throw new Refusal('InvalidDeploymentName', `The deployment name '${put.name.slice(0, 100)}' is not valid.`);
  }
  const id = deploymentId(put.subscriptionId, group.name, put.name);
  const existing = store.deployment(id);
  if (existing && (isActive(existing) || existing.state === 'Deleting')) throw active(existing);
  if (!existing && inGroup(store, put.subscriptionId, group.name).length >= MAX_PER_GROUP) {
    throw new Refusal('DeploymentQuotaExceeded', `The group has reached ${MAX_PER_GROUP} deployments.`, 409);
  }
  const properties = objectAt(put.body, 'properties');
  if (!same(textAt(properties, 'mode'), 'Incremental')) {
    throw new Refusal('InvalidDeploymentMode', 'Only the mode Incremental is simulated.');
  }
  const link = linkOf(properties);
  const template = templateOf(link);
  const parameters = objectAt(properties, 'parameters');
  const place = { subscriptionId: put.subscriptionId, resourceGroup: group.name };
  const steps = planTemplate(template, place, parameters).map((plan): DeploymentStep => ({
    ...plan,
    targetId: resourceId(place.subscriptionId, place.resourceGroup, plan.kind, plan.name),
    state: 'Waiting',
    failure: null,
    operationId: null,
    startedMs: null,
    endedMs: null,
  }));
  const deployment: Deployment = {
    id,
    ...place,
    name: put.name,
    sequence: store.nextSequence(),
    correlationId: randomUUID(),
    startedMs: nowMs,
    template,
    shown: { ...properties, template: undefined, parameters: withoutSecrets(parameters) },
    tags: objectAt(put.body, 'tags') as Record<string, string>,
    steps,
    endings: { virtualMachines: put.ending },
    state: 'Accepted',
    failure: null,
    operationId: null,
    endedMs: null,
  };
  const operation = store.begin(
    { method: 'PUT', kind: 'deployments', targetId: id, takesMs: 0, ending: { how: 'stick' } },
    nowMs,
  );
  deployment.operationId = operation.id;
  store.keepDeployment(deployment);
  advance(store, deployment, nowMs);
  return deployment;
}

/** Starts the steps whose dependencies are there; ends the deployment when no step is left. */
function advance(store: ArmStore, deployment: Deployment, nowMs: number): void {
  if (!isActive(deployment)) return;
  deployment.state = 'Running';
  const done = new Set(deployment.steps.filter((step) => step.state === 'Succeeded').map((step) => step.name));
  let failed = deployment.steps.some((step) => step.state === 'Failed');
  for (const step of deployment.steps) {
    if (failed || step.state !== 'Waiting' || !step.after.every((name) => done.has(name))) continue;
    const state = startStep(store, deployment, step, nowMs);
    if (state === 'Succeeded') return advance(store, deployment, nowMs);
    failed ||= state === 'Failed';
  }
  if (deployment.steps.some((step) => step.state === 'Running')) return;
  const operation = store.operation(deployment.operationId);
  if (!operation) return;
  const message = 'At least one resource deployment operation failed. Please list deployment operations for details.';
  if (failed) operation.ending = { how: 'fail', failure: { code: 'DeploymentFailed', message } };
  else operation.ending = { how: 'succeed' };
  operation.dueMs = nowMs + store.times.deploymentMs;
}

/** The deployment's own operation has ended. */
export function endDeployment(store: ArmStore, operation: Operation, atMs: number): void {
  const deployment = store.deployment(operation.targetId);
  if (!deployment) return;
  if (operation.method === 'DELETE') return store.forgetDeployment(deployment);
  const details = deployment.steps.flatMap((step) => step.failure ?? []);
  deployment.state = operation.status === 'Failed' ? 'Failed' : 'Succeeded';
  deployment.failure = operation.failure && { ...operation.failure, details };
  deployment.endedMs = atMs;
}

/** An operation of one of its steps has ended. */
export function endStep(store: ArmStore, operation: Operation, atMs: number): void {
  const deployment = operation.deploymentId === null ? undefined : store.deployment(operation.deploymentId);
  const step = deployment?.steps.find((one) => one.operationId === operation.id);
  if (!deployment || !step) return;
  finish(step, operation.failure, atMs);
  advance(store, deployment, atMs);
}

/** No further step begins; what has begun goes on by itself. Throws a Refusal for one that is not active. */
export function cancelDeployment(store: ArmStore, deployment: Deployment, nowMs: number): void {
  const operation = store.operation(deployment.operationId);
  if (!isActive(deployment) || !operation) {
    const message = `The deployment '${deployment.name}' is not running: it cannot be canceled.`;
    throw new Refusal('DeploymentCannotBeCanceled', message, 409);
  }
  deployment.state = 'Canceled';
  deployment.endedMs = nowMs;
  const failure = { code: 'DeploymentCanceled', message: `The deployment '${deployment.name}' was canceled.` };
  deployment.failure = { ...failure, details: [] };
  operation.ending = { how: 'fail', failure };
  store.close(operation, nowMs);
}

export function deleteDeployment(store: ArmStore, deployment: Deployment, ending: Ending, nowMs: number): Operation {
  if (isActive(deployment)) throw active(deployment);
  const running = deployment.state === 'Deleting' ? store.operation(deployment.operationId) : undefined;
  if (running) return running;
  deployment.state = 'Deleting';
  const operation = store.begin(
    { method: 'DELETE', kind: 'deployments', targetId: deployment.id, takesMs: store.times.deploymentMs, ending },
    nowMs,
  );
  deployment.operationId = operation.id;
  return operation;
}

export function inGroup(store: ArmStore, subscriptionId: string, resourceGroup: string): Deployment[] {
  return [...store.deployments()].filter(
    (one) => same(one.subscriptionId, subscriptionId) && same(one.resourceGroup, resourceGroup),
  );
}

function startStep(
  store: ArmStore,
  deployment: Deployment,
  step: DeploymentStep,
  nowMs: number,
): DeploymentStep['state'] {
  const { kind, name, body } = step;
  step.startedMs = nowMs;
  const ending = step.failsWith
    ? { how: 'fail' as const, failure: { code: step.failsWith, message: 'The template fails here on purpose.' } }
    : (deployment.endings[kind] ?? { how: 'succeed' as const });
  try {
    const put = { kind, name, body, ending, deploymentId: deployment.id };
    const { subscriptionId, resourceGroup } = deployment;
    const { operation, resource } = putResource(store, { ...put, subscriptionId, resourceGroup }, nowMs);
    if (kind === 'extensions') resource.usedBy = step.after[0] ? idOfMachine(deployment, step.after[0]) : null;
    step.operationId = operation?.id ?? null;
    step.state = 'Running';
    if (!operation) finish(step, null, nowMs);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    finish(step, { code: error.code, message: error.message }, nowMs);
  }
  step.body = {};
  return step.state;
}

const idOfMachine = ({ subscriptionId, resourceGroup }: Deployment, name: string): string =>
  resourceId(subscriptionId, resourceGroup, 'virtualMachines', name);

function finish(step: DeploymentStep, failure: Failure | null, atMs: number): void {
  step.state = failure ? 'Failed' : 'Succeeded';
  step.failure = failure;
  step.endedMs = atMs;
}

function linkOf(properties: Properties): string {
  const link = objectAt(properties, 'templateLink');
  const named = textAt(link, 'id') ?? textAt(link, 'uri')?.split('?')[0];
  if (named) return named;
  if (properties['template']) return JSON.stringify(properties['template']);
  throw new Refusal('InvalidRequestContent', 'Exactly one of template and templateLink must be given.');
}

const withoutSecrets = (parameters: Properties): Properties =>
  Object.fromEntries(
    Object.entries(parameters).map(([name, given]) => [name, secureParameters.includes(name) ? {} : given]),
  );

const active = ({ name }: Deployment): Refusal =>
  new Refusal('DeploymentActive', `Unable to edit or replace deployment '${name}': it is still active.`, 409);
