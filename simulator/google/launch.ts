import { Refusal } from '../errors.js';
import { listAt, objectAt } from '../members.js';
import { checkOrder, instanceName } from './check-order.js';
import { alreadyExists, invalid, invalidField } from './errors.js';
import { lastPart, zonePath } from './places.js';
import { numberAt, textAt } from './resource.js';
import type { Ending, Instance, Operation, OperationError, Order, Properties } from './resource.js';
import { shortageOf } from './room.js';
import { newGroupId, newId, type GoogleStore } from './store.js';

/** What a fault makes of the operation that a call begins. */
export interface Disturbance {
  readonly stuck: boolean;
  readonly errors: Ending;
  /** Of the machines that a call creates, so many fail; null: all. */
  readonly machines: number | null;
}

export interface Mutation {
  readonly project: string;
  readonly zone: string;
  readonly body: Properties;
  readonly requestId: string | null;
  readonly user: string;
  readonly disturbance: Disturbance;
}

/** What a mutation has begun, for its answer and the log. */
export interface Begun {
  readonly operation: Operation;
  /** It is the operation of an earlier call with the same request id. */
  readonly repeated?: true;
  readonly targets?: readonly string[];
  readonly order?: Order;
}

const MAX_BULK = 5000;
/** The insertions of a bulk end in so many steps, in the second half of its time. */
const WAVES = 4;

export function bulkInsert(store: GoogleStore, call: Mutation, nowMs: number): Begun {
  const { project, zone, body, requestId, user } = call;
  const earlier = store.repeated(project, zone, 'bulkInsert', requestId);
  if (earlier) return { operation: earlier, repeated: true };
  const names = namesOf(store, call);
  const minCount = numberAt(body, 'minCount') ?? names.length;
  if (!Number.isInteger(minCount) || minCount < 0 || minCount > names.length) {
    throw invalidField('resource.minCount', String(minCount), 'It must be between 0 and count.');
  }
  const properties = objectAt(body, 'instanceProperties');
  const machineType = checkOrder(store, zone, properties, true);
  const { room, error } = shortageOf(store, { project, zone, machineType }, minCount);
  const order = keepOrder(store, call, properties, machineType, nowMs);
  const groupId = newGroupId();
  const plans = plan(store, call, names, room, error);
  const { insertMs } = store.times;
  const common = { project, zone, groupId, user, orderId: order.id };
  const children = plans.map(({ name, errors }, index) => {
    const wave = Math.ceil(((index + 1) * WAVES) / plans.length) / WAVES;
    const takesMs = call.disturbance.stuck ? null : (insertMs * (1 + wave)) / 2;
    const hostname = textAt(objectAt(body, 'perInstanceProperties', name), 'hostname');
    const target = { collection: 'instances', name, id: newId() } as const;
    const given = { ...common, requestId: null, target, bulk: null, takesMs, ending: errors };
    const operation = store.begin({ ...given, type: 'insert' }, nowMs);
    makeInstance(store, order, operation, hostname, nowMs);
    return operation;
  });
  const operation = store.begin(
    {
      ...common,
      requestId,
      type: 'bulkInsert',
      target: null,
      bulk: { children: children.map((child) => child.name), minCount },
      takesMs: call.disturbance.stuck ? null : insertMs,
      ending: [],
    },
    nowMs,
  );
  return { operation, targets: children.map((child) => child.target?.id ?? ''), order };
}

export function insert(store: GoogleStore, call: Mutation, nowMs: number): Begun {
  const { project, zone, body, requestId, user, disturbance } = call;
  const earlier = store.repeated(project, zone, 'insert', requestId);
  if (earlier) return { operation: earlier, repeated: true };
  const name = textAt(body, 'name') ?? '';
  checkName(name);
  const machineType = checkOrder(store, zone, body, false);
  if (store.find(project, zone, name)) {
    throw new Refusal('alreadyExists', alreadyExists(`${zonePath(project, zone)}/instances/${name}`).message, 409);
  }
  const { room, error } = shortageOf(store, { project, zone, machineType }, 1);
  const order = keepOrder(store, call, body, machineType, nowMs);
  const [planned] = plan(store, call, [name], room, error);
  const operation = store.begin(
    {
      ...{ project, zone, groupId: null, requestId, user, bulk: null, orderId: order.id },
      type: 'insert',
      target: { collection: 'instances', name, id: newId() },
      takesMs: disturbance.stuck ? null : store.times.insertMs,
      ending: planned?.errors ?? [],
    },
    nowMs,
  );
  makeInstance(store, order, operation, textAt(body, 'hostname'), nowMs);
  return { operation, targets: [operation.target?.id ?? ''], order };
}

