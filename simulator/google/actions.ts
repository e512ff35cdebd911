import { readAccount } from './accounts.js';
import { invalidField, notFound, unavailable } from './errors.js';
import { bulkInsert, insert, type Begun, type Disturbance, type Mutation } from './launch.js';
import { disksIn, instancesIn, operationsIn, renderAggregated, renderList } from './lists.js';
import { computeUrl, projectNumber, regionOf, zonePath } from './places.js';
import { deleteDisk, deleteInstance } from './remove.js';
import * as render from './render.js';
import type { Operation, Properties } from './resource.js';
import { cpusOf, quotaMetrics } from './room.js';
import type { GoogleStore } from './store.js';
import type { Target } from './target.js';

export interface ComputeCall {
  readonly target: Target;
  readonly query: URLSearchParams;
  readonly body: Properties;
  readonly user: string;
  readonly disturbance: Disturbance;
}

export interface ComputeAnswer {
  readonly body: Properties;
  /** What a mutation has begun. */
  readonly begun?: Begun;
}

/** Does what the call asks. Throws a Refusal with the real service's reason and status. */
// oxlint-disable-next-line complexity -- one case for each operation of the API
export function perform(store: GoogleStore, call: ComputeCall, nowMs: number): ComputeAnswer {
  const { target, query } = call;
  const { operation, project, zone } = target;
  if (operation === 'serviceAccounts.get') return { body: readAccount(store, project, target.name ?? '') };
  if (!store.projects.includes(project)) throw notFound(`projects/${project}`);
  if (zone === null) return { body: performGlobal(store, call, nowMs) };
  if (!store.zones.includes(zone)) throw notFound(zonePath(project, zone));
  checkReachable(store, target);
  const list = { project, zone, query };
  switch (operation) {
    case 'instances.bulkInsert':
      return begin(store, bulkInsert(store, mutationOf(call, zone), nowMs));
    case 'instances.insert':
      return begin(store, insert(store, mutationOf(call, zone), nowMs));
    case 'instances.delete':
      return begin(store, deleteInstance(store, mutationOf(call, zone), target.name ?? '', nowMs));
    case 'disks.delete':
      return begin(store, deleteDisk(store, mutationOf(call, zone), target.name ?? '', nowMs));
    case 'instances.list':
      return { body: renderList(store, 'instance', instancesIn(store, project, zone, nowMs), list) };
    case 'disks.list':
      return { body: renderList(store, 'disk', disksIn(store, project, zone), list) };
    case 'zoneOperations.list':
      return { body: renderList(store, 'operation', operationsIn(store, project, zone), list) };
    case 'zoneOperations.delete':
      // The record only: what it records goes on.
      findOperation(store, target).hidden = true;
      return { body: {} };
    default:
      return { body: readZonal(store, target, zone, nowMs) };
  }
}

function performGlobal(store: GoogleStore, { target, query }: ComputeCall, nowMs: number): Properties {
  const { operation, project, region } = target;
  const list = { project, zone: null, query };
  switch (operation) {
    case 'projects.get':
      return render.renderProject(project, projectNumber(project));
    case 'zones.list':
      return { kind: 'compute#zoneList', items: store.zones.map((zone) => render.renderZone(project, zone)) };
    case 'regions.get':
      return readRegion(store, project, region ?? '');
    case 'instances.aggregatedList':
      return renderAggregated(store, 'instance', instancesIn(store, project, null, nowMs), list);
    default:
      return renderAggregated(store, 'disk', disksIn(store, project, null), list);
  }
}

function readZonal(store: GoogleStore, target: Target, zone: string, nowMs: number): Properties {
  const { operation, project, name } = target;
  const path = (collection: string): string => `${zonePath(project, zone)}/${collection}/${name ?? ''}`;
  switch (operation) {
    case 'instances.get': {
      const instance = store.find(project, zone, name ?? '');
      if (!instance) throw notFound(path('instances'));
      return render.renderInstance(store, instance, nowMs);
    }
    case 'disks.get': {
      const disk = store.findDisk(project, zone, name ?? '');
      if (!disk) throw notFound(path('disks'));
      return render.renderDisk(store, disk);
    }
    case 'machineTypes.list':
      return { kind: 'compute#machineTypeList', items: someTypes.map((type) => typeOf(project, zone, type)) };
    case 'machineTypes.get':
      if (name === null || name.startsWith('missing')) throw notFound(path('machineTypes'));
      return typeOf(project, zone, name);
    case 'zones.get':
      return render.renderZone(project, zone);
    default:
      return render.renderOperation(store, findOperation(store, target));
  }
}

/** Of the types that exist, which are all with a well-formed name. */
const someTypes = ['e2-medium', 'n2-standard-2', 'n2-standard-4', 'n2-standard-8', 'c2-standard-4'];
const typeOf = (project: string, zone: string, name: string): Properties =>
  render.renderMachineType(project, zone, name, cpusOf(name));

export function findOperation(store: GoogleStore, { project, zone, name }: Target): Operation {
  const operation = store.operation(name ?? '');
  if (!operation || operation.hidden || operation.project !== project || operation.zone !== zone) {
    throw notFound(`${zonePath(project, zone ?? '')}/operations/${name ?? ''}`);
  }
  return operation;
}

function readRegion(store: GoogleStore, project: string, region: string): Properties {
  const zones = store.zones.filter((zone) => regionOf(zone) === region);
  if (zones.length === 0) throw notFound(`projects/${project}/regions/${region}`);
  return {
    kind: 'compute#region',
    name: region,
    status: 'UP',
    zones: zones.map((zone) => computeUrl(zonePath(project, zone))),
    quotas: quotaMetrics.flatMap((metric) => {
      const quota = store.quotas.get(`${region} ${metric}`);
      return quota ? { metric, limit: quota.limit } : [];
    }),
  };
}

/** Lists can say that they are not complete; nothing else can be had of a zone that does not answer. */
function checkReachable(store: GoogleStore, { operation, zone }: Target): void {
  const how = store.unreachable.get(zone ?? '');
  if (how === undefined || (how === 'warning' && operation.endsWith('.list'))) return;
  throw unavailable();
}

const anyUuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

function mutationOf({ target, query, body, user, disturbance }: ComputeCall, zone: string): Mutation {
  const requestId = query.get('requestId');
  if (requestId !== null && (!anyUuid.test(requestId) || /^[0-]+$/.test(requestId))) {
    throw invalidField('requestId', requestId, 'It must be a UUID, and not zero.');
  }
  return { project: target.project, zone, body, requestId, user, disturbance };
}

const begin = (store: GoogleStore, begun: Begun): ComputeAnswer => ({
  body: render.renderOperation(store, begun.operation),
  begun,
});
