import type { MachineRef } from '../../provider.js';
import { trackedIdsFor, typeOf } from '../model/resource-ids.js';
import { SingleFlight } from '../../shared/single-flight.js';
import { type ResourceGroupRef, groupKey } from '../arm/scope.js';
import { belongsToAnother } from '../model/tags.js';
import { resourcesByWorker } from './observations.js';
import { type RemovalStep, type Resource, stepOfType } from '../model/resources.js';

/** Removals share listings: many lifecycles come to the same step at the same time. */
const LISTING_INTERVAL_MS = 2_000;
/** What a scan listed serves removals for so long: nothing is created for a machine that is being removed. */
const FRESH_MS = 5_000;

/** Names of a machine's resources that do not follow from its id; from listings that scans made, or removals share. */
export class SharedListings {
  private readonly list: (groupRef: ResourceGroupRef, step: RemovalStep) => Promise<Resource[]>;
  private readonly deploymentId: string;
  private readonly listings = new Map<string, SingleFlight<Listed>>();
  private readonly scanned = new Map<string, Scanned>();

  constructor(list: (groupRef: ResourceGroupRef, step: RemovalStep) => Promise<Resource[]>, deploymentId: string) {
    this.list = list;
    this.deploymentId = deploymentId;
  }

  /** Takes up what a scan of a place has listed to the end: `byWorker` of `resources`, which are all of these steps. */
  note(groupRef: ResourceGroupRef, scan: Omit<Scanned, 'byId'> & { readonly resources: readonly Resource[] }): void {
    const { steps, begunAt, byWorker, resources } = scan;
    if (begunAt < (this.scanned.get(groupKey(groupRef))?.begunAt ?? 0)) return;
    this.scanned.set(groupKey(groupRef), { steps, begunAt, byWorker, byId: idsOf(resources) });
  }

  async namesOf(groupRef: ResourceGroupRef, step: RemovalStep, machine: MachineRef): Promise<string[]> {
    const { byWorker, byId } = this.fresh(groupRef, step) ?? (await this.shared(groupRef, step));
    // By type: what has no step of its own goes with the disks, and is none.
    const isOfStep = ({ id }: Resource) => stepOfType[typeOf(id) ?? ''] === step;
    const own = (byWorker.get(machine.workerId) ?? []).filter(isOfStep).map(({ name }) => name);
    const known = trackedIdsFor(machine, step).flatMap((id) => byId.get(id.toLowerCase()) ?? []);
    const unclaimed = known.filter((one) => !belongsToAnother(one, this.deploymentId, machine.workerId));
    return [...own, ...unclaimed.map(({ name }) => name)];
  }

  private fresh(groupRef: ResourceGroupRef, step: RemovalStep): Listed | null {
    const scanned = this.scanned.get(groupKey(groupRef));
    if (!scanned?.steps.has(step)) return null;
    return performance.now() - scanned.begunAt < FRESH_MS ? scanned : null;
  }

  private async shared(groupRef: ResourceGroupRef, step: RemovalStep): Promise<Listed> {
    const key = `${groupKey(groupRef)}/${step}`;
    const listing =
      this.listings.get(key) ?? new SingleFlight(() => this.readStep(groupRef, step), LISTING_INTERVAL_MS);
    this.listings.set(key, listing);
    return await listing.run();
  }

  private async readStep(groupRef: ResourceGroupRef, step: RemovalStep): Promise<Listed> {
    const resources = await this.list(groupRef, step);
    return { byWorker: resourcesByWorker(resources, this.deploymentId), byId: idsOf(resources) };
  }
}

interface Listed {
  readonly byWorker: ReadonlyMap<string, readonly Resource[]>;
  /** By id, lower-case. */
  readonly byId: ReadonlyMap<string, Resource>;
}

interface Scanned extends Listed {
  readonly steps: ReadonlySet<RemovalStep>;
  /** By `performance.now()`. */
  readonly begunAt: number;
}

const idsOf = (resources: readonly Resource[]): Map<string, Resource> =>
  new Map(resources.map((resource) => [resource.id.toLowerCase(), resource]));
