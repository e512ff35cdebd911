import { workerKeyText } from './ids.js';
import type { TaggedListing, TaggedThing } from './tagged-things.js';
import type { MachineLocation } from './worker.js';

/**
 * What becomes of things in a cloud that carry this deployment's tag and belong to nobody
 * (ARCHITECTURE.md#only-ours). Pure: compares what all clouds list with rows, launches and open lifecycles.
 *
 * The rule has two halves. **Which** thing may go: it is provably ours (more than a tag says so), its launch is known,
 * it was without an owner in two complete lists, and for five minutes. And **whether** anything may go in this run: the
 * fuse. A thing of ours whose launch the database does not know proves that the database is older than the thing, and
 * then nothing that the database says of anything else can be believed.
 */

/** For so long a thing is without an owner before anybody touches it. */
export const ORPHANED_AFTER_MS = 5 * 60_000;
/** More than this many removals in one run, and more than this part of our machines, is no orphan but a mistake. */
export const MAX_REMOVALS = 10;
export const MAX_REMOVED_PART = 0.05;

export interface KnownRow {
  readonly workerPoolId: string;
  readonly workerGroup: string;
  readonly workerId: string;
  readonly stoppedAt: number | null;
  /** Not stopped. */
  readonly isLive: boolean;
}

export interface KnownLaunch {
  readonly token: string;
  readonly providerId: string;
  readonly workerPoolId: string;
  readonly launchConfigId: string;
  /** Where its machines were requested. */
  readonly location: MachineLocation;
  readonly capacityPerMachine: number;
  /** Open, or with machines whose lifecycles are still to be started: its own reconciliation looks after it. */
  readonly isUnfinished: boolean;
  readonly closed: number | null;
}

/** What a pool would still launch, were it decided now. */
export interface PoolWant {
  readonly providerId: string;
  readonly wantedCapacity: number;
  readonly roomCapacity: number;
  /** Those that are not archived. */
  readonly launchConfigIds: readonly string[];
}

export interface SweepFacts {
  readonly listings: readonly TaggedListing[];
  /** All live ones of these providers, and all of the launches below. */
  readonly rows: readonly KnownRow[];
  /** By token. One that is not here is unknown to the database. */
  readonly launches: ReadonlyMap<string, KnownLaunch>;
  readonly pools: ReadonlyMap<string, PoolWant>;
  /** Keys of workers with an open lifecycle (`workerKeyText`); null: the list could not be read to its end. */
  readonly openLifecycles: ReadonlySet<string> | null;
  /** Open lifecycles whose worker has no row at all. */
  readonly strayLifecycles: number;
  /** When an earlier complete list first showed a thing without an owner, by `orphanKey`. */
  readonly firstSeen: ReadonlyMap<string, number>;
  /** When this run's lists began. */
  readonly begunAt: number;
  /** An operator lets this run past the fuse, to remove at most so many things; null: nobody does. */
  readonly confirmed: number | null;
  /** Removals that earlier attempts of this run have begun. */
  readonly alreadyRemoved: number;
}

/**
 * - `adopt`: its pool wants it.
 * - `remove`: nobody wants it.
 * - `young`: it is not long enough without an owner, or was seen so only once.
 * - `held`: it would be removed, and this run removes nothing (more).
 * - `unknown`: ours, of a launch that the database does not know. Only a confirmed run removes it.
 * - `tagged`: it carries our tag, and nothing proves that we made it. Never touched.
 */
export const orphanVerdicts = ['adopt', 'remove', 'young', 'held', 'unknown', 'tagged'] as const;
export type OrphanVerdict = (typeof orphanVerdicts)[number];

export interface Orphan {
  readonly thing: TaggedThing;
  readonly verdict: OrphanVerdict;
  readonly launch: KnownLaunch | null;
  /** Its row, which has stopped; null: it has none. */
  readonly row: KnownRow | null;
  /** Since when it is without an owner, as far as is known. */
  readonly since: number;
  readonly firstSeen: number;
  /** Whether it was without an owner in two complete lists, and for long enough. */
  readonly isProven: boolean;
}

