import { unavailable, invalidField, invalid } from './errors.js';
import { computeUrl } from './places.js';
import { parseFilter } from './filter.js';
import { renderDisk, renderInstance, renderOperation } from './render.js';
import type { Properties } from './resource.js';
import type { GoogleStore } from './store.js';

export interface ListCall {
  readonly project: string;
  readonly zone: string | null;
  readonly query: URLSearchParams;
}

const MAX_RESULTS = 500;

/** Everything of one kind that this caller may see, in order; each with its zone. */
type Listing = readonly Listed[];
interface Listed {
  readonly zone: string;
  /** Order of creation. */
  readonly sequence: number;
  readonly item: Properties;
}

export function instancesIn(store: GoogleStore, project: string, zone: string | null, nowMs: number): Listing {
  return [...store.instances()].flatMap((instance) => {
    const order = store.orderOf(instance);
    const hidden = nowMs < order.createdMs + store.times.listDelayMs;
    if (hidden || order.project !== project || (zone !== null && order.zone !== zone)) return [];
    return { zone: order.zone, sequence: instance.sequence, item: renderInstance(store, instance, nowMs) };
  });
}

export const disksIn = (store: GoogleStore, project: string, zone: string | null): Listing =>
  [...store.disks()].flatMap((disk) =>
    disk.project !== project || (zone !== null && disk.zone !== zone)
      ? []
      : { zone: disk.zone, sequence: disk.sequence, item: renderDisk(store, disk) },
  );

export const operationsIn = (store: GoogleStore, project: string, zone: string | null): Listing =>
  [...store.operations()].flatMap((operation) =>
    operation.hidden || operation.project !== project || operation.zone !== zone
      ? []
      : { zone: operation.zone, sequence: operation.sequence, item: renderOperation(store, operation) },
  );

/** Of one zone. Where it cannot be reached, a warning stands beside an empty list. */
export function renderList(store: GoogleStore, kind: string, listing: Listing, call: ListCall): Properties {
  const { zone, project } = call;
  const lost = zone !== null && store.unreachable.get(zone) === 'warning';
  const { page, next } = pageOf(store, lost ? [] : listing, call.query);
  return {
    kind: `compute#${kind}List`,
    id: `projects/${project}/zones/${zone ?? ''}/${kind}s`,
    items: page.map(({ item }) => item),
    ...(next !== null && { nextPageToken: next }),
    ...(lost && { warning: unreachableWarning(zone) }),
    selfLink: computeUrl(`projects/${project}/zones/${zone ?? ''}/${kind}s`),
  };
}

/** Of all zones: one entry for each, on every page. */
export function renderAggregated(store: GoogleStore, kind: string, listing: Listing, call: ListCall): Properties {
  const lost = [...store.unreachable].filter(([, how]) => how === 'warning').map(([zone]) => zone);
  if ([...store.unreachable.values()].includes('refuse')) throw unavailable();
  const { page, next } = pageOf(
    store,
    listing.filter(({ zone }) => !lost.includes(zone)),
    call.query,
  );
  const items = store.zones.map((zone) => {
    const own = page.filter((one) => one.zone === zone).map(({ item }) => item);
    if (own.length > 0) return [`zones/${zone}`, { [`${kind}s`]: own }];
    return [`zones/${zone}`, { warning: lost.includes(zone) ? unreachableWarning(zone) : nothingWarning(zone) }];
  });
  return {
    kind: `compute#${kind}AggregatedList`,
    id: `projects/${call.project}/aggregated/${kind}s`,
    items: Object.fromEntries(items) as Properties,
    ...(next !== null && { nextPageToken: next }),
    ...(lost.length > 0 && { unreachables: lost.map((zone) => computeUrl(`projects/${call.project}/zones/${zone}`)) }),
  };
}

/**
 * By zone, then in order of creation. A page goes on after the last item of the one before, also where that is gone.
 */
function pageOf(store: GoogleStore, listing: Listing, query: URLSearchParams): { page: Listing; next: string | null } {
  const size = Number(query.get('maxResults') ?? MAX_RESULTS);
  if (!Number.isInteger(size) || size < 0 || size > MAX_RESULTS) {
    throw invalidField('maxResults', query.get('maxResults') ?? '', `It must be between 0 and ${MAX_RESULTS}.`);
  }
  const fits = parseFilter(query.get('filter'));
  const place = ({ zone, sequence }: Listed): number => store.zones.indexOf(zone) * 2 ** 40 + sequence;
  const after = readToken(query.get('pageToken'));
  const rest = listing.filter((one) => place(one) > after && fits(one.item)).toSorted((a, b) => place(a) - place(b));
  const page = rest.slice(0, size);
  const last = page.at(-1);
  return { page, next: last && rest.length > size ? Buffer.from(`after ${place(last)}`).toString('base64') : null };
}

function readToken(token: string | null): number {
  if (token === null || token === '') return -1;
  const place = /^after (\d+)$/.exec(Buffer.from(token, 'base64').toString())?.[1];
  if (place === undefined) throw invalid('Invalid value for field pageToken.');
  return Number(place);
}

const unreachableWarning = (zone: string): Properties => ({
  code: 'UNREACHABLE',
  message: `The zone ${zone} is currently unreachable.`,
  data: [{ key: 'scope', value: `zones/${zone}` }],
});

const nothingWarning = (zone: string): Properties => ({
  code: 'NO_RESULTS_ON_PAGE',
  message: `There are no results for scope 'zones/${zone}' on this page.`,
  data: [{ key: 'scope', value: `zones/${zone}` }],
});
