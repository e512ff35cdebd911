import { Type } from 'typebox';
import { closed, continuationToken, identifier, instant, workerPoolId } from './common.js';
import { named } from './names.js';
import { workerStates } from '../../domain/worker.js';

/** Of a worker that only the queue knows. */
export const STANDALONE = 'standalone';
export const NO_PROVIDER = 'none';
export const queueWorkerState = Type.Union([...workerStates, STANDALONE].map((state) => Type.Literal(state)));

const taskRun = closed({ taskId: Type.String(), runId: Type.Integer() });

/** What the queue does not say is left out, and never null. */
const known = {
  workerPoolId,
  workerGroup: identifier,
  workerId: identifier,
  firstClaim: Type.Optional(instant),
  lastDateActive: Type.Optional(instant),
  quarantineUntil: Type.Optional(instant),
  state: queueWorkerState,
  /** 0: not known to the worker manager. */
  capacity: Type.Integer({ minimum: 0 }),
  providerId: identifier,
  launchConfigId: Type.Optional(identifier),
};

export const queueWorkerList = named(
  'list-workers-response',
  closed({
    workers: Type.Array(closed({ ...known, latestTask: Type.Optional(taskRun) })),
    continuationToken,
  }),
);

export const queueWorkerResponse = named(
  'worker-response',
  closed({
    provisionerId: identifier,
    workerType: Type.String(),
    ...known,
    expires: Type.Optional(instant),
    recentTasks: Type.Array(taskRun),
    quarantineDetails: Type.Array(
      closed({
        clientId: Type.String(),
        quarantineUntil: Type.String(),
        updatedAt: Type.String(),
        quarantineInfo: Type.String(),
      }),
    ),
  }),
);
