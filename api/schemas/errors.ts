import { Type } from 'typebox';
import {
  anyObject,
  closed,
  continuationToken,
  identifier,
  instant,
  workerGroup,
  workerId,
  workerPoolId,
} from './common.js';
import { named } from './names.js';

const report = {
  kind: Type.String({ maxLength: 128, pattern: '[-a-z0-9]+' }),
  title: Type.String({ maxLength: 128 }),
  description: Type.String({ maxLength: 10240 }),
  extra: anyObject,
};

export const reportErrorRequest = named(
  'report-worker-error-request',
  closed(
    { workerGroup, workerId, ...report },
    {
      workerGroup: 'us-east-1',
      workerId: 'i-0123456789abcdef0',
      kind: 'boot',
      title: 'No disk',
      description: 'The disk for tasks could not be mounted.',
      extra: { device: '/dev/nvme1n1' },
    },
  ),
);

export const poolError = named(
  'worker-pool-error',
  closed({
    workerPoolId,
    errorId: Type.String(),
    reported: instant,
    ...report,
    launchConfigId: Type.Optional(identifier),
  }),
);
/** How many by some name or instant. */
const numbers = Type.Object({}, { additionalProperties: Type.Integer({ minimum: 0 }) });
export const poolErrorStats = named(
  'worker-pool-error-stats',
  closed({
    /** Empty: of all pools. */
    workerPoolId: Type.String(),
    totals: closed({
      total: Type.Integer({ minimum: 0 }),
      daily: numbers,
      hourly: numbers,
      title: numbers,
      code: numbers,
      workerPool: numbers,
      launchConfig: numbers,
    }),
  }),
);
export const poolErrorList = named(
  'worker-pool-error-list',
  closed({ workerPoolErrors: Type.Array(poolError), continuationToken }),
);
