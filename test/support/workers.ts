import type { Db } from '../../database/client/schema.js';
import { jsonb } from '../../database/client/sql.js';
import type { Worker } from '../../domain/worker.js';
import type { LaunchedMachine } from '../../providers/provider.js';

/** The row of a worker whose machine was just launched. */
export const workerOf = (machine: LaunchedMachine, changes: Partial<Worker> = {}): Worker => ({
  workerPoolId: 'proj/pool',
  workerGroup: machine.workerGroup,
  workerId: machine.workerId,
  providerId: 'cloud',
  launchConfigId: 'lc-1',
  launchConfigRevision: 1,
  launchToken: 'token',
  state: 'requested',
  capacity: 1,
  created: Date.now(),
  lastModified: Date.now(),
  expires: Date.now() + 604_800_000,
  terminateAfter: null,
  registeredAt: null,
  stoppedAt: null,
  stopReason: null,
  secretGeneration: 0,
  location: machine.location,
  identityAttributes: machine.identityAttributes,
  resourceIds: [],
  shouldTerminate: null,
  quarantineUntil: null,
  queueInactivityMs: null,
  systemBootTime: null,
  ...changes,
});

/** Writes a worker's row as it stands. */
export async function insertWorker(
  db: Db,
  { location, identityAttributes, resourceIds, shouldTerminate: _none, ...worker }: Worker,
): Promise<void> {
  await db
    .insertInto('workers')
    .values({
      ...worker,
      location: jsonb(location),
      identityAttributes: jsonb(identityAttributes),
      resourceIds: jsonb(resourceIds),
      shouldTerminate: null,
    })
    .execute();
}
