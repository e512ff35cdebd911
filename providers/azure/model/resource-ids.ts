import type { MachineRef } from '../../provider.js';
import type { ResourceGroupRef } from '../arm/scope.js';
import { suffixOf } from './names.js';
import { stepOfType } from './resources.js';

/**
 * Full type of the resource of this id, lower-case, such as `microsoft.compute/disks`; null for what is no resource's
 * id.
 */
export function typeOf(id: string): string | null {
  const [, namespace, rest] = /\/providers\/([\w.]+)\/([^?#]+)$/i.exec(id) ?? [];
  if (namespace === undefined || rest === undefined) return null;
  const parts = rest.split('/');
  if (parts.length % 2 !== 0 || parts.some((part) => part === '' || part === '.' || part === '..')) return null;
  return [namespace, ...parts.filter((_, index) => index % 2 === 0)].join('/').toLowerCase();
}

/**
 * Of the resources that a deployment names, those that go when its machine goes: what bears the machine's name, because
 * a template may also declare what others use; that is found by its tags, or not at all. `ownDisks` were created with
 * the machine's VM and may be called anything. Children go with what they belong to. What a template puts into another
 * group is not a machine's.
 */
export function belongings(
  ids: readonly string[],
  workerId: string,
  { account, group }: ResourceGroupRef,
  ownDisks: readonly string[] = [],
): string[] {
  const home = `/subscriptions/${account}/resourcegroups/${group}/`.toLowerCase();
  const unique = [...new Map([...ids, ...ownDisks].map((id) => [id.toLowerCase(), id])).values()];
  const disks = new Set(ownDisks.map((id) => id.toLowerCase()));
  return unique.filter((id) => {
    const type = typeOf(id);
    if (type === null || type.split('/').length > 2 || !isRemovable(type)) return false;
    if (!id.toLowerCase().startsWith(home)) return false;
    return bearsName(id, workerId) || (type === DISK_TYPE && disks.has(id.toLowerCase()));
  });
}

const DISK_TYPE = 'microsoft.compute/disks';

/** Whether a resource's name has the part of the worker's id that nobody can guess. */
export const bearsName = (id: string, workerId: string): boolean =>
  nameOf(id).toLowerCase().includes(suffixOf(workerId).toLowerCase());

/** The tracked resources of a machine, as far as it is the machine's for certain (see `belongings`). */
export const trackedIds = ({ resourceIds = [], workerId }: MachineRef): readonly string[] =>
  resourceIds.filter((id) => bearsName(id, workerId) || typeOf(id) === DISK_TYPE);

/** The machine's tracked resources of the type that goes in this step. */
export const trackedIdsFor = (machine: MachineRef, step: string): readonly string[] =>
  trackedIds(machine).filter((id) => stepOfType[typeOf(id) ?? ''] === step);

/** Those of other types, which go last: nothing of the machine holds them any more. */
export const otherTrackedIds = (machine: MachineRef): readonly string[] =>
  trackedIds(machine).filter((id) => stepOfType[typeOf(id) ?? ''] === undefined);

export const nameOf = (id: string): string => id.slice(id.lastIndexOf('/') + 1);

/** Services whose resources we know how to delete by id. */
const apiVersions: Readonly<Record<string, string>> = {
  'microsoft.network': '2024-05-01',
  'microsoft.compute': '2024-07-01',
};
/** Disks have versions of their own. */
const DISKS_API_VERSION = '2024-03-02';

/** The version to ask a resource's service in; throws for a type that `belongings` never gives. */
export function apiVersionOf(id: string): string {
  const type = typeOf(id) ?? '';
  const version = type === DISK_TYPE ? DISKS_API_VERSION : apiVersions[type.split('/')[0] ?? ''];
  if (version === undefined) throw new Error(`no version is known for ${id}`);
  return version;
}

const isRemovable = (type: string): boolean => (type.split('/')[0] ?? '') in apiVersions;