/** Why a run removes nothing. The first two hold whatever an operator confirms. */
export const holdReasons = [
  'incomplete list',
  'unread lifecycles',
  'unknown machines',
  'lifecycles without rows',
  'too many',
] as const;
export type HoldReason = (typeof holdReasons)[number];
const UNCONDITIONAL: readonly HoldReason[] = ['incomplete list', 'unread lifecycles'];

export interface SweepDecision {
  readonly orphans: readonly Orphan[];
  /** Empty: what is to be removed, is. */
  readonly held: readonly HoldReason[];
  /** Machines that are ours, with and without owner. */
  readonly machines: number;
}

export const orphanKey = ({ providerId, thingId }: Pick<TaggedThing, 'providerId' | 'thingId'>): string =>
  `${providerId} ${thingId}`;

export function decideSweep(facts: SweepFacts): SweepDecision {
  const listed = distinctThings(facts);
  const machines = listed.filter(({ thing: { isMachine, isOurs } }) => isMachine && isOurs).length;
  const found = findOrphans(listed, facts);
  const wanted = adoptions(found, facts);
  const judged = found.map((orphan) => (wanted.has(orphan) ? { ...orphan, verdict: 'adopt' as const } : orphan));
  const held = holds(judged, machines, facts);
  return { orphans: applyFuse(judged, held, facts), held, machines };
}

interface Listed {
  readonly thing: TaggedThing;
  readonly isComplete: boolean;
}

/**
 * Providers of one account list the same things: each is its launch's provider's, or else the first one's. What is not
 * where its launch requested it is none of that launch's.
 */
function distinctThings({ listings, launches }: SweepFacts): Listed[] {
  const things = new Map<string, Listed>();
  for (const { things: own, isComplete } of listings) {
    for (const thing of own) {
      const launch = thing.launchToken === null ? undefined : launches.get(thing.launchToken);
      // guard(a-copy-elsewhere-is-not-ours): use thing.isOurs
      const isOurs = thing.isOurs && (!launch || isSamePlace(thing.location, launch.location));
      const isFirst = !things.has(thing.thingId);
      if (isFirst || launch?.providerId === thing.providerId)
        things.set(thing.thingId, { thing: { ...thing, isOurs }, isComplete });
    }
  }
  return [...things.values()];
}

/** As far as both say where they are. Clouds give the same name in different cases. */
function isSamePlace(one: MachineLocation, other: MachineLocation): boolean {
  const isSame = (a: string | null, b: string | null) =>
    a === null || b === null || a.toLowerCase() === b.toLowerCase();
  return isSame(one.account, other.account) && isSame(one.group ?? one.region, other.group ?? other.region);
}

/** What belongs to nobody, oldest first, as if there were no fuse. */
function findOrphans(listed: readonly Listed[], facts: SweepFacts): Orphan[] {
  const rows = new Map<string, KnownRow>();
  for (const row of facts.rows) {
    const name = `${row.workerGroup}/${row.workerId}`;
    if (!rows.get(name)?.isLive) rows.set(name, row);
  }
  return listed
    .flatMap(({ thing, isComplete }) => {
      const row = rows.get(`${thing.workerGroup}/${thing.workerId}`) ?? null;
      const launch = (thing.launchToken !== null && facts.launches.get(thing.launchToken)) || null;
      if (hasOwner(thing, row, launch, facts.openLifecycles)) return [];
      const firstSeen = facts.firstSeen.get(orphanKey(thing)) ?? facts.begunAt;
      const since = lastOwned(row, launch) ?? firstSeen;
      // guard(orphans-are-seen-twice): use isComplete
      const isProven = isComplete && firstSeen < facts.begunAt && facts.begunAt - since >= ORPHANED_AFTER_MS;
      return [{ thing, row, launch, since, firstSeen, isProven, verdict: verdictOf(thing, launch, isProven) }];
    })
    .sort((a, b) => a.since - b.since);
}

function verdictOf({ isOurs }: TaggedThing, launch: KnownLaunch | null, isProven: boolean): OrphanVerdict {
  // guard(only-what-is-ours-is-touched): false
  if (!isOurs) return 'tagged';
  // guard(unknown-launches-are-held): false
  if (launch === null) return 'unknown';
  return isProven ? 'remove' : 'young';
}

