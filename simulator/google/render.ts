import { addressIn } from '../addresses.js';
import { listAt, objectAt } from '../members.js';
import { uniqueIdOf, workerAccount } from './accounts.js';
import { childrenOf } from './endings.js';
import { computeUrl, regionOf, timestamp, zonePath, zoneUrl } from './places.js';
import type { Disk, Instance, Operation, Properties } from './resource.js';
import { statusOf } from './status.js';
import type { GoogleStore } from './store.js';

export function renderInstance(store: GoogleStore, instance: Instance, nowMs: number): Properties {
  const order = store.orderOf(instance);
  const { project, zone, properties } = order;
  const created = timestamp(order.createdMs);
  return {
    kind: 'compute#instance',
    id: instance.id,
    creationTimestamp: created,
    name: instance.name,
    description: properties['description'] ?? '',
    machineType: `${zoneUrl(project, zone)}/machineTypes/${order.machineType}`,
    status: statusOf(store, instance, nowMs),
    ...(instance.power !== 'on' && { statusMessage: 'Instance was stopped.' }),
    zone: zoneUrl(project, zone),
    canIpForward: properties['canIpForward'] === true,
    tags: { ...objectAt(properties, 'tags'), fingerprint: 'AAAAAAAAAAA=' },
    networkInterfaces: renderNetworks(project, instance.sequence, properties),
    disks: renderDisks(store, instance),
    metadata: {
      kind: 'compute#metadata',
      fingerprint: 'AAAAAAAAAAA=',
      items: listAt(objectAt(properties, 'metadata'), 'items'),
    },
    serviceAccounts: listAt(properties, 'serviceAccounts'),
    selfLink: `${zoneUrl(project, zone)}/instances/${instance.name}`,
    scheduling: objectAt(properties, 'scheduling'),
    cpuPlatform: 'Intel Cascade Lake',
    labels: instance.unlabelled ? {} : order.labels,
    labelFingerprint: 'AAAAAAAAAAA=',
    startRestricted: false,
    deletionProtection: properties['deletionProtection'] === true,
    ...(instance.hostname !== null && { hostname: instance.hostname }),
    lastStartTimestamp: created,
  };
}

function renderNetworks(project: string, sequence: number, properties: Properties): Properties[] {
  return listAt(properties, 'networkInterfaces').map((one, index) => ({
    kind: 'compute#networkInterface',
    network: computeUrl(`projects/${project}/global/networks/default`),
    ...one,
    name: `nic${index}`,
    networkIP: addressIn(10, sequence),
    accessConfigs: listAt(one, 'accessConfigs').map((config) => ({
      kind: 'compute#accessConfig',
      name: 'External NAT',
      ...config,
      natIP: addressIn(34, sequence),
    })),
  }));
}

function renderDisks(store: GoogleStore, instance: Instance): Properties[] {
  const { project, zone, properties } = store.orderOf(instance);
  const own = store.disksOf(instance);
  return listAt(properties, 'disks').map((requested, index) => {
    const brought = requested['type'] === 'SCRATCH' || requested['source'] !== undefined;
    const disk = brought ? undefined : own.shift();
    return {
      kind: 'compute#attachedDisk',
      type: requested['type'] ?? 'PERSISTENT',
      mode: 'READ_WRITE',
      index,
      boot: requested['boot'] === true,
      autoDelete: requested['autoDelete'] === true,
      interface: requested['interface'] ?? 'SCSI',
      deviceName: requested['deviceName'] ?? `persistent-disk-${index}`,
      ...(requested['source'] !== undefined && { source: requested['source'] }),
      ...(disk && { source: `${zoneUrl(project, zone)}/disks/${disk.name}`, diskSizeGb: disk.sizeGb }),
    };
  });
}

