import type { RecordedMetrics } from '../../observability/metrics.js';

/** What an empty database says. */
export const nothingRecorded: RecordedMetrics = {
  workers: [],
  launches: [],
  oldestOpenLaunchSeconds: 0,
  orphans: [],
  oldestOrphanSeconds: 0,
  preempted: [],
  wedged: [],
  orphanActs: [],
};
