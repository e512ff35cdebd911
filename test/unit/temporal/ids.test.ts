import { expect, test } from '@jest/globals';
import {
  cronScheduleId,
  DEMAND_SCHEDULE_ID,
  fastScanId,
  lifecycleId,
  provisionId,
  scanScheduleId,
  SWEEP_SCHEDULE_ID,
  WORKERS_SCHEDULE_ID,
} from '../../../temporal/ids.js';

test('ids of workflows and schedules stay as running deployments have them', () => {
  expect([
    lifecycleId({ workerPoolId: 'proj/pool', workerGroup: 'us-west-2', workerId: 'i-1' }),
    provisionId('proj/pool'),
    cronScheduleId('proj/pool'),
    scanScheduleId('aws'),
    fastScanId('aws'),
    ...[DEMAND_SCHEDULE_ID, WORKERS_SCHEDULE_ID, SWEEP_SCHEDULE_ID],
  ]).toEqual([
    'worker/proj/pool/us-west-2/i-1',
    'provision/proj/pool',
    'cron/proj/pool',
    'scan/aws',
    'scan/aws/follow',
    ...['demand', 'workers', 'sweep'],
  ]);
});
