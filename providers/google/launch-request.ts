import { ProviderError } from '../errors.js';
import type { PreparedLaunch, LaunchSpec, ProviderContext } from '../provider.js';
import { bareName } from './bare-names.js';
import { launchRequestId, namePrefix } from './names.js';
import { ownDescription, ownLabels } from './tags.js';

/** Compute Engine's limit for one value of the metadata ("Limitations" of custom metadata). */
const MAX_METADATA_BYTES = 256 * 1024;
const MAX_DESCRIPTION_LENGTH = 2_048;
const OWN_METADATA = 'taskcluster';

/**
 * What `submit` makes a `bulkInsert` of: the names follow from the prefix and the count, the account's address is read.
 */
export interface GoogleRequest {
  readonly requestId: string;
  readonly namePrefix: string;
  readonly instanceProperties: Readonly<Record<string, unknown>>;
}

/** A launch config's members of Compute Engine, where this provider reads them. Others pass as they are. */
export interface GoogleDefinition {
  readonly machineType: string;
  readonly disks: readonly Disk[];
  readonly scheduling: { readonly onHostMaintenance?: string };
  readonly guestAccelerators?: readonly { readonly acceleratorType?: string }[];
  readonly metadata?: { readonly items?: readonly { readonly key?: string; readonly value?: string }[] };
  readonly labels?: Readonly<Record<string, string>>;
  readonly description?: string;
}

export interface Disk {
  readonly type?: string;
  readonly autoDelete?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  readonly initializeParams?: {
    readonly diskType?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
}

/** Members of a launch config that are ours and no part of the instance. */
const ownMembers = ['region', 'zone', 'workerConfig', 'workerManager', 'capacityPerInstance'];

export const definitionOf = (configuration: Readonly<Record<string, unknown>>): GoogleDefinition =>
  Object.fromEntries(
    Object.entries(configuration).filter(([name]) => !ownMembers.includes(name)),
  ) as unknown as GoogleDefinition;

/**
 * The bulkInsert of a launch (docs/taskcluster-compatibility.md#google). Throws ProviderError(InvalidRequest) when the
 * metadata is too long.
 */
export function prepareLaunch(spec: LaunchSpec, project: string, context: ProviderContext): PreparedLaunch {
  const { token, workerPoolId, count, configuration } = spec;
  const [region, zone] = [configuration.region as string, configuration.zone as string];
  const request: GoogleRequest = {
    requestId: launchRequestId(token),
    namePrefix: namePrefix(workerPoolId, token),
    instanceProperties: instanceProperties(spec, zone, context),
  };
  return { token, count, location: { account: project, region, group: zone }, request };
}

function instanceProperties(spec: LaunchSpec, zone: string, context: ProviderContext): Record<string, unknown> {
  const definition = definitionOf(spec.configuration);
  const tags = { ...spec, providerId: context.providerId, deploymentId: context.deploymentId };
  const { guestAccelerators, scheduling } = definition;
  const labels = ownLabels(tags);
  const description = ownDescription(tags, definition.description);
  if (description.length > MAX_DESCRIPTION_LENGTH)
    throw tooLong('description', description.length, MAX_DESCRIPTION_LENGTH);
  return {
    ...definition,
    description,
    machineType: bareName('machineTypes', definition.machineType),
    labels: { ...definition.labels, ...labels },
    disks: definition.disks.map((disk) => ownDisk(disk, labels)),
    scheduling: {
      ...scheduling,
      ...(scheduling.onHostMaintenance && { onHostMaintenance: scheduling.onHostMaintenance.toUpperCase() }),
      // A worker that comes back by itself has lost its task and its credentials.
      automaticRestart: false,
    },
    metadata: { ...definition.metadata, items: metadataItems(definition, spec, zone, context) },
    ...(guestAccelerators && {
      guestAccelerators: guestAccelerators.map(({ acceleratorType, ...rest }) => ({
        ...rest,
        ...(acceleratorType !== undefined && { acceleratorType: bareName('acceleratorTypes', acceleratorType) }),
      })),
    }),
  };
}

/**
 * A disk goes with its machine, unless the definition says so: by itself Compute Engine keeps it. Local SSDs take no
 * labels.
 */
function ownDisk({ labels: given, ...disk }: Disk, own: Readonly<Record<string, string>>): object {
  if (!isPersistent(disk) && !disk.initializeParams) return { autoDelete: true, ...disk };
  const { diskType, ...params } = disk.initializeParams ?? {};
  const initializeParams = {
    ...params,
    ...(diskType !== undefined && { diskType: bareName('diskTypes', diskType) }),
    ...(isPersistent(disk) && { labels: { ...params.labels, ...given, ...own } }),
  };
  return { autoDelete: true, ...disk, initializeParams };
}

/** Without a type it is one. */
export const isPersistent = ({ type }: Disk): boolean => type === undefined || type === 'PERSISTENT';

/**
 * What worker-runner reads on the machine (docs/taskcluster-compatibility.md#worker-information), and the definition's
 * own.
 */
function metadataItems(
  { metadata }: GoogleDefinition,
  { workerPoolId, configuration, launchConfigId }: LaunchSpec,
  zone: string,
  { providerId, rootUrl }: ProviderContext,
): object[] {
  const workerConfig = configuration.workerConfig ?? {};
  const value = JSON.stringify({ workerPoolId, providerId, workerGroup: zone, rootUrl, workerConfig });
  const bytes = Buffer.byteLength(value);
  if (bytes > MAX_METADATA_BYTES)
    throw tooLong(`metadata of launch config ${launchConfigId}`, bytes, MAX_METADATA_BYTES);
  const given = (metadata?.items ?? []).filter(({ key }) => key !== OWN_METADATA);
  return [...given, { key: OWN_METADATA, value }];
}

const tooLong = (what: string, size: number, limit: number): ProviderError =>
  new ProviderError({
    code: 'InvalidRequest',
    title: 'Metadata is too long',
    message: `The ${what} has ${size} bytes; Compute Engine takes ${limit}.`,
  });
