import type { WorkerKey } from '../../domain/ids.js';
import { cronScheduleId, lifecycleId } from '../../temporal/ids.js';
import { workflowTypes } from '../../temporal/names.js';

/** Pages of Temporal's web interface. Ids stand in a path, slashes and all. */
const page = (uiUrl: string, rest: string): string => `${uiUrl}/namespaces/default/${rest}`;

export const lifecyclesLink = (uiUrl: string): string =>
  page(uiUrl, `workflows?query=${encodeURIComponent(`WorkflowType="${workflowTypes.workerLifecycle}"`)}`);

export const lifecycleLink = (uiUrl: string, worker: WorkerKey): string =>
  page(uiUrl, `workflows/${encodeURIComponent(lifecycleId(worker))}`);

export const scheduleLink = (uiUrl: string, workerPoolId: string): string =>
  page(uiUrl, `schedules/${encodeURIComponent(cronScheduleId(workerPoolId))}`);
