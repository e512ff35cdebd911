import { Refusal } from '../errors.js';
import { listAt, objectAt } from '../members.js';
import { accountExists } from './accounts.js';
import { invalid, invalidField, notFound, unavailable } from './errors.js';
import { lastPart } from './places.js';
import { textAt, type Properties } from './resource.js';
import type { GoogleStore } from './store.js';

export const instanceName = /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/;
const labelKey = /^[a-z][a-z0-9_-]{0,62}$/;
const labelValue = /^[a-z0-9_-]{0,63}$/;
const machineTypeName = /^[a-z][a-z0-9]*(-[a-z0-9]+)+$/;
const MAX_LABELS = 64;
const MAX_METADATA_VALUE_BYTES = 256 * 1024;
const MAX_METADATA_BYTES = 512 * 1024;

/** By convention nothing exists whose name begins so; everything else does. */
const isMissing = (url: string): boolean => lastPart(url).startsWith('missing');

/**
 * Where a bulk takes names only, and a single insertion full or partial URLs in its zone. Gives the bare machine type.
 */
export function checkOrder(store: GoogleStore, zone: string, order: Properties, bulk: boolean): string {
  const machineType = checkMachineType(zone, textAt(order, 'machineType'), bulk);
  for (const { acceleratorType } of listAt(order, 'guestAccelerators')) checkPlace(zone, acceleratorType, bulk);
  checkDisks(zone, listAt(order, 'disks'), bulk);
  checkNetworks(listAt(order, 'networkInterfaces'));
  checkLabels('resource.labels', objectAt(order, 'labels'));
  checkMetadata(listAt(objectAt(order, 'metadata'), 'items'));
  const accounts = listAt(order, 'serviceAccounts');
  if (accounts.length > 1) throw invalid('At most one service account can be attached to an instance.');
  for (const account of accounts) checkAccount(store, textAt(account, 'email') ?? '');
  return machineType;
}

function checkMachineType(zone: string, machineType: string | null, bulk: boolean): string {
  if (machineType === null) throw new Refusal('required', "Required field 'machineType' not specified", 400);
  const name = lastPart(machineType);
  if (!bulk && !machineType.includes('/')) {
    throw invalidField('resource.machineType', machineType, 'The URL is malformed.');
  }
  checkPlace(zone, machineType, bulk);
  if (!machineTypeName.test(name) || isMissing(name)) {
    throw invalidField('resource.machineType', machineType, 'The referenced resource does not exist.');
  }
  return name;
}

/** A bulk answers a zonal URL as if it had broken down. */
function checkPlace(zone: string, url: unknown, bulk: boolean): void {
  if (typeof url !== 'string' || !url.includes('/')) return;
  if (bulk) throw unavailable();
  if (!url.includes(`zones/${zone}/`)) {
    throw invalidField('resource', url, `It must be in the zone ${zone} of the instance.`);
  }
}

function checkDisks(zone: string, disks: readonly Properties[], bulk: boolean): void {
  if (disks.length === 0) throw invalid('Invalid value for field resource.disks: At least one boot disk is needed.');
  for (const disk of disks) {
    const parameters = objectAt(disk, 'initializeParams');
    checkPlace(zone, parameters['diskType'], bulk);
    if (disk['type'] === 'SCRATCH') {
      if (Object.keys(objectAt(parameters, 'labels')).length > 0) {
        throw invalidField('resource.disks.initializeParams.labels', '', 'Local SSDs cannot have labels.');
      }
      continue;
    }
    checkLabels('resource.disks.initializeParams.labels', objectAt(parameters, 'labels'));
    const image = textAt(parameters, 'sourceImage');
    if (image !== null && isMissing(image)) throw notFound(image);
    if (!bulk) continue;
    const notForBulk = [disk['source'], parameters['sourceSnapshot'], parameters['diskName']];
    if (notForBulk.some((value) => value !== undefined) || 'rawKey' in objectAt(disk, 'diskEncryptionKey')) {
      throw invalid('A disk of this kind cannot be created in bulk.');
    }
  }
}

function checkNetworks(interfaces: readonly Properties[]): void {
  for (const one of interfaces) {
    for (const url of [textAt(one, 'network'), textAt(one, 'subnetwork')]) {
      if (url !== null && isMissing(url)) throw notFound(url);
    }
  }
}

function checkLabels(field: string, labels: Properties): void {
  if (Object.keys(labels).length > MAX_LABELS) throw invalidField(field, '', `There can be at most ${MAX_LABELS}.`);
  for (const [key, value] of Object.entries(labels)) {
    if (!labelKey.test(key)) throw invalidField(field, key, 'Label keys must match the regex.');
    if (typeof value !== 'string' || !labelValue.test(value)) {
      throw invalidField(field, JSON.stringify(value), 'Label values must match the regex.');
    }
  }
}

function checkMetadata(items: readonly Properties[]): void {
  const keys = items.map((item) => textAt(item, 'key') ?? '');
  const twice = keys.find((key, index) => keys.indexOf(key) < index);
  if (twice !== undefined) throw invalidField('resource.metadata', twice, 'Metadata has duplicate key.');
  const sizes = items.map((item) => Buffer.byteLength(textAt(item, 'value') ?? ''));
  if (sizes.some((size) => size > MAX_METADATA_VALUE_BYTES)) {
    throw invalid('Value for metadata item is too large: maximum size 262144 character(s).');
  }
  if (sizes.reduce((sum, size) => sum + size, 0) > MAX_METADATA_BYTES) throw invalid('Metadata size is too large.');
}

function checkAccount(store: GoogleStore, email: string): void {
  if (email === 'default' || accountExists(store, email)) return;
  throw new Refusal(
    'SERVICE_ACCOUNT_ACCESS_DENIED',
    `The user does not have access to service account '${email}'.  Ask a project owner to grant you the iam.serviceAccountUser role on the service account`,
    400,
  );
}
