import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { OrphanRow, OrphanSweepRow } from '../../database/client/schema.js';
import { getSweep, latestSweeps, listOrphans } from '../../database/orphans.js';
import { listWedgedLifecycles } from '../../database/wedged-lifecycles.js';
import { LifecycleRejectedError } from '../../temporal/lifecycle-client.js';
import type { ApiContext } from '../http/context.js';
import { ApiError, inputError } from '../http/errors.js';
import { addOperation } from '../http/operation.js';
import { nameOf } from '../pools/submission.js';
import { oneSweep, orphanList, sweepRequest, sweepStarted } from '../schemas/orphans.js';

const MAX_SWEEPS = 20;

/** They concern every pool. */
const scopes = () => ['worker-manager:manage-worker-pool:*'];

/**
 * What carries this deployment's tag and belongs to nobody, and sweeps of it. Added to Taskcluster's calls
 * (docs/taskcluster-compatibility.md#routes).
 */
export function addOrphanOperations(api: FastifyInstance, { db, lifecycles }: ApiContext): void {
  addOperation(api, {
    name: 'sweepOrphans',
    method: 'POST',
    path: '/orphan-sweeps',
    summary: 'Starts a sweep of orphans: one that only lists, or one that may remove so many past the fuse',
    category: 'Workers',
    stability: 'experimental',
    body: sweepRequest,
    scopes,
    response: sweepStarted,
    handle: async ({ body: { dryRun = false, confirm = null }, caller }) => {
      if (dryRun === (confirm !== null)) throw inputError('Give either dryRun or confirm.');
      const request = { isDryRun: dryRun, confirmed: confirm, clientId: nameOf(caller) };
      try {
        return { runId: await lifecycles.sweepOrphans(request) };
      } catch (error) {
        if (error instanceof LifecycleRejectedError) throw new ApiError('RequestConflict', error.message);
        throw error;
      }
    },
  });
  addOperation(api, {
    name: 'orphanSweep',
    method: 'GET',
    path: '/orphan-sweeps/:runId',
    params: { runId: Type.String({ pattern: '^[0-9a-f-]{1,64}$' }) },
    summary: 'What a sweep of orphans came to; null while it has not ended',
    category: 'Workers',
    stability: 'experimental',
    scopes,
    response: oneSweep,
    handle: async ({ params: { runId } }) => {
      const sweep = await getSweep(db, runId);
      return { sweep: sweep && toSweepResponse(sweep) };
    },
  });
  addOperation(api, {
    name: 'listOrphans',
    method: 'GET',
    path: '/orphans',
    summary: 'What the last sweeps found without an owner or with a wedged lifecycle, and those sweeps, newest first',
    category: 'Workers',
    stability: 'experimental',
    scopes,
    response: orphanList,
    handle: async () => {
      const [orphans, sweeps, wedged] = await Promise.all([
        listOrphans(db),
        latestSweeps(db, MAX_SWEEPS),
        listWedgedLifecycles(db),
      ]);
      const wedgedLifecycles = wedged.map((row) => ({ ...row, since: iso(row.since) }));
      return { orphans: orphans.map(toOrphanResponse), sweeps: sweeps.map(toSweepResponse), wedgedLifecycles };
    },
  });
}

const iso = (ms: number): string => new Date(ms).toISOString();

function toSweepResponse({
  runId,
  begun,
  ended,
  clientId,
  isDryRun,
  confirmed,
  complete,
  held,
  ...counts
}: OrphanSweepRow) {
  const { machines, orphans, adopted, removed, failed } = counts;
  return {
    ...{ runId, begun: iso(begun), ended: iso(ended), clientId, dryRun: isDryRun, confirmed, complete, held },
    ...{ machines, orphans, adopted, removed, failed },
  };
}

function toOrphanResponse(row: OrphanRow) {
  const { providerId, thingId, workerGroup, workerId, steps, launchToken, workerPoolId, verdict } = row;
  const seen = { firstSeen: iso(row.firstSeen), lastSeen: iso(row.lastSeen) };
  return { providerId, thingId, workerGroup, workerId, steps, launchToken, workerPoolId, ...seen, verdict };
}
