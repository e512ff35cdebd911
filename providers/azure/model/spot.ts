import type { DeploymentProperties } from '@azure/arm-resourcesdeployments';
import { isWord } from './words.js';

/** What becomes of a Spot VM when Azure needs its capacity ("Use Azure Spot Virtual Machines", eviction policy). */

interface SpotMembers {
  readonly priority?: unknown;
  readonly evictionPolicy?: unknown;
}

export const isSpot = (priority: unknown): boolean => isWord(priority, 'Spot');

/** Deleted, and not stopped: then nothing is left that tells of the eviction. */
export const isDeletedWhenEvicted = ({ priority, evictionPolicy }: SpotMembers): boolean =>
  isSpot(priority) && isWord(evictionPolicy, 'Delete');

interface TemplateResource {
  readonly type?: unknown;
  readonly properties?: SpotMembers;
}

/** Whether a template in the launch config says so of its VM; of others, nothing is known. */
export function templateDeletesEvicted({ template, parameters }: DeploymentProperties): boolean {
  const { resources = [], parameters: declared = {} } = (template ?? {}) as {
    resources?: readonly TemplateResource[] | Readonly<Record<string, TemplateResource>>;
    parameters?: Readonly<Record<string, { defaultValue?: unknown }>>;
  };
  const valueOf = (value: unknown): unknown => {
    const [, name] = /^\[\s*parameters\('([^']+)'\)\s*\]$/.exec(String(value)) ?? [];
    return name === undefined ? value : (parameters?.[name]?.value ?? declared[name]?.defaultValue);
  };
  // Named ones are an object.
  return Object.values(resources).some(
    ({ type, properties = {} }) =>
      isWord(type, 'Microsoft.Compute/virtualMachines') &&
      isDeletedWhenEvicted({
        priority: valueOf(properties.priority),
        evictionPolicy: valueOf(properties.evictionPolicy),
      }),
  );
}