export function renderDisk(store: GoogleStore, disk: Disk): Properties {
  const { project, zone, user } = disk;
  const instance = user === null ? undefined : store.instance(user);
  return {
    kind: 'compute#disk',
    id: disk.id,
    creationTimestamp: timestamp(disk.createdMs),
    name: disk.name,
    sizeGb: disk.sizeGb,
    zone: zoneUrl(project, zone),
    status: 'READY',
    selfLink: `${zoneUrl(project, zone)}/disks/${disk.name}`,
    type: `${zoneUrl(project, zone)}/diskTypes/${disk.type}`,
    labels: disk.labels,
    users: instance ? [`${zoneUrl(project, zone)}/instances/${instance.name}`] : [],
  };
}

export function renderOperation(store: GoogleStore, operation: Operation): Properties {
  const { name, project, zone, target, errors, endedMs, bulk } = operation;
  const zoneOf = zoneUrl(project, zone);
  return {
    kind: 'compute#operation',
    id: operation.id,
    name,
    zone: zoneOf,
    ...(operation.requestId !== null && { clientOperationId: operation.requestId }),
    ...(operation.groupId !== null && { operationGroupId: operation.groupId }),
    operationType: operation.type,
    ...(target && { targetLink: `${zoneOf}/${target.collection}/${target.name}`, targetId: target.id }),
    status: operation.status,
    user: operation.user,
    progress: endedMs === null ? 0 : 100,
    insertTime: timestamp(operation.startedMs),
    creationTimestamp: timestamp(operation.startedMs),
    startTime: timestamp(operation.startedMs),
    ...(endedMs !== null && { endTime: timestamp(endedMs) }),
    ...(errors.length > 0 && { error: { errors }, ...httpError(errors[0]?.code ?? '') }),
    ...(operation.type === 'compute.instances.preempted' && { statusMessage: 'Instance was preempted.' }),
    selfLink: `${zoneOf}/operations/${name}`,
    ...(bulk && { instancesBulkInsertOperationMetadata: { perLocationStatus: progressOf(store, operation) } }),
  };
}

function httpError(code: string): Properties {
  if (code === 'QUOTA_EXCEEDED') return { httpErrorStatusCode: 403, httpErrorMessage: 'FORBIDDEN' };
  if (code === 'RESOURCE_ALREADY_EXISTS') return { httpErrorStatusCode: 409, httpErrorMessage: 'CONFLICT' };
  if (code.includes('EXHAUSTED')) return { httpErrorStatusCode: 503, httpErrorMessage: 'SERVICE UNAVAILABLE' };
  return { httpErrorStatusCode: 400, httpErrorMessage: 'BAD REQUEST' };
}

/** How far a bulk has got. */
function progressOf(store: GoogleStore, operation: Operation): Properties {
  const ended = childrenOf(store, operation).filter((child) => child.status === 'DONE');
  const failed = ended.filter((child) => child.errors.length > 0).length;
  const target = operation.bulk?.children.length ?? 0;
  const hopeless = target - failed < (operation.bulk?.minCount ?? 0);
  return {
    [`zones/${operation.zone}`]: {
      targetVmCount: target,
      createdVmCount: ended.length - failed,
      failedToCreateVmCount: failed,
      deletedVmCount: operation.undone,
      status: operation.status === 'DONE' ? 'DONE' : hopeless ? 'ROLLING_BACK' : 'CREATING',
    },
  };
}

export function renderZone(project: string, zone: string): Properties {
  return {
    kind: 'compute#zone',
    name: zone,
    description: zone,
    status: 'UP',
    region: computeUrl(`projects/${project}/regions/${regionOf(zone)}`),
    selfLink: computeUrl(zonePath(project, zone)),
  };
}

export const renderMachineType = (project: string, zone: string, name: string, cpus: number): Properties => ({
  kind: 'compute#machineType',
  name,
  guestCpus: cpus,
  memoryMb: cpus * 4096,
  zone,
  selfLink: `${zoneUrl(project, zone)}/machineTypes/${name}`,
});

export const renderProject = (project: string, number: string): Properties => ({
  kind: 'compute#project',
  id: number,
  name: project,
  defaultServiceAccount: workerAccount(project),
  description: uniqueIdOf(project),
  selfLink: computeUrl(`projects/${project}`),
});
