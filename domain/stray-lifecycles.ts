import type { WorkerKey } from './ids.js';
import { ABSENCE_INTERVAL_MS, LISTED_AFTER_MS } from './observation.js';
import type { TaggedListing } from './tagged-things.js';

/**
 * Open lifecycles whose worker has no row: the database is older than they are. Scans read rows, so that no scan ever
 * says anything of their machine, and one that removes it would wait for that for ever.
 */

export interface StrayLifecycle extends WorkerKey {
  /** Null: nothing says whose machine it is. */
  readonly providerId: string | null;
  readonly startedAt: number;
  /** When the first of the complete lists began that do not show its machine; null: none has been missed so far. */
  readonly missedSince: number | null;
}

/** One whose machine a complete list has missed. */
export type MissedLifecycle = StrayLifecycle & { readonly missedSince: number };

export interface StrayFacts {
  readonly strays: readonly StrayLifecycle[];
  readonly listings: readonly TaggedListing[];
  /** Providers whose workers are no machines of a cloud. */
  readonly withoutMachines: ReadonlySet<string>;
  /** When the lists began. */
  readonly begunAt: number;
}

/**
 * Those whose machine no list shows, with the begin of the first of these lists; nothing when a list is incomplete, or
 * may be too early to show the machine.
 */
export function missedStrays({ strays, listings, withoutMachines, begunAt }: StrayFacts): MissedLifecycle[] {
  // guard(incomplete-list-ends-no-lifecycle): false
  if (listings.some(({ isComplete }) => !isComplete)) return [];
  const shown = new Set(
    listings.flatMap(({ things }) => things.map(({ workerGroup, workerId }) => `${workerGroup}/${workerId}`)),
  );
  const isRead = (providerId: string | null) =>
    providerId !== null &&
    (withoutMachines.has(providerId) || listings.some((listing) => listing.providerId === providerId));
  return strays
    .filter(({ providerId }) => isRead(providerId))
    .filter(({ startedAt }) => begunAt - startedAt >= LISTED_AFTER_MS)
    .filter(({ workerGroup, workerId }) => !shown.has(`${workerGroup}/${workerId}`))
    .map((stray) => ({ ...stray, missedSince: stray.missedSince ?? begunAt }));
}

/** Whether two complete lists, far enough apart, miss its machine (ARCHITECTURE.md#gone). */
export const isMissedTwice = ({ missedSince }: MissedLifecycle, begunAt: number): boolean =>
  // guard(a-stray-is-missed-twice): true
  begunAt - missedSince >= ABSENCE_INTERVAL_MS;
