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

interface Page<Item> {
  readonly kind?: string | null;
  readonly items?: readonly Item[];
  readonly nextPageToken?: string | null;
  readonly warning?: { readonly code?: string | null; readonly message?: string | null } | null;
}

const PAGE_SIZE = 500;
/** More than a zone ever holds of anything; a list without end must not hold a call for ever. */
const MAX_PAGES = 100;
/** Says that a zone has nothing; every other warning, that something is left out. */
const NOTHING_THERE = 'NO_RESULTS_ON_PAGE';

/** Everything of a zone that the filter fits, page by page; throws where something may be left out. */
export async function* listPages<Item>(
  calls: ComputeCalls,
  listing: Listing,
  { project, zone }: ZoneRef,
  filter: string,
): AsyncGenerator<readonly Item[]> {
  let pageToken = '';
  for (let pages = 0; pages < MAX_PAGES; pages++) {
    const page = (await calls.call({
      service: listing.service,
      method: 'list',
      callClass: 'read',
      zone,
      request: { project, filter, maxResults: PAGE_SIZE, ...(pageToken && { pageToken }) },
      fields: `kind,items(${listing.fields}),nextPageToken,warning`,
    })) as Page<Item>;
    assertComplete(page, listing);
    yield page.items ?? [];
    pageToken = page.nextPageToken ?? '';
    if (!pageToken) return;
  }
  throw new ProviderError({ code: 'Unavailable', message: `${listing.service}.list of ${zone} does not end` });
}

/** An answer that is none of Compute Engine's, or says that it lacks something, proves no absence. */
function assertComplete({ kind, warning }: Page<unknown>, listing: Listing): void {
  const message = !kind?.startsWith(listing.kind)
    ? 'was answered without a list'
    : warning?.code && warning.code !== NOTHING_THERE
      ? `is not complete: ${warning.code}: ${warning.message ?? ''}`
      : null;
  // guard(an-answer-without-a-list-proves-nothing): false
  if (message !== null) throw new ProviderError({ code: 'Unavailable', message: `${listing.service}.list ${message}` });
}
