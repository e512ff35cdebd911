import { createHash } from 'node:crypto';
import type { Failure } from '../errors.js';

/** The kinds of resources that exist here, with their full type names. */
export const resourceTypes = {
  publicIPAddresses: 'Microsoft.Network/publicIPAddresses',
  networkInterfaces: 'Microsoft.Network/networkInterfaces',
  networkSecurityGroups: 'Microsoft.Network/networkSecurityGroups',
  virtualMachines: 'Microsoft.Compute/virtualMachines',
  extensions: 'Microsoft.Compute/virtualMachines/extensions',
  disks: 'Microsoft.Compute/disks',
} as const;
export type ResourceKind = keyof typeof resourceTypes;

export type Properties = Record<string, unknown>;

export type Power = 'off' | 'running' | 'stopped' | 'deallocated';

/** What makes a virtual machine more than a record. */
export interface MachineFacts {
  readonly vmId: string;
  /** Base64 as it was sent; never shown by the API. */
  readonly customData: string;
  power: Power;
  runningSinceMs: number | null;
  /** Until then lists and instance views do not know it: a control, for what eventual consistency may do. */
  hiddenUntilMs: number;
}

export interface Resource {
  readonly id: string;
  readonly kind: ResourceKind;
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly name: string;
  readonly location: string;
  /** Order of creation; paging follows it. */
  readonly sequence: number;
  readonly createdMs: number;
  tags: Record<string, string>;
  /** As the caller asked, without secrets. */
  properties: Properties;
  /** `sku`, `zones`, … beside `properties`. */
  extras: Properties;
  parametersHash: string;
  /** Of the parameters without tags, which may change freely. */
  shapeHash: string;
  state: 'Creating' | 'Updating' | 'Succeeded' | 'Failed' | 'Deleting';
  failure: Failure | null;
  /** The operation in progress. */
  operationId: string | null;
  /** Id of what holds it: a NIC an address, a virtual machine a NIC or a disk. */
  usedBy: string | null;
  readonly machine: MachineFacts | null;
}

export interface ResourceGroup {
  readonly subscriptionId: string;
  readonly name: string;
  readonly location: string;
  tags: Record<string, string>;
  /** `Deleting`: nothing can be created in it. */
  readonly state: 'Succeeded' | 'Deleting';
}

/** How an operation is to end; a fault may choose other than `succeed`. */
export type Ending =
  | { readonly how: 'succeed' | 'stick' }
  /** `fail-running`: provisioning fails, and the machine runs all the same (OSProvisioningTimedOut and the like). */
  | { readonly how: 'fail' | 'fail-running'; readonly failure: Failure };

export interface Operation {
  readonly id: string;
  readonly method: 'PUT' | 'DELETE';
  readonly kind: ResourceKind | 'deployments';
  /** Of the resource or deployment. */
  readonly targetId: string;
  /** The deployment that started it. */
  readonly deploymentId: string | null;
  readonly startedMs: number;
  /** Null: it is stuck until somebody ends it. */
  dueMs: number | null;
  ending: Ending;
  status: 'InProgress' | 'Succeeded' | 'Failed';
  failure: Failure | null;
  endedMs: number | null;
}

/** Equal for equal parameters, whatever the order of their names. */
export const hashOf = (value: unknown): string =>
  createHash('sha256').update(canonical(value)).digest('hex').slice(0, 16);

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([name, item]) => `${JSON.stringify(name)}:${canonical(item)}`).join(',')}}`;
}