/** The keys of `perInstanceProperties`, or numbers in place of the pattern's `#`, after the largest that exists. */
// oxlint-disable-next-line complexity -- the refusals of one member of a request
function namesOf(store: GoogleStore, { project, zone, body }: Mutation): string[] {
  const count = numberAt(body, 'count') ?? NaN;
  if (!Number.isInteger(count) || count < 1 || count > MAX_BULK) {
    throw invalidField('resource.count', String(count), `It must be between 1 and ${MAX_BULK}.`);
  }
  const pattern = textAt(body, 'namePattern');
  const named = Object.keys(objectAt(body, 'perInstanceProperties'));
  if (pattern === null) {
    if (named.length !== count) throw invalid('The number of per-instance properties must be the count.');
    named.forEach(checkName);
    return named;
  }
  const parts = /^([^#]*)(#+)([^#]*)$/.exec(pattern);
  if (!parts || named.length > 0) throw invalidField('resource.namePattern', pattern, 'It must have one run of #.');
  const [, before = '', digits = '', after = ''] = parts;
  let last = 0;
  for (const instance of store.instances()) {
    const { name } = instance;
    const order = store.orderOf(instance);
    if (order.project !== project || order.zone !== zone) continue;
    if (!name.startsWith(before) || !name.endsWith(after)) continue;
    const number = Number(name.slice(before.length, name.length - after.length));
    if (Number.isInteger(number)) last = Math.max(last, number);
  }
  return Array.from(
    { length: count },
    (_, index) => `${before}${String(last + index + 1).padStart(digits.length, '0')}${after}`,
  );
}

function checkName(name: string): void {
  if (!instanceName.test(name)) throw invalidField('resource.name', name, 'Must be a match of regex.');
}

interface Plan {
  readonly name: string;
  readonly errors: readonly OperationError[];
}

/** Which of the machines fail, and why: names in use, then what a fault says, then what there is no room for. */
function plan(
  store: GoogleStore,
  { project, zone, disturbance }: Mutation,
  names: readonly string[],
  room: number,
  shortage: OperationError,
): Plan[] {
  let toFail = disturbance.errors.length === 0 ? 0 : (disturbance.machines ?? Infinity);
  let left = room;
  return names.map((name) => {
    if (store.find(project, zone, name)) {
      return { name, errors: [alreadyExists(`${zonePath(project, zone)}/instances/${name}`)] };
    }
    if (toFail-- > 0) return { name, errors: disturbance.errors };
    return { name, errors: left-- > 0 ? [] : [shortage] };
  });
}

function keepOrder(
  store: GoogleStore,
  { project, zone, requestId }: Mutation,
  properties: Properties,
  machineType: string,
  nowMs: number,
): Order {
  const order: Order = {
    id: newId(),
    project,
    zone,
    machineType,
    properties,
    labels: objectAt(properties, 'labels') as Record<string, string>,
    workerPoolId: poolIn(properties),
    requestId,
    createdMs: nowMs,
  };
  store.keepOrder(order);
  return order;
}

/** What a worker manager tells its machines, under the metadata key `taskcluster`. */
export function poolIn(properties: Properties): string | null {
  const items = listAt(objectAt(properties, 'metadata'), 'items');
  const text = textAt(
    items.find((item) => item['key'] === 'taskcluster'),
    'value',
  );
  try {
    return text === null ? null : textAt(JSON.parse(text), 'workerPoolId');
  } catch {
    return null;
  }
}

/** Nothing where the name is taken; where the machine will fail, one that only seems to exist. */
function makeInstance(
  store: GoogleStore,
  order: Order,
  { name: operation, target, ending }: Operation,
  hostname: string | null,
  nowMs: number,
): void {
  if (!target || ending.some((error) => error.code === 'RESOURCE_ALREADY_EXISTS')) return;
  const ghost = ending.length > 0;
  if (ghost && !store.ghosts) return;
  const { id, name } = target;
  const sequence = store.nextSequence();
  const created = { id, name, orderId: order.id, hostname, sequence, ghost, operation };
  const unharmed = { power: 'on', deleting: false, silent: false, shown: null, unlabelled: false } as const;
  const instance: Instance = { ...created, ...unharmed, disks: [] };
  store.keep(instance);
  if (!ghost) makeDisks(store, order, instance, nowMs);
}

/** Local SSDs are no resources of their own; disks that were there before are not the machine's. */
function makeDisks(store: GoogleStore, order: Order, instance: Instance, nowMs: number): void {
  const { project, zone } = order;
  listAt(order.properties, 'disks').forEach((disk, index) => {
    if (disk['type'] === 'SCRATCH' || disk['source'] !== undefined) return;
    const parameters = objectAt(disk, 'initializeParams');
    const id = newId();
    instance.disks.push(id);
    store.keepDisk({
      id,
      name: textAt(parameters, 'diskName') ?? (index === 0 ? instance.name : `${instance.name}-${index}`),
      project,
      zone,
      sizeGb: String(numberAt(parameters, 'diskSizeGb') ?? 10),
      type: lastPart(textAt(parameters, 'diskType') ?? 'pd-standard'),
      labels: objectAt(parameters, 'labels') as Record<string, string>,
      createdMs: nowMs,
      autoDelete: disk['autoDelete'] === true,
      sequence: store.nextSequence(),
      user: instance.id,
    });
  });
}
