import type { DeploymentExtended, DeploymentOperation } from '@azure/arm-resourcesdeployments';
import { ignoreNotFound } from '../../errors.js';
import type { AzureCalls } from './client.js';
import { emptyIfGroupMissing, pages, shown } from './pages.js';
import { type ResourceGroupRef, groupKey } from './scope.js';
import { SingleFlight } from '../../shared/single-flight.js';

/** Listings of one group's deployments begin so far apart. */
const LIST_INTERVAL_MS = 1_000;

/** Deployments of which Resource Manager has a record: at most 800 in a group. */
export class Deployments {
  private readonly calls: AzureCalls;
  private readonly listings = new Map<string, SingleFlight<ReadonlyMap<string, DeploymentExtended>>>();

  constructor(calls: AzureCalls) {
    this.calls = calls;
  }

  /** All of a group by name; nothing when the group is gone. */
  async list(groupRef: ResourceGroupRef): Promise<ReadonlyMap<string, DeploymentExtended>> {
    const listing = pages(this.calls, groupRef, 'LIST deployments', ({ deployments }) =>
      deployments.deployments.listByResourceGroup(groupRef.group),
    );
    return new Map((await emptyIfGroupMissing(listing)).map((one) => [one.name ?? '', one]));
  }

  /** One of them, from a listing that all who ask at about the same time share; null when there is none. */
  async find(groupRef: ResourceGroupRef, name: string): Promise<DeploymentExtended | null> {
    const key = groupKey(groupRef);
    const listing = this.listings.get(key) ?? new SingleFlight(() => this.list(groupRef), LIST_INTERVAL_MS);
    this.listings.set(key, listing);
    return (await listing.run()).get(name) ?? null;
  }

  /** One of them by its name; null when there is none. */
  get({ account, group }: ResourceGroupRef, name: string): Promise<DeploymentExtended | null> {
    return ignoreNotFound(
      this.calls.call(account, 'read', 'GET deployments', async ({ deployments }) =>
        shown(await deployments.deployments.get(group, name)),
      ),
    );
  }

  /** What it did, or tries to do; empty when there is no such deployment any more. */
  async operations(groupRef: ResourceGroupRef, name: string): Promise<DeploymentOperation[]> {
    const listing = pages(this.calls, groupRef, 'LIST deploymentOperations', ({ deployments }) =>
      deployments.deploymentOperations.list(groupRef.group, name),
    );
    return (await ignoreNotFound(listing)) ?? [];
  }

  /** Stops it from beginning anything more. Throws Unavailable while Azure will not. */
  async cancel({ account, group }: ResourceGroupRef, name: string): Promise<void> {
    await this.calls.call(account, 'create', 'POST deployments cancel', ({ deployments }) =>
      deployments.deployments.cancel(group, name),
    );
  }

  /** The record only, not what it created. Accepted, or not there. Throws Unavailable while it is active. */
  async delete({ account, group }: ResourceGroupRef, name: string): Promise<void> {
    await ignoreNotFound(
      this.calls.call(account, 'delete', 'DELETE deployments', ({ deployments }) =>
        deployments.deployments.delete(group, name).submitted(),
      ),
    );
  }
}
