/** Work that waits for a pool, and work its workers have claimed; approximate, as queues count. */
export interface DemandCounts {
  readonly pendingTasks: number;
  readonly claimedTasks: number;
}

/** What the last two polls read of one pool. */
export interface DemandReadings {
  readonly latest: DemandCounts;
  /** Null when there was only one. */
  readonly previous: DemandCounts | null;
}