/** A row or an open lifecycle looks after it, or its launch still does. */
function hasOwner(
  thing: TaggedThing,
  row: KnownRow | null,
  launch: KnownLaunch | null,
  openLifecycles: SweepFacts['openLifecycles'],
): boolean {
  if (row?.isLive) return true;
  if (launch?.isUnfinished && thing.isOurs) return true;
  const workerPoolId = row?.workerPoolId ?? launch?.workerPoolId;
  if (workerPoolId === undefined) return false;
  const { workerGroup, workerId } = thing;
  return openLifecycles?.has(workerKeyText({ workerPoolId, workerGroup, workerId })) === true;
}

/** When the last that could have owned it let go of it; null when nothing says so. */
function lastOwned(row: KnownRow | null, launch: KnownLaunch | null): number | null {
  const instants = [row?.stoppedAt, launch?.closed].filter((at) => at !== undefined && at !== null);
  return instants.length === 0 ? null : Math.max(...instants);
}

/**
 * The machines that their pools still want, oldest first, never past a pool's room. A worker that has stopped does not
 * come back: its machine is not adopted.
 */
function adoptions(orphans: readonly Orphan[], { pools, openLifecycles }: SweepFacts): ReadonlySet<Orphan> {
  const adopted = new Set<Orphan>();
  if (openLifecycles === null) return adopted;
  const taken = new Map<string, number>();
  for (const orphan of orphans) {
    const { verdict, thing, row, launch } = orphan;
    if (verdict !== 'remove' || !thing.isMachine || row !== null || launch === null) continue;
    const pool = pools.get(launch.workerPoolId);
    const isCurrent = pool?.providerId === launch.providerId && pool.launchConfigIds.includes(launch.launchConfigId);
    if (!pool || !isCurrent) continue;
    const before = taken.get(launch.workerPoolId) ?? 0;
    const fits = before + launch.capacityPerMachine <= pool.roomCapacity;
    // guard(adoption-stays-within-the-maximum): false
    if (before >= pool.wantedCapacity || !fits) continue;
    taken.set(launch.workerPoolId, before + launch.capacityPerMachine);
    adopted.add(orphan);
  }
  return adopted;
}

function holds(orphans: readonly Orphan[], machines: number, facts: SweepFacts): HoldReason[] {
  const removals = facts.alreadyRemoved + orphans.filter(({ verdict }) => verdict === 'remove').length;
  const found: Record<HoldReason, boolean> = {
    'incomplete list': facts.listings.some(({ isComplete }) => !isComplete),
    'unread lifecycles': facts.openLifecycles === null,
    'unknown machines': orphans.some(({ verdict, thing }) => verdict === 'unknown' && thing.isMachine),
    'lifecycles without rows': facts.strayLifecycles > 0,
    'too many': removals > Math.max(MAX_REMOVALS, MAX_REMOVED_PART * machines),
  };
  return holdReasons.filter((reason) => found[reason]);
}

/** A confirmed run removes what is unknown too, oldest first, and no more than was confirmed of everything together. */
function applyFuse(
  orphans: readonly Orphan[],
  held: readonly HoldReason[],
  { confirmed, alreadyRemoved }: SweepFacts,
): Orphan[] {
  const isHeld = held.some((reason) => confirmed === null || UNCONDITIONAL.includes(reason));
  // guard(a-repeated-run-removes-no-more): use confirmed ?? Number.POSITIVE_INFINITY
  let left = (confirmed ?? Number.POSITIVE_INFINITY) - alreadyRemoved;
  return orphans
    .toSorted((a, b) => a.since - b.since)
    .map((orphan) => {
      const { verdict } = orphan;
      const mayGo = verdict === 'remove' || (verdict === 'unknown' && confirmed !== null && orphan.isProven);
      if (!mayGo) return orphan;
      // guard(fuse-holds-removals): false
      if (isHeld || left <= 0) return { ...orphan, verdict: verdict === 'unknown' ? 'unknown' : 'held' };
      left -= 1;
      return { ...orphan, verdict: 'remove' };
    });
}
