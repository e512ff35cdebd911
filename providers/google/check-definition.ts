import type { LaunchConfiguration } from '../../domain/worker-pool.js';
import { ProviderError } from '../errors.js';
import { largestSpec, refuseProblems } from '../shared/check-definition.js';
import type { PoolValidation } from '../shared/pool-schema.js';
import type { PreparedLaunch, LaunchSpec, PoolOwner } from '../provider.js';
import { parseZonal } from './bare-names.js';
import { typeProblem } from './definition-types.js';
import { fieldsOf } from './descriptor.js';
import { definitionOf, type Disk, type GoogleDefinition, isPersistent } from './launch-request.js';

/** Compute Engine's limit for the labels of one resource, ours included, and the forms of a key and a value. */
const MAX_LABELS = 64;
const OWN_LABELS = 7;
const LABEL_KEY = /^[\p{Ll}\p{Lo}][\p{Ll}\p{Lo}\p{N}_-]{0,62}$/u;
const LABEL_VALUE = /^[\p{Ll}\p{Lo}\p{N}_-]{0,63}$/u;

/** Members that are not the definition's to set, and why. */
const refused: Readonly<Record<string, string>> = {
  deletionProtection: 'the machine could never be removed',
  serviceAccounts: 'machines run as the provider’s worker service account',
  name: 'names follow from the launch',
};

/** Nothing of it can be said in a `bulkInsert`, or not of many machines. */
const BULK_ONLY = 'machines are created many at a time, and it cannot be said of many';

/**
 * What Google would refuse at every launch, what the SDK would bend, and what would outlive its machine, is refused
 * when it is defined. With `pool` the requests are prepared too, so that all that ends up in one is checked.
 */
export function checkDefinition(
  validation: PoolValidation,
  pool: PoolOwner | undefined,
  prepare: (spec: LaunchSpec) => PreparedLaunch,
): PoolValidation {
  return refuseProblems(
    validation,
    (configuration) => definitionProblem(configuration) ?? (pool && requestProblem(configuration, pool, prepare)),
  );
}

/** What is wrong with the largest request that the launch config can lead to. */
function requestProblem(
  configuration: LaunchConfiguration,
  pool: PoolOwner,
  prepare: (spec: LaunchSpec) => PreparedLaunch,
): string | null {
  try {
    prepare(largestSpec(configuration, pool));
    return null;
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return `workerConfig: ${error.message}`;
  }
}

/**
 * What is wrong with a launch config beyond its schema, as Google would refuse it or the SDK would bend it; null:
 * nothing.
 */
function definitionProblem(configuration: LaunchConfiguration): string | null {
  const { region, zone } = configuration as { region: string; zone: string };
  if (!zone.startsWith(`${region}-`)) return `zone must be one of region ${region}`;
  const definition = definitionOf(configuration);
  return (
    memberProblem(definition) ??
    diskLabelTypes(definition.disks) ??
    typeProblem('InstanceProperties', withoutDiskLabels(definition), '') ??
    zonalProblem(definition, zone) ??
    singleProblem(definition) ??
    labelsProblem(definition)
  );
}

function memberProblem(definition: GoogleDefinition): string | null {
  const known = fieldsOf('InstanceProperties') ?? {};
  for (const name of Object.keys(definition)) {
    if (Object.hasOwn(refused, name)) return `${name} must not be given: ${refused[name]}`;
    const ofOneMachine = fieldsOf('Instance') ?? {};
    if (!Object.hasOwn(known, name) && Object.hasOwn(ofOneMachine, name))
      return `${name} must not be given: ${BULK_ONLY}`;
  }
  return null;
}

/** The original takes them here and not only in `initializeParams` (docs/taskcluster-compatibility.md#google). */
function diskLabelTypes(disks: readonly Disk[]): string | null {
  const index = disks.findIndex(({ labels = {} }) =>
    Object.values(Object(labels)).some((one) => typeof one !== 'string'),
  );
  return index < 0 ? null : `disks[${index}].labels must be object of strings`;
}

