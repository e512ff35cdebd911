import { quotaError, quotaMessage, stockOut } from './errors.js';
import { Refusal } from '../errors.js';
import { regionOf } from './places.js';
import type { OperationError } from './resource.js';
import type { GoogleStore } from './store.js';

export const quotaMetrics = ['INSTANCES', 'CPUS'] as const;
export type QuotaMetric = (typeof quotaMetrics)[number];

/** Virtual CPUs, as far as the type's name tells: `n2-standard-8`, `n2-custom-16-73728`; of shared cores one. */
export function cpusOf(machineType: string): number {
  const custom = /custom-(\d+)-\d+/.exec(machineType)?.[1];
  return Number(custom ?? /-(\d+)[a-z]*$/.exec(machineType)?.[1] ?? 1);
}

const weightOf = (metric: string, machineType: string): number => (metric === 'CPUS' ? cpusOf(machineType) : 1);

/** Of one project in one zone or region, weighed; machines that are off or only seem to exist use nothing. */
function used(store: GoogleStore, fits: (zone: string) => boolean, weigh: (machineType: string) => number): number {
  let sum = 0;
  for (const instance of store.instances()) {
    if (instance.ghost || instance.power === 'off') continue;
    const { zone, machineType } = store.orderOf(instance);
    if (fits(zone)) sum += weigh(machineType);
  }
  return sum;
}

/** How many more machines of the type the zone has room for, by the capacity that a control has set. */
function roomIn(store: GoogleStore, zone: string, machineType: string): number {
  const capacity = store.capacity();
  const limits: [number | undefined, (type: string) => number][] = [
    [capacity[zone], () => 1],
    [capacity[`${zone}/${machineType}`], (type) => (type === machineType ? 1 : 0)],
  ];
  const left = limits.map(([limit, weigh]) => (limit ?? Infinity) - used(store, (one) => one === zone, weigh));
  return Math.max(0, Math.min(...left));
}

export interface Shortage {
  /** How many of the wanted machines can exist. */
  readonly room: number;
  /** Why the others cannot. */
  readonly error: OperationError;
}

/**
 * The tightest limit for machines of the type. Throws where a quota refuses at once that fewer than `minCount` can be
 * made.
 */
export function shortageOf(
  store: GoogleStore,
  { project, zone, machineType }: { project: string; zone: string; machineType: string },
  minCount: number,
): Shortage {
  const elsewhere = store.zones.filter(
    (one) => one !== zone && regionOf(one) === regionOf(zone) && roomIn(store, one, machineType) > 0,
  );
  let tightest: Shortage = {
    room: roomIn(store, zone, machineType),
    error: stockOut(project, zone, machineType, elsewhere),
  };
  const region = regionOf(zone);
  for (const metric of quotaMetrics) {
    const quota = store.quotas.get(`${region} ${metric}`);
    if (!quota) continue;
    const weigh = (type: string): number => weightOf(metric, type);
    const inUse = used(store, (one) => regionOf(one) === region, weigh);
    const room = Math.max(0, Math.floor((quota.limit - inUse) / weigh(machineType)));
    if (room < minCount && quota.as === 'http') {
      throw new Refusal('quotaExceeded', quotaMessage(metric, quota.limit, region), 403);
    }
    if (room < tightest.room) tightest = { room, error: quotaError(metric, quota.limit, region) };
  }
  return tightest;
}
