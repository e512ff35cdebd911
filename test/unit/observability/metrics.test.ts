import { expect, test } from '@jest/globals';
import { Metrics, type RecordedMetrics } from '../../../observability/metrics.js';
import { nothingRecorded } from '../../support/recorded-metrics.js';

const workersOf = (workerPoolId: string, providerId: string, running: number) => ({
  workerPoolId,
  providerId,
  requested: 0,
  running,
  stopping: 0,
});

const runningOf = (page: string) => page.split('\n').filter((line) => /^worker_manager_workers\{.*running/.test(line));
const line = (workerPoolId: string, providerId: string, running: number) =>
  `worker_manager_workers{workerPoolId="${workerPoolId}",providerId="${providerId}",state="running"} ${running}`;

test('a deleted pool leaves no figure behind, and hides no other pool’s', async () => {
  let workers: RecordedMetrics['workers'] = [
    workersOf('proj/a', 'aws', 3),
    workersOf('proj/a', 'aws-old', 1),
    workersOf('proj/b', 'aws', 2),
  ];
  const metrics = new Metrics(async () => ({ ...nothingRecorded, workers }));
  expect(runningOf(await metrics.render())).toEqual([
    line('proj/a', 'aws', 3),
    line('proj/a', 'aws-old', 1),
    line('proj/b', 'aws', 2),
  ]);
  workers = [workersOf('proj/a', 'aws', 4)];
  expect(runningOf(await metrics.render())).toEqual([line('proj/a', 'aws', 4)]);
});

test('the quota that a cloud reports is shown as last reported, and nothing where it reports nothing', async () => {
  const metrics = new Metrics(async () => nothingRecorded);
  const call = { providerId: 'azure', operation: 'PUT', callClass: 'create', region: null } as const;
  const figures = async () => (await metrics.render()).split('\n').filter((one) => one.includes('calls_remaining{'));
  metrics.onCloudCall(call, { durationMs: 5, result: 'ok' });
  expect(await figures()).toEqual([]);
  for (const left of [199, 198]) {
    const remaining = new Map([['writes', left]]);
    metrics.onCloudCall(call, { durationMs: 5, result: 'ok', remaining });
  }
  metrics.onCloudCall(call, { durationMs: 5, result: 'Unavailable' });
  expect(await figures()).toEqual([
    'worker_manager_cloud_calls_remaining{providerId="azure",region="",bucket="writes"} 198',
  ]);
});
