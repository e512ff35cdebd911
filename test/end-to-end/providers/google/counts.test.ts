import { expect, jest, test } from '@jest/globals';
import { countsOfGooglePool } from '../../../../dev/testing/google-counts.js';
import { SYSTEM_TIMEOUT_MS } from '../../../../dev/testing/patience.js';
import { proofSize } from '../../../support/long.js';

jest.setTimeout(SYSTEM_TIMEOUT_MS);

const WORKERS = 60;
/** Reads of an operation of two seconds, and the list of its machines. */
const MAX_READS = 6;
const SCAN_SECONDS = 2;
/** Between two scans that follow removals. */
const FOLLOW_SECONDS = 5;

const places: [string, string[]][] = [
  ['three zones', ['us-central1-a', 'us-central1-b', 'us-central1-c']],
  ['one zone', ['us-central1-a']],
];

test.each(proofSize({ short: places.slice(0, 1), long: places }))(
  'a pool on Google in %s is launched by a call for each zone, scanned by a list and removed by a call each',
  async (_where, zones) => {
    const counts = await countsOfGooglePool({
      ...{ workers: WORKERS, zones, insertMs: 2_000, deleteMs: 1_000, scanSeconds: SCAN_SECONDS },
    });
    expect(counts).toMatchObject({
      ...{ workers: WORKERS, zones: zones.length, insertions: zones.length, deletions: WORKERS },
      ...{ throttled: 0, remaining: 0, unfinished: 0 },
    });
    expect(counts.launchCalls).toBeLessThanOrEqual(zones.length * (1 + MAX_READS));
    // Machines of a zone fit on one page.
    expect(counts.scanCalls).toBe(counts.scans * zones.length);
    // Nothing is read of one machine: what ended is seen in lists, of which there are as many as scans.
    expect(counts.removalCalls).toBe(counts.deletions + counts.lists + counts.operationLists);
    const seconds = counts.stoppedMs / 1_000;
    const scans = 4 + seconds / SCAN_SECONDS + seconds / FOLLOW_SECONDS;
    expect(counts.lists).toBeLessThanOrEqual(scans * zones.length);
    expect(counts.operationLists).toBeLessThanOrEqual(counts.lists);
  },
);
