import { randomUUID } from 'node:crypto';
import type { Deployment } from './deployment.js';
import type { Ending, Operation, Resource, ResourceGroup } from './resource.js';

export interface ArmTimes {
  readonly vmCreateMs: number;
  readonly vmDeleteMs: number;
  readonly networkCreateMs: number;
  readonly networkDeleteMs: number;
  readonly diskDeleteMs: number;
  /** What a deployment takes beyond its resources. */
  readonly deploymentMs: number;
}

export interface ArmSnapshot {
  readonly sequence: number;
  readonly groups: readonly ResourceGroup[];
  readonly resources: readonly Resource[];
  readonly deployments: readonly Deployment[];
  readonly operations: readonly Operation[];
}

/** Ended operations can be asked about for so long. */
const OPERATION_KEPT_MS = 3600_000;

export interface OperationRequest {
  readonly method: Operation['method'];
  readonly kind: Operation['kind'];
  readonly targetId: string;
  readonly takesMs: number;
  readonly ending: Ending;
  readonly deploymentId?: string | null;
}

/** Everything that Azure Resource Manager knows, in memory. Ids are compared without regard to case. */
export class ArmStore {
  readonly times: ArmTimes;
  /** How many more machines of this size the location has room for. */
  readonly room: (location: string, vmSize: string) => number;
  /** Virtual machines that began to run or ceased since somebody last took these. */
  readonly changes = { running: [] as Resource[], ended: [] as string[] };
  readonly #groups = new Map<string, ResourceGroup>();
  readonly #resources = new Map<string, Resource>();
  readonly #deployments = new Map<string, Deployment>();
  readonly #operations = new Map<string, Operation>();
  readonly #pending = new Set<Operation>();
  /** Groups that exist in every subscription from the beginning. */
  readonly #givenGroups: readonly string[];
  #sequence = 0;

  constructor(times: ArmTimes, givenGroups: readonly string[], room: ArmStore['room']) {
    this.times = times;
    this.#givenGroups = givenGroups;
    this.room = room;
  }

  nextSequence(): number {
    return ++this.#sequence;
  }

  group(subscriptionId: string, name: string): ResourceGroup | undefined {
    const known = this.#groups.get(key(`${subscriptionId}/${name}`));
    if (known) return known;
    const given = this.#givenGroups.find((one) => key(one) === key(name));
    return given === undefined ? undefined : givenGroup(subscriptionId, given);
  }

  keepGroup(group: ResourceGroup): void {
    this.#groups.set(key(`${group.subscriptionId}/${group.name}`), group);
  }

  groups(subscriptionId: string): ResourceGroup[] {
    const created = [...this.#groups.values()].filter((group) => key(group.subscriptionId) === key(subscriptionId));
    const given = this.#givenGroups
      .filter((name) => !created.some((group) => key(group.name) === key(name)))
      .map((name) => givenGroup(subscriptionId, name));
    return [...given, ...created];
  }

  resource(id: string): Resource | undefined {
    return this.#resources.get(key(id));
  }

  keep(resource: Resource): void {
    this.#resources.set(key(resource.id), resource);
  }

  forget(resource: Resource): void {
    this.#resources.delete(key(resource.id));
  }

  /** In order of creation. */
  resources(): Iterable<Resource> {
    return this.#resources.values();
  }

  /** A virtual machine of this name, in whatever group; machines go by their name here. */
  machine(name: string): Resource | undefined {
    for (const resource of this.#resources.values()) {
      if (resource.kind === 'virtualMachines' && key(resource.name) === key(name)) return resource;
    }
    return undefined;
  }

  deployment(id: string): Deployment | undefined {
    return this.#deployments.get(key(id));
  }

  keepDeployment(deployment: Deployment): void {
    this.#deployments.set(key(deployment.id), deployment);
  }

  forgetDeployment(deployment: Deployment): void {
    this.#deployments.delete(key(deployment.id));
  }

  deployments(): Iterable<Deployment> {
    return this.#deployments.values();
  }

  /** There is none for null, which a resource or deployment has while nothing is under way. */
  operation(id: string | null): Operation | undefined {
    return id === null ? undefined : this.#operations.get(id);
  }

  /** In the order in which they began. */
  pending(): Iterable<Operation> {
    return this.#pending;
  }

  begin(request: OperationRequest, nowMs: number): Operation {
    const operation: Operation = {
      id: randomUUID(),
      method: request.method,
      kind: request.kind,
      targetId: request.targetId,
      deploymentId: request.deploymentId ?? null,
      startedMs: nowMs,
      dueMs: request.ending.how === 'stick' ? null : nowMs + request.takesMs,
      ending: request.ending,
      status: 'InProgress',
      failure: null,
      endedMs: null,
    };
    this.#operations.set(operation.id, operation);
    this.#pending.add(operation);
    return operation;
  }

  /** Marks it ended; its effects are the caller's business. */
  close(operation: Operation, atMs: number): void {
    operation.failure = 'failure' in operation.ending ? operation.ending.failure : null;
    operation.status = operation.failure ? 'Failed' : 'Succeeded';
    operation.endedMs = atMs;
    this.#pending.delete(operation);
  }

  purge(nowMs: number): void {
    for (const { id, endedMs } of this.#operations.values()) {
      if (endedMs !== null && nowMs > endedMs + OPERATION_KEPT_MS) this.#operations.delete(id);
    }
  }

  snapshot(): ArmSnapshot {
    return {
      sequence: this.#sequence,
      groups: [...this.#groups.values()],
      resources: [...this.#resources.values()],
      deployments: [...this.#deployments.values()],
      operations: [...this.#operations.values()],
    };
  }

  restore(snapshot: ArmSnapshot): void {
    for (const map of [this.#groups, this.#resources, this.#deployments, this.#operations, this.#pending]) map.clear();
    this.changes.running.splice(0);
    this.changes.ended.splice(0);
    this.#sequence = snapshot.sequence;
    for (const group of snapshot.groups) this.keepGroup(group);
    for (const resource of snapshot.resources) this.keep(resource);
    for (const deployment of snapshot.deployments) this.keepDeployment(deployment);
    for (const operation of snapshot.operations) {
      this.#operations.set(operation.id, operation);
      if (operation.status === 'InProgress') this.#pending.add(operation);
    }
  }
}

const givenGroup = (subscriptionId: string, name: string): ResourceGroup => ({
  subscriptionId,
  name,
  location: 'eastus',
  tags: {},
  state: 'Succeeded',
});

const key = (id: string): string => id.toLowerCase();
