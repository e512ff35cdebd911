import { ProviderError } from '../errors.js';
import type { ComputeCalls } from './calls.js';

/** A zone of a project, as a call names it. */
export interface ZoneRef {
  readonly project: string;
  readonly zone: string;
}

/** One list of Compute Engine: what it is of, and how it says that an answer is one. */
export interface Listing {
  readonly service: 'instances' | 'zoneOperations';
  /** How the `kind` of an answer begins. */
  readonly kind: string;
  /** What of each item is read. */
  readonly fields: string;
}

export interface Warning {
  readonly code?: string | null;
  readonly message?: string | null;
}

export interface AnyPage {
  readonly nextPageToken?: string | null;
}

interface Page<Item> extends AnyPage {
  readonly kind?: string | null;
  readonly items?: readonly Item[];
  readonly warning?: Warning | null;
}

const PAGE_SIZE = 500;
/** More than a zone, or a project, ever has of anything; a list without end must not hold a call for ever. */
const MAX_PAGES = { zone: 100, project: 2_000 };
/** Says that a zone has nothing; every other warning, that something is left out. */
const NOTHING_THERE = 'NO_RESULTS_ON_PAGE';

/** Everything of a zone that the filter fits, page by page; throws where something may be left out. */
export async function* listPages<Item>(
  calls: ComputeCalls,
  listing: Listing,
  { project, zone }: ZoneRef,
  filter: string,
): AsyncGenerator<readonly Item[]> {
  const read = (paging: object) =>
    calls.call({
      service: listing.service,
      method: 'list',
      callClass: 'read',
      zone,
      request: { project, filter, ...paging },
      fields: `kind,items(${listing.fields}),nextPageToken,warning`,
    });
  for await (const page of pagesOf<Page<Item>>(`${listing.service}.list of ${zone}`, 'zone', read)) {
    assertComplete(page, listing);
    yield page.items ?? [];
  }
}

/** Every page of a list, each read with the size and the token that it is given; throws where the list does not end. */
export async function* pagesOf<P extends AnyPage>(
  list: string,
  place: keyof typeof MAX_PAGES,
  read: (paging: { readonly maxResults: number; readonly pageToken?: string }) => Promise<unknown>,
): AsyncGenerator<P> {
  let pageToken = '';
  for (let pages = 0; pages < MAX_PAGES[place]; pages++) {
    const page = (await read({ maxResults: PAGE_SIZE, ...(pageToken && { pageToken }) })) as P;
    yield page;
    pageToken = page.nextPageToken ?? '';
    if (!pageToken) return;
  }
  throw new ProviderError({ code: 'Unavailable', message: `${list} does not end` });
}

/** What a warning says that is missing from an answer; null where nothing is. */
export const missingBy = (warning: Warning | null | undefined): string | null =>
  warning?.code && warning.code !== NOTHING_THERE ? `${warning.code}: ${warning.message ?? ''}` : null;

/** An answer that is none of Compute Engine's, or says that it lacks something, proves no absence. */
function assertComplete({ kind, warning }: Page<unknown>, listing: Listing): void {
  const missing = missingBy(warning);
  const message = !kind?.startsWith(listing.kind)
    ? 'was answered without a list'
    : missing !== null
      ? `is not complete: ${missing}`
      : null;
  // guard(an-answer-without-a-list-proves-nothing): false
  if (message !== null) throw new ProviderError({ code: 'Unavailable', message: `${listing.service}.list ${message}` });
}