const withoutDiskLabels = (definition: GoogleDefinition): object => ({
  ...definition,
  disks: definition.disks.map(({ labels: _labels, ...disk }) => disk),
});

function zonalProblem({ machineType, disks, guestAccelerators = [] }: GoogleDefinition, zone: string): string | null {
  const named = [
    ['machineType', 'machineTypes', machineType],
    ...disks.map(({ initializeParams }, index) => [
      `disks[${index}].initializeParams.diskType`,
      'diskTypes',
      initializeParams?.diskType,
    ]),
    ...guestAccelerators.map(({ acceleratorType }, index) => [
      `guestAccelerators[${index}].acceleratorType`,
      'acceleratorTypes',
      acceleratorType,
    ]),
  ] as [string, Parameters<typeof parseZonal>[0], string | undefined][];
  for (const [path, kind, text] of named) {
    if (text === undefined) continue;
    const zonal = parseZonal(kind, text);
    if (!zonal) return `${path} must be a name or zones/${zone}/${kind}/NAME`;
    // Real definitions name a disk type by another zone of the region: its name is the same there.
    if (zonal.zone !== null && zonal.zone !== zone && kind !== 'diskTypes')
      return `${path} must be of zone ${zone}, not of ${zonal.zone}`;
  }
  return null;
}

/** What one machine alone can have, and what a `bulkInsert` does not take. */
function singleProblem(definition: GoogleDefinition): string | null {
  const {
    disks,
    networkInterfaces = [],
    scheduling,
  } = definition as GoogleDefinition & {
    networkInterfaces?: readonly { networkIP?: string; accessConfigs?: readonly { natIP?: string }[] }[];
    scheduling: { nodeAffinities?: readonly unknown[] };
  };
  const found = [
    ...disks.flatMap((each, index) => {
      const disk = each as Record<string, unknown>;
      const params = (disk.initializeParams ?? {}) as Record<string, unknown>;
      const key = (disk.diskEncryptionKey ?? {}) as Record<string, unknown>;
      return [
        disk.source !== undefined && `disks[${index}].source`,
        params.diskName !== undefined && `disks[${index}].initializeParams.diskName`,
        params.sourceSnapshot !== undefined && `disks[${index}].initializeParams.sourceSnapshot`,
        (key.rawKey ?? key.rsaEncryptedKey) !== undefined && `disks[${index}].diskEncryptionKey`,
      ];
    }),
    ...networkInterfaces.flatMap(({ networkIP, accessConfigs = [] }, index) => [
      networkIP !== undefined && `networkInterfaces[${index}].networkIP`,
      accessConfigs.some(({ natIP }) => natIP !== undefined) && `networkInterfaces[${index}].accessConfigs.natIP`,
    ]),
    scheduling.nodeAffinities !== undefined && 'scheduling.nodeAffinities',
  ].find((path) => path !== false);
  return found ? `${found} must not be given: ${BULK_ONLY}` : null;
}

function labelsProblem({ labels, disks }: GoogleDefinition): string | null {
  const all: [string, Readonly<Record<string, string>>][] = [
    ['labels', labels ?? {}],
    ...disks
      .filter(isPersistent)
      .map((disk, index): [string, Readonly<Record<string, string>>] => [
        `disks[${index}].labels`,
        { ...disk.initializeParams?.labels, ...disk.labels },
      ]),
  ];
  for (const [path, given] of all) {
    const count = Object.keys(given).length;
    if (count > MAX_LABELS - OWN_LABELS) return `${path} has ${count} labels; with ours there may be ${MAX_LABELS}`;
    for (const [key, value] of Object.entries(given)) {
      if (!LABEL_KEY.test(key)) return `${path} has the key ${key}; Google takes lower-case letters, digits, _ and -`;
      if (!LABEL_VALUE.test(value)) return `${path}.${key}: Google takes up to 63 lower-case letters, digits, _ and -`;
    }
  }
  return null;
}
