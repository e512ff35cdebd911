import { countsOfGooglePool } from '../testing/google-counts.js';
import { withEngine } from './engine.js';
import type { Figure } from './report.js';

const INSERT_MS = 5_000;
const DELETE_MS = 5_000;
const PAGE_SIZE = 500;

const LAUNCH_CALLS_LIMIT = 0.02;
const REMOVE_CALLS_LIMIT = 1.1;
const RECORDED_LIMIT_S = 1;
/** Beside the cloud's own time. */
const GONE_LIMIT_S = 8;

const oneZone = ['us-central1-a'];
const threeZones = ['us-central1-a', 'us-central1-b', 'us-central1-c'];

/**
 * One pool in one zone, then in three: calls, and how soon machines are known and gone, under Google's usual limits.
 */
export async function measureGoogle(workers: number): Promise<Figure[]> {
  const one = await measured(workers, oneZone);
  const three = await measured(workers, threeZones);
  const limited = figuresOf('one zone', one, LAUNCH_CALLS_LIMIT);
  const spread = figuresOf('three zones', three, (3 * one.launchCalls) / workers);
  return [...limited, ...spread];
}

type Measured = Awaited<ReturnType<typeof countsOfGooglePool>>;

const measured = (workers: number, zones: readonly string[]): Promise<Measured> =>
  withEngine((temporal) =>
    countsOfGooglePool({ workers, zones, insertMs: INSERT_MS, deleteMs: DELETE_MS, scanSeconds: 30, temporal }),
  );

function figuresOf(where: string, counts: Measured, launchLimit: number): Figure[] {
  const { workers, zones } = counts;
  const scenario = `${workers} workers, Google, ${where}`;
  const figure = (name: string, value: number, unit: Figure['unit'], limit?: number, note?: string): Figure => ({
    ...{ scenario, name, value, unit, note },
    ...(limit !== undefined && { limit }),
  });
  const pages = Math.ceil(workers / zones / PAGE_SIZE) * zones;
  const perWorker = (count: number): number => count / workers;
  return [
    figure('calls to launch, per worker', perWorker(counts.launchCalls), 'calls', launchLimit, inserts(counts)),
    figure(
      'calls of a scan, per worker',
      perWorker(counts.scanCalls / counts.scans),
      'calls',
      perWorker(zones + pages),
      '(zones + pages) / workers',
    ),
    figure('calls to remove, per worker', perWorker(counts.removalCalls), 'calls', REMOVE_CALLS_LIMIT),
    figure('calls that Google refused as too many', counts.throttled, 'calls', 0),
    figure('all on record after the operation’s end', counts.recordedAfterMs / 1000, 's', RECORDED_LIMIT_S),
    figure('removals answered', counts.answeredMs / 1000, 's'),
    figure('all machines gone', counts.goneMs / 1000, 's', GONE_LIMIT_S + DELETE_MS / 1000, '8 s + the deletion'),
    figure('all rows stopped', counts.stoppedMs / 1000, 's'),
    figure('machines and disks left behind', counts.remaining, 'machines', 0),
    figure('rows that are not stopped', counts.unfinished, 'lifecycles', 0),
  ];
}

const inserts = ({ insertions }: Measured): string => `${insertions} bulkInsert`;
