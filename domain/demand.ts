/** Work that waits for a pool, and work its workers have claimed; approximate, as queues count. */
export interface DemandCounts {
  readonly pendingTasks: number;
  readonly claimedTasks: number;
}
