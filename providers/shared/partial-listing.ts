import type { MachineLocation } from '../../domain/worker.js';
import { ProviderError } from '../errors.js';
import { mergePages } from './merge-pages.js';

/**
 * A scan of several locations of which some could not be listed to the end. The places that it does not name were, so
 * what they do not show is missing there (`Machines.observe`).
 */
export class PartialListing extends ProviderError {
  /** Of the locations that were to be observed, those in the failed places. */
  readonly failed: readonly MachineLocation[];

  constructor(cause: ProviderError, failed: readonly MachineLocation[]) {
    const { code, message, cloudCode, retryAfterMs } = cause;
    super({ code, message, cloudCode: cloudCode ?? undefined, retryAfterMs: retryAfterMs ?? undefined, cause });
    this.failed = failed;
  }
}

/** Whatever a provider lists by itself: a region, a resource group. */
export interface LocationListing<Page> {
  /** The locations that are in this place. */
  readonly locations: readonly MachineLocation[];
  readonly pages: AsyncIterable<Page>;
}

/**
 * Lists several places at once. A place that fails hides nothing of the others: when all have ended, a PartialListing
 * names the failed ones; where every place failed, its error is thrown as it is.
 */
export async function* listLocations<Page>(places: readonly LocationListing<Page>[]): AsyncGenerator<Page> {
  const failures: { locations: readonly MachineLocation[]; error: ProviderError }[] = [];
  async function* noting({ locations, pages }: LocationListing<Page>): AsyncGenerator<Page> {
    try {
      yield* pages;
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      failures.push({ locations, error });
    }
  }
  yield* mergePages(places.map(noting));
  // What a retry can cure is worth one, whatever else there is.
  const worst = failures.find(({ error }) => error.retryable) ?? failures[0];
  if (!worst) return;
  if (failures.length === places.length) throw worst.error;
  throw new PartialListing(
    worst.error,
    failures.flatMap(({ locations }) => locations),
  );
}
