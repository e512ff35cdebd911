/**
 * Identifiers of the wire protocol, on which outsiders rely. The rules are
 * Taskcluster's (docs/taskcluster-compatibility.md#identifiers).
 */

/** Providers, launch configs, worker groups and worker ids. Never a dot: they become words of a routing key. */
export const identifierPattern = /^[a-zA-Z0-9_-]{1,38}$/;
export const workerPoolIdPattern = /^[a-zA-Z0-9_-]{1,38}\/[a-z]([-a-z0-9]{0,36}[a-z0-9])?$/;

/** A pool that has this provider launches nothing and goes away with its last worker. */
export const NULL_PROVIDER = 'null-provider';

/** What the client id of a worker's own credentials begins with. */
export const WORKER_CLIENT_PREFIX = 'worker/';

export interface WorkerKey {
  readonly workerPoolId: string;
  readonly workerGroup: string;
  readonly workerId: string;
}

/** A stable text form of a worker's key, for maps. */
export const workerKeyText = (worker: WorkerKey): string =>
  `${worker.workerPoolId}/${worker.workerGroup}/${worker.workerId}`;
