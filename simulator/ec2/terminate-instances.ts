import { Refusal } from '../errors.js';
import type { Performed } from './performed.js';
import type { Cloud } from './cloud.js';
import { resolveInstanceIds } from './instance-ids.js';
import type { Parameters } from './parameters.js';
import { renderState } from './render.js';
import { element, set } from './xml.js';

const MAX_IDS = 1000;

/** All or nothing: one id that does not exist, and no machine is terminated. Repeating it is harmless. */
export function terminateInstances(cloud: Cloud, region: string, parameters: Parameters, nowMs: number): Performed {
  const ids = parameters.list('InstanceId');
  if (ids.length === 0) throw new Refusal('MissingParameter', 'The request must contain the parameter InstanceId');
  if (ids.length > MAX_IDS) {
    throw new Refusal('InvalidParameterValue', `At most ${MAX_IDS} instances can be terminated in one request.`);
  }
  const instances = resolveInstanceIds(cloud, region, ids, nowMs, () => true);
  const shielded = instances.find((instance) => cloud.launchOf(instance).isTerminationProtected);
  if (shielded) {
    throw new Refusal(
      'OperationNotPermitted',
      `The instance '${shielded.instanceId}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again.`,
    );
  }
  const terminated: string[] = [];
  const items = instances.map((instance) => {
    const before = cloud.stateOf(instance, nowMs);
    const reason = { code: 'Client.UserInitiatedShutdown', message: 'User initiated shutdown' };
    if (cloud.end(instance, 'terminate', reason, nowMs)) terminated.push(instance.instanceId);
    return (
      element('instanceId', instance.instanceId) +
      renderState('currentState', cloud.stateOf(instance, nowMs)) +
      renderState('previousState', before)
    );
  });
  return { body: set('instancesSet', items), terminated, details: { ids } };
}
