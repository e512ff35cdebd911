import type { WorkerKey } from '../domain/ids.js';

/** Addresses of the page and of the API. A pool id is one component: its slash is written as `%2F`. */

const part = encodeURIComponent;

export const poolPage = (workerPoolId: string, tab?: string): string =>
  `/pools/${part(workerPoolId)}${tab === undefined ? '' : `?tab=${part(tab)}`}`;
export const whyPage = (queue: string): string => `/why/${part(queue)}`;
export const editPage = (workerPoolId: string): string => `/pools/${part(workerPoolId)}/edit`;
export const configPage = (workerPoolId: string, launchConfigId: string): string =>
  `/pools/${part(workerPoolId)}/configs/${part(launchConfigId)}`;
export const workerPage = ({ workerPoolId, workerGroup, workerId }: WorkerKey): string =>
  `/pools/${part(workerPoolId)}/workers/${part(workerGroup)}/${part(workerId)}`;
/** The page from this token on, with what else its address says: its filter and order. */
export const auditPage = (query: Readonly<Record<string, string | undefined>>, after: string | undefined): string =>
  withQuery('/audit', { ...query, after });

export const poolCall = (workerPoolId: string, rest = ''): string => `/worker-pool/${part(workerPoolId)}${rest}`;
export const explainCall = (queue: string, instants: Readonly<Record<string, string | undefined>> = {}): string =>
  withQuery(`/task-queue/${part(queue)}/explain`, instants);
/** Of all pools where none is named. */
export const chartCall = (workerPoolId: string, chart: string): string =>
  workerPoolId === '' ? `/charts/${chart}` : poolCall(workerPoolId, `/charts/${chart}`);
export const errorsCall = (workerPoolId: string): string => `/worker-pool-errors/${part(workerPoolId)}`;
export const workersCall = (workerPoolId: string): string => `/workers/${part(workerPoolId)}`;
export const workerCall = ({ workerPoolId, workerGroup, workerId }: WorkerKey, rest = ''): string =>
  `/workers/${part(workerPoolId)}/${part(workerGroup)}/${part(workerId)}${rest}`;
/** Entries older than those of the answer that gave the token; without one the newest. */
export const auditCall = (limit: number, after: string | undefined): string =>
  withQuery('/audit', { limit: String(limit), continuationToken: after });

export const configCall = (workerPoolId: string, launchConfigId: string, rest: string): string =>
  poolCall(workerPoolId, `/launch-configs/${part(launchConfigId)}${rest}`);

/** The address with these query keys; one that is empty or undefined is left out. */
export function withQuery(path: string, query: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  return given.length === 0 ? path : `${path}?${given.map(([key, value]) => `${part(key)}=${part(value!)}`).join('&')}`;
}
