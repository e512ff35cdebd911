import { Refusal } from '../errors.js';
import type { ResourceGroup } from './resource.js';
import type { ArmStore } from './store.js';

/** Of Azure Resource Manager: at most 50 tags, names of 512 and values of 256 characters. */
const MAX_TAGS = 50;

export function requireGroup(store: ArmStore, subscriptionId: string, name: string | null): ResourceGroup {
  const group = name === null ? undefined : store.group(subscriptionId, name);
  if (group) return group;
  throw new Refusal('ResourceGroupNotFound', `Resource group '${name ?? ''}' could not be found.`, 404);
}

/** One in which something can be created. */
export function openGroup(store: ArmStore, subscriptionId: string, name: string): ResourceGroup {
  const group = requireGroup(store, subscriptionId, name);
  if (group.state === 'Succeeded') return group;
  const message = `The resource group '${group.name}' is in deprovisioning state and cannot perform this operation.`;
  throw new Refusal('ResourceGroupBeingDeleted', message, 409);
}

export function readTags(value: unknown): Record<string, string> {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw new Refusal('InvalidTag', 'The tags must be an object.');
  const tags = Object.entries(value);
  if (tags.length > MAX_TAGS) throw new Refusal('InvalidTag', `There are more than ${MAX_TAGS} tags.`);
  for (const [name, text] of tags) {
    if (name === '' || name.length > 512 || /[<>%&\\?/]/.test(name)) {
      throw new Refusal('InvalidTagNameCharacters', `The tag name '${name.slice(0, 100)}' is not allowed.`);
    }
    if (typeof text !== 'string' || text.length > 256) {
      throw new Refusal('InvalidTag', `The value of the tag '${name}' is not a text of at most 256 characters.`);
    }
  }
  return Object.fromEntries(tags) as Record<string, string>;
}
