import { countsOfPool } from '../testing/pool-counts.js';
import { withEngine } from './engine.js';
import type { Figure } from './report.js';

/** The figures of test/end-to-end/counts.test.ts, printed. */
export async function measureCounts(workers: number, limits: 'off' | 'ec2'): Promise<Figure[]> {
  const counts = await withEngine((temporal) => countsOfPool({ workers, limits, temporal }));
  const scenario = `${workers} workers, EC2 limits ${limits}`;
  const calls = (name: string, value: number, limit: number): Figure => ({
    scenario,
    name,
    value,
    unit: 'calls',
    limit,
  });
  const { RunInstances = 0, DescribeInstances = 0, TerminateInstances = 0 } = counts.calls;
  return [
    { ...calls('calls to launch, per worker', counts.launch, 0.01), note: `${RunInstances} RunInstances` },
    {
      ...calls('calls of a scan, per worker', counts.scan, 0.002),
      note: `${DescribeInstances} DescribeInstances in all`,
    },
    { ...calls('calls to remove, per worker', counts.remove, 0.02), note: `${TerminateInstances} TerminateInstances` },
    calls('calls that EC2 refused as too many', counts.throttled, 0),
    { scenario, name: 'machines left behind', value: counts.stranded, unit: 'machines', limit: 0 },
    { scenario, name: 'lifecycles not ended', value: counts.unfinished, unit: 'lifecycles', limit: 0 },
    { scenario, name: 'history from launch to running', value: counts.eventsToRunning, unit: 'events', limit: 16 },
    { scenario, name: 'history of a whole life', value: counts.eventsPerLifecycle, unit: 'events', limit: 45 },
  ];
}
