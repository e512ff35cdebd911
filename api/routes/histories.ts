import type { FastifyInstance } from 'fastify';
import {
  type CallRow,
  callsOfLaunch,
  deletionCalls,
  eventsOfWorker,
  launchConfigHistory,
  type WorkerEventRow,
} from '../../database/histories.js';
import { getWorker } from '../../database/workers.js';
import { type WorkerKey, workerKeyText } from '../../domain/ids.js';
import type { ApiContext } from '../http/context.js';
import { notFound } from '../http/errors.js';
import { addOperation } from '../http/operation.js';
import { identifier, poolParams, workerParams } from '../schemas/common.js';
import { launchConfigHistory as launchConfigHistoryResponse, workerHistory } from '../schemas/histories.js';
import { iso } from '../schemas/serialization.js';
import { noSuchWorker } from './workers.js';

/** What happened, from evidence. Added to Taskcluster's calls (docs/taskcluster-compatibility.md#routes). */
export function addHistoryOperations(api: FastifyInstance, context: ApiContext): void {
  addOperation(api, {
    name: 'workerHistory',
    category: 'Workers',
    stability: 'experimental',
    method: 'GET',
    path: '/workers/:workerPoolId/:workerGroup/:workerId/history',
    summary: 'What happened to a worker and what the cloud was asked for it, oldest first; also once its row is gone',
    params: workerParams,
    scopes: (params) => [`worker-manager:get-worker:${workerKeyText(params)}`],
    response: workerHistory,
    handle: async ({ params }) => ({ history: await historyOf(context, params) }),
  });

  addOperation(api, {
    name: 'workerPoolLaunchConfigHistory',
    category: 'Worker Pool Launch Configs',
    stability: 'experimental',
    method: 'GET',
    path: '/worker-pool/:workerPoolId/launch-configs/:launchConfigId/history',
    summary: 'A launch config’s revisions and what was launched by it, newest first',
    params: { ...poolParams, launchConfigId: identifier },
    scopes: ({ workerPoolId }) => [`worker-manager:get-worker-pool:${workerPoolId}`],
    response: launchConfigHistoryResponse,
    handle: async ({ params: { workerPoolId, launchConfigId } }) => {
      const found = await launchConfigHistory(context.db, workerPoolId, launchConfigId);
      if (!found) throw notFound(`The pool ${workerPoolId} has no launch config ${launchConfigId}.`);
      const { revisions, launches, ...config } = found;
      return {
        ...{ ...config, workerPoolId, launchConfigId },
        ...{ created: iso(config.created), lastModified: iso(config.lastModified) },
        revisions: revisions.map((each) => ({ ...each, created: iso(each.created) })),
        launches: launches.map((each) => ({
          ...each,
          created: iso(each.created),
          closed: each.closed === null ? null : iso(each.closed),
        })),
      };
    },
  });
}

async function historyOf({ db, now }: ApiContext, key: WorkerKey): Promise<object[]> {
  const events = await eventsOfWorker(db, key);
  if (events.length === 0 && !(await getWorker(db, key))) throw noSuchWorker();
  const token = events.find(({ event }) => event === 'requested')?.data.launchToken;
  const stopping = events.find(({ event }) => event === 'stopping');
  const stopped = events.find(({ event }) => event === 'stopped');
  const calls = [
    ...(token ? await callsOfLaunch(db, token) : []),
    ...(stopping ? await deletionCalls(db, key.workerId, stopping.at, stopped?.at ?? now()) : []),
  ];
  return [...calls.map(ofCall), ...events.map(ofEvent)]
    .toSorted((a, b) => a.ms - b.ms)
    .map(({ ms, ...entry }) => ({ at: iso(ms), ...entry }));
}

const ofEvent = ({ at, event, cause, clientId }: WorkerEventRow) => ({
  ...{ ms: at, what: event, cause, clientId },
  call: null,
});

const ofCall = ({ id: _, begun, ended, ...call }: CallRow) => ({
  ...{ ms: begun, what: 'call', cause: null, clientId: null },
  call: { ...call, tookMs: ended - begun },
});
