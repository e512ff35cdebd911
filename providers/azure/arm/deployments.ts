import type { DeploymentExtended, DeploymentOperation } from '@azure/arm-resourcesdeployments';
import { orNull } from '../../errors.js';
import type { AzureCalls } from './client.js';
import { noneWithoutGroup, pages } from './pages.js';
import { type Place, placeKey } from './scope.js';
import { SharedLook } from '../../shared/single-flight.js';

/** Looks at one group's deployments begin so far apart. */
const REST_MS = 1_000;

/** Deployments as Resource Manager remembers them: at most 800 in a group. */
export class DeploymentRecords {
  private readonly calls: AzureCalls;
  private readonly looks = new Map<string, SharedLook<ReadonlyMap<string, DeploymentExtended>>>();

  constructor(calls: AzureCalls) {
    this.calls = calls;
  }

  /** All of a group by name; nothing when the group is gone. */
  async list(place: Place): Promise<ReadonlyMap<string, DeploymentExtended>> {
    const listing = pages(this.calls, place, 'LIST deployments', ({ deployments }) =>
      deployments.deployments.listByResourceGroup(place.group),
    );
    return new Map((await noneWithoutGroup(listing)).map((one) => [one.name ?? '', one]));
  }

  /** One of them, from a listing that all who ask at about the same time share; null when there is none. */
  async find(place: Place, name: string): Promise<DeploymentExtended | null> {
    const key = placeKey(place);
    const look = this.looks.get(key) ?? new SharedLook(() => this.list(place), REST_MS);
    this.looks.set(key, look);
    return (await look.take()).get(name) ?? null;
  }

  /** One of them by its name; null when there is none. */
  get({ account, group }: Place, name: string): Promise<DeploymentExtended | null> {
    return orNull(
      this.calls.call(account, 'read', 'GET deployments', ({ deployments }) =>
        deployments.deployments.get(group, name),
      ),
    );
  }

  /** What it did, or tries to do; empty when there is no such deployment any more. */
  async operations(place: Place, name: string): Promise<DeploymentOperation[]> {
    const listing = pages(this.calls, place, 'LIST deploymentOperations', ({ deployments }) =>
      deployments.deploymentOperations.list(place.group, name),
    );
    return (await orNull(listing)) ?? [];
  }

  /** Stops it from beginning anything more. Throws Unavailable while Azure will not. */
  async cancel({ account, group }: Place, name: string): Promise<void> {
    await this.calls.call(account, 'create', 'POST deployments cancel', ({ deployments }) =>
      deployments.deployments.cancel(group, name),
    );
  }

  /** The record only, not what it made. Accepted, or not there. Throws Unavailable while it is active. */
  async delete({ account, group }: Place, name: string): Promise<void> {
    await orNull(
      this.calls.call(account, 'delete', 'DELETE deployments', ({ deployments }) =>
        deployments.deployments.delete(group, name).submitted(),
      ),
    );
  }
}
