import { createHash } from 'node:crypto';
import { Refusal } from '../errors.js';
import { objectAt, textAt } from '../members.js';
import type { Properties, ResourceKind } from './resource.js';
import { resourceId } from './target.js';

export interface Plan {
  readonly kind: ResourceKind;
  readonly name: string;
  readonly body: Properties;
  readonly after: readonly string[];
  /** The step is to fail so, for the template that fails half-way. */
  readonly failsWith?: string;
}

/** Parameter values that every template reads. */
interface Values {
  readonly place: { readonly subscriptionId: string; readonly resourceGroup: string };
  readonly location: string;
  readonly vmName: string;
  readonly tags: Properties;
  readonly subnetId: string;
  readonly text: (name: string, otherwise: string) => string;
}

const templateNames = ['one-nic', 'two-nics', 'implicit-disk', 'nsg-and-extension', 'fails-half-way'] as const;
export type TemplateName = (typeof templateNames)[number];

/**
 * The simulator's own templates. A link whose template spec, or whose file without its ending, is called like one of
 * them gives that one; any other gives one of those that succeed, always the same for the same link.
 */
export function templateOf(link: string): TemplateName {
  const named = templateNames.find((name) => new RegExp(`/${name}(\\.json)?(/versions/[^/]+)?$`, 'i').test(link));
  if (named) return named;
  const hash = createHash('sha256').update(link).digest().readUInt32BE(0);
  const succeeding = templateNames.filter((name) => name !== 'fails-half-way');
  return succeeding[hash % succeeding.length] ?? 'one-nic';
}

/** Secure parameters of all templates: never shown again. */
export const secureParameters = ['adminUsername', 'adminPassword', 'customData'];

/** The resources of a deployment; throws a Refusal for missing parameters. */
export function planTemplate(template: TemplateName, place: Values['place'], parameters: Properties): Plan[] {
  const values = readValues(place, parameters);
  const nic = `${values.vmName}-nic`;
  switch (template) {
    case 'one-nic':
      return [interfaceOf(values, nic, {}), machineOf(values, [nic], { nics: 'Delete', disks: 'Delete' })];
    case 'two-nics': {
      const addresses = [1, 2].map((number) => addressOf(values, `${values.vmName}-ip-${number}`));
      const nics = addresses.map((ip, index) => interfaceOf(values, `${nic}-${index + 1}`, { ip: ip.name }));
      return [
        ...addresses,
        ...nics,
        machineOf(
          values,
          nics.map(({ name }) => name),
          { nics: 'Detach', disks: 'Detach' },
        ),
      ];
    }
    case 'implicit-disk':
      return [interfaceOf(values, nic, {}), machineOf(values, [nic], { nics: 'Detach', disks: 'implicit' })];
    case 'nsg-and-extension': {
      const group = `${values.vmName}-nsg`;
      return [
        { kind: 'networkSecurityGroups', name: group, body: { ...common(values), properties: {} }, after: [] },
        interfaceOf(values, nic, { group }),
        machineOf(values, [nic], { nics: 'Delete', disks: 'Delete' }),
        {
          kind: 'extensions',
          name: `${values.vmName}/setup`,
          body: { ...common(values), properties: { publisher: 'Simulator', type: 'Setup', typeHandlerVersion: '1.0' } },
          after: [values.vmName],
        },
      ];
    }
    case 'fails-half-way': {
      const address = addressOf(values, `${values.vmName}-ip`);
      return [
        address,
        interfaceOf(values, nic, { ip: address.name }),
        { ...machineOf(values, [nic], { nics: 'Detach', disks: 'Detach' }), failsWith: 'SkuNotAvailable' },
      ];
    }
  }
}

function readValues(place: Values['place'], parameters: Properties): Values {
  const text = (name: string, otherwise: string | null): string => {
    const value = textAt(parameters, name, 'value') ?? otherwise;
    if (value === null || value === '') {
      throw new Refusal('InvalidTemplate', `The value for the template parameter '${name}' is not provided.`);
    }
    return value;
  };
  const network = `/subscriptions/${place.subscriptionId}/resourceGroups/${place.resourceGroup}/providers/Microsoft.Network`;
  return {
    place,
    text,
    location: text('location', null),
    vmName: text('vmName', null),
    tags: objectAt(parameters, 'tags', 'value'),
    subnetId: text('subnetId', `${network}/virtualNetworks/default/subnets/default`),
  };
}

const common = ({ location, tags }: Values): Properties => ({ location, tags });

const addressOf = (values: Values, name: string): Plan => ({
  kind: 'publicIPAddresses',
  name,
  body: { ...common(values), sku: { name: 'Standard' }, properties: { publicIPAllocationMethod: 'Static' } },
  after: [],
});

function interfaceOf(values: Values, name: string, uses: { ip?: string; group?: string }): Plan {
  const { subscriptionId, resourceGroup } = values.place;
  const id = (kind: ResourceKind, other: string) => ({ id: resourceId(subscriptionId, resourceGroup, kind, other) });
  const properties = {
    subnet: { id: values.subnetId },
    privateIPAllocationMethod: 'Dynamic',
    ...(uses.ip && { publicIPAddress: id('publicIPAddresses', uses.ip) }),
  };
  return {
    kind: 'networkInterfaces',
    name,
    body: {
      ...common(values),
      properties: {
        ipConfigurations: [{ name: 'main', properties }],
        ...(uses.group && { networkSecurityGroup: id('networkSecurityGroups', uses.group) }),
      },
    },
    after: [uses.ip ?? [], uses.group ?? []].flat(),
  };
}

function machineOf(
  values: Values,
  nics: readonly string[],
  options: { nics: 'Delete' | 'Detach'; disks: 'Delete' | 'Detach' | 'implicit' },
): Plan {
  const { text, vmName, place } = values;
  const osDisk =
    options.disks === 'implicit'
      ? { createOption: 'FromImage' }
      : { createOption: 'FromImage', name: `${vmName}-os`, deleteOption: options.disks };
  const networkInterfaces = nics.map((nic, index) => ({
    id: resourceId(place.subscriptionId, place.resourceGroup, 'networkInterfaces', nic),
    properties: { primary: index === 0, deleteOption: options.nics },
  }));
  return {
    kind: 'virtualMachines',
    name: vmName,
    body: {
      ...common(values),
      properties: {
        hardwareProfile: { vmSize: text('vmSize', 'Standard_D2s_v5') },
        storageProfile: { osDisk, imageReference: { id: text('imageId', 'any-image') } },
        osProfile: {
          computerName: text('computerName', vmName.slice(0, 15)),
          adminUsername: text('adminUsername', 'someone'),
          adminPassword: text('adminPassword', 'none'),
          customData: text('customData', ' ').trim(),
        },
        networkProfile: { networkInterfaces },
      },
    },
    after: nics,
  };
}
