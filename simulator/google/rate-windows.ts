import { Refusal } from '../errors.js';
import { regionOf, projectNumber } from './places.js';
import type { GoogleStore } from './store.js';
import type { Target } from './target.js';

export const rateGroups = [
  'mutations',
  'reads',
  'lists',
  'operationReads',
  'heavyReads',
  'concurrentOperations',
] as const;
export type RateGroup = (typeof rateGroups)[number];
export type RateSizes = Readonly<Partial<Record<RateGroup, number>>>;

/** Per minute, what a project has by default; that of the heavy ones is ours. */
export const usualRates: RateSizes = {
  mutations: 1500,
  reads: 1500,
  lists: 1500,
  operationReads: 1500,
  heavyReads: 300,
};

/**
 * Calls of a project in fixed windows that begin with the full minute: zonal ones by region, heavy ones for all regions
 * together.
 */
export class RateWindows {
  #sizes: RateSizes;
  readonly #windowMs: number;
  readonly #used = new Map<string, { window: number; calls: number }>();

  constructor(sizes: RateSizes, windowMs: number) {
    this.#sizes = sizes;
    this.#windowMs = windowMs;
  }

  configure(sizes: RateSizes): void {
    this.#sizes = sizes;
    this.#used.clear();
  }

  /** Takes one call from its window; throws when that is used up. A refused call costs nothing. */
  charge({ operation, project, zone }: Target, nowMs: number): void {
    const group = groupOf(operation);
    const size = group === null ? undefined : this.#sizes[group];
    if (group === null || size === undefined) return;
    const place = zone === null || group === 'heavyReads' ? 'global' : regionOf(zone);
    const key = `${project} ${place} ${group}`;
    const window = Math.floor(nowMs / this.#windowMs);
    const known = this.#used.get(key);
    const used = known?.window === window ? known : { window, calls: 0 };
    this.#used.set(key, used);
    if (used.calls >= size) throw exceeded(project);
    used.calls++;
  }

  /** Throws when so many operations of the region are under way, those inside a bulk included. */
  checkConcurrency(store: GoogleStore, { operation, project, zone }: Target): void {
    const size = this.#sizes.concurrentOperations;
    if (size === undefined || zone === null || groupOf(operation) !== 'mutations') return;
    const region = regionOf(zone);
    const own = [...store.running()].filter((one) => one.project === project && regionOf(one.zone) === region);
    if (own.length < size) return;
    const code = 'CONCURRENT_OPERATIONS_QUOTA_EXCEEDED';
    const message = `Quota on concurrent operations exceeded for project ${projectNumber(project)} in ${region}.`;
    throw new Refusal('rateLimitExceeded', 'Rate Limit Exceeded', 403, { details: [{ code, message }] });
  }
}

function groupOf(operation: string): Exclude<RateGroup, 'concurrentOperations'> | null {
  const [collection = '', method = ''] = operation.split('.');
  if (method === 'aggregatedList' || method === 'wait') return 'heavyReads';
  if (collection === 'zoneOperations') return 'operationReads';
  if (['insert', 'bulkInsert', 'delete'].includes(method)) return 'mutations';
  if (collection === 'serviceAccounts') return null;
  return method === 'list' ? 'lists' : 'reads';
}

function exceeded(project: string): Refusal {
  const message = `Quota exceeded for quota metric 'Queries' and limit 'Queries per minute per region' of service 'compute.googleapis.com' for consumer 'project_number:${projectNumber(project)}'.`;
  return new Refusal('rateLimitExceeded', message, 403, { details: [{ code: 'RATE_LIMIT_EXCEEDED', message }] });
}
