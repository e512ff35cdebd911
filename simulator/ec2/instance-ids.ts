import { Refusal } from '../errors.js';
import type { Cloud } from './cloud.js';
import type { Instance } from './instance.js';

/** The machines with these ids, or the refusal that EC2 gives when one id is malformed or unknown. */
export function resolveInstanceIds(
  cloud: Cloud,
  region: string,
  ids: readonly string[],
  nowMs: number,
  visible: (instance: Instance) => boolean,
): Instance[] {
  for (const id of ids) {
    if (!/^i-([0-9a-f]{8}|[0-9a-f]{17})$/.test(id)) {
      throw new Refusal('InvalidInstanceID.Malformed', `Invalid id: "${id}"`);
    }
  }
  const missing: string[] = [];
  const found = new Set<Instance>();
  for (const id of ids) {
    const instance = cloud.find(id, nowMs);
    if (instance && instance.region === region && visible(instance)) found.add(instance);
    else missing.push(id);
  }
  if (missing.length === 1) {
    throw new Refusal('InvalidInstanceID.NotFound', `The instance ID '${missing[0]}' does not exist`);
  }
  if (missing.length > 1) {
    throw new Refusal('InvalidInstanceID.NotFound', `The instance IDs '${missing.join(', ')}' do not exist`);
  }
  return [...found];
}
