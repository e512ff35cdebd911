import type { DemandCounts } from '../domain/demand.js';

/** Where waiting work is counted. */
export interface DemandSource {
  /** Counts of one pool's task queue now. Throws when they cannot be had; nobody guesses them then. */
  counts(workerPoolId: string): Promise<DemandCounts>;
}
