import { disks } from './disks.js';
import type { KindRules } from './kind-rules.js';
import { extensions, virtualMachines } from './machine-kinds.js';
import { networkInterfaces, networkSecurityGroups, publicIPAddresses } from './network-kinds.js';
import type { ResourceKind } from './resource.js';

export const kindRules: Readonly<Record<ResourceKind, KindRules>> = {
  publicIPAddresses,
  networkInterfaces,
  networkSecurityGroups,
  virtualMachines,
  extensions,
  disks,
};
