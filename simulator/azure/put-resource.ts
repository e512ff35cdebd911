import { randomUUID } from 'node:crypto';
import { Refusal } from '../errors.js';
import { objectAt, textAt } from '../members.js';
import { kindRules } from './kinds.js';
import { hashOf, type Ending, type Operation, type Properties } from './resource.js';
import type { Resource, ResourceKind } from './resource.js';
import type { ArmStore } from './store.js';
import { openGroup, readTags } from './checks.js';
import { resourceId } from './target.js';

export interface PutRequest {
  readonly kind: ResourceKind;
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly name: string;
  readonly body: Properties;
  readonly ending: Ending;
  readonly deploymentId?: string;
}

export interface PutResult {
  readonly resource: Resource;
  readonly status: 200 | 201;
  /** Null when there was nothing to do. */
  readonly operation: Operation | null;
  readonly created: readonly string[];
}

/**
 * Creates or updates by name. Equal parameters for a resource that exists, or is being created, change nothing; only
 * tags and what the kind allows may change. A failed one is created again. Throws a Refusal with the real service's
 * code.
 */
// oxlint-disable-next-line max-lines-per-function -- the checks of one request, in the order in which Azure makes them
export function putResource(store: ArmStore, request: PutRequest, nowMs: number): PutResult {
  const { kind, subscriptionId, name, body } = request;
  const rules = kindRules[kind];
  const group = openGroup(store, subscriptionId, request.resourceGroup);
  if (!rules.name.test(name))
    throw new Refusal('InvalidResourceName', `Resource name ${name.slice(0, 100)} is invalid.`);
  const id = resourceId(subscriptionId, group.name, kind, name);
  const existing = store.resource(id);
  const location = textAt(body, 'location')?.toLowerCase().replaceAll(' ', '');
  if (!location) throw new Refusal('LocationRequired', 'The location property is required for this definition.');
  const tags = readTags(body['tags']);
  const { tags: _tags, ...shape } = body;
  const hashes = { parametersHash: hashOf(body), shapeHash: hashOf(shape) };
  if (existing) {
    const answer = updateResource(store, existing, location, hashes);
    if (answer) return answer;
  }
  rules.check({ store, id, body });
  const redone = existing && existing.state !== 'Failed';
  const resource: Resource = existing ?? {
    id,
    kind,
    subscriptionId,
    resourceGroup: group.name,
    name,
    location,
    sequence: store.nextSequence(),
    createdMs: nowMs,
    tags,
    properties: {},
    extras: {},
    ...hashes,
    state: rules.creating,
    failure: null,
    operationId: null,
    usedBy: null,
    machine:
      kind === 'virtualMachines'
        ? {
            vmId: randomUUID(),
            customData: textAt(body, 'properties', 'osProfile', 'customData') ?? '',
            power: 'off',
            runningSinceMs: null,
            hiddenUntilMs: 0,
          }
        : null,
  };
  const { properties: _properties, location: _location, tags: _moreTags, ...extras } = body;
  const { id: _id, name: _name, type: _type, ...shownExtras } = extras;
  Object.assign(resource, {
    tags,
    extras: shownExtras,
    ...hashes,
    failure: null,
    state: redone ? 'Updating' : rules.creating,
  });
  resource.properties = rules.shown(objectAt(body, 'properties'), resource);
  store.keep(resource);
  const attached = rules.attach(store, resource, nowMs);
  const ending = rules.ending?.(store, resource, request.ending) ?? request.ending;
  const operation = store.begin(
    {
      method: 'PUT',
      kind,
      targetId: id,
      takesMs: rules.createMs(store.times),
      ending,
      deploymentId: request.deploymentId,
    },
    nowMs,
  );
  resource.operationId = operation.id;
  return { resource, status: existing ? 200 : 201, operation, created: existing ? [] : [id, ...attached] };
}

type Hashes = Pick<Resource, 'parametersHash' | 'shapeHash'>;

/** The answer to a repeated PUT; null when there is something to do after all. */
function updateResource(store: ArmStore, existing: Resource, location: string, hashes: Hashes): PutResult | null {
  const rules = kindRules[existing.kind];
  if (existing.state === 'Deleting') throw rules.busy(existing);
  if (existing.location !== location) {
    throw new Refusal(
      'InvalidResourceLocation',
      `The resource '${existing.name}' already exists in location '${existing.location}'.`,
      409,
    );
  }
  const inProgress = store.operation(existing.operationId);
  const equal = existing.parametersHash === hashes.parametersHash;
  if (inProgress) {
    if (!equal) throw rules.busy(existing);
    return {
      resource: existing,
      status: existing.state === 'Creating' ? 201 : 200,
      operation: inProgress,
      created: [],
    };
  }
  if (existing.state === 'Failed') return null;
  if (equal) return { resource: existing, status: 200, operation: null, created: [] };
  if (existing.shapeHash !== hashes.shapeHash && !rules.changeable) {
    throw new Refusal(
      'PropertyChangeNotAllowed',
      `Changing properties of '${existing.name}' is not allowed; only its tags may change.`,
      409,
    );
  }
  return null;
}
