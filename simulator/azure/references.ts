import { Refusal } from '../errors.js';
import type { Resource } from './resource.js';
import type { ArmStore } from './store.js';

/** Any well-formed subnet exists, except one that is called `missing`. */
export function requireSubnet(id: string | null): void {
  const pattern =
    /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\/Microsoft\.Network\/virtualNetworks\/[^/]+\/subnets\/([^/]+)$/i;
  const name = pattern.exec(id ?? '')?.[1];
  if (name === undefined || name === 'missing') {
    throw new Refusal('InvalidResourceReference', `Resource ${(id ?? '').slice(0, 300)} was not found.`);
  }
}

export function requireReady(store: ArmStore, id: string): Resource {
  const resource = store.resource(id);
  if (!resource) throw new Refusal('InvalidResourceReference', `Resource ${id.slice(0, 300)} was not found.`);
  if (resource.state !== 'Succeeded') {
    throw new Refusal(
      'ReferencedResourceNotProvisioned',
      `Cannot proceed because resource ${id} is not in Succeeded state. Resource is in ${resource.state} state.`,
      409,
    );
  }
  return resource;
}

export function requireFree(store: ArmStore, id: string, by: string, code: string): void {
  const { usedBy } = requireReady(store, id);
  if (usedBy !== null && usedBy !== by) throw new Refusal(code, `${id} is already used by ${usedBy}.`);
}

export function hold(store: ArmStore, id: string, by: Resource): void {
  const held = store.resource(id);
  if (held) held.usedBy = by.id;
}

export function letGo(store: ArmStore, id: string | null, by: Resource): Resource | null {
  const held = id === null ? undefined : store.resource(id);
  if (held?.usedBy !== by.id) return null;
  held.usedBy = null;
  return held;
}
