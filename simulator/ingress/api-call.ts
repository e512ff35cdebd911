/** What the log and the faults need to know of a call to the worker manager's API. */
export interface ApiCall {
  /** The API's own name of the call where machines make it, else method and path. */
  readonly operation: string;
  /** Method and path; never the query, which may carry a bewit. */
  readonly route: string;
  readonly workerPoolId: string | null;
  readonly workerIds: readonly string[];
}

const PREFIX = '/api/worker-manager/v1';

export function describeApiCall(method: string, url: string, body: Buffer): ApiCall {
  const path = url.split('?', 1)[0] ?? '/';
  const route = `${method} ${path}`;
  if (method === 'POST' && path === `${PREFIX}/worker/register`)
    return { operation: 'registerWorker', route, ...named(body) };
  if (method === 'POST' && path === `${PREFIX}/worker/reregister`) {
    return { operation: 'reregisterWorker', route, ...named(body) };
  }
  const worker = /^\/workers\/([^/]+)\/([^/]+)\/([^/]+?)(\/should-terminate)?$/.exec(path.slice(PREFIX.length));
  if (worker) {
    const [, workerPoolId = '', , workerId = '', shouldTerminate] = worker;
    const about = { route, workerPoolId: decode(workerPoolId), workerIds: [decode(workerId)] };
    if (method === 'DELETE') return { operation: 'removeWorker', ...about };
    if (method === 'GET' && shouldTerminate) return { operation: 'shouldWorkerTerminate', ...about };
    return { operation: `${method} worker`, ...about };
  }
  return { operation: `${method} ${resourceOf(path)}`, route, workerPoolId: null, workerIds: [] };
}

/** The first part of the path, so that calls are counted by kind and not by pool. */
const resourceOf = (path: string): string => path.slice(PREFIX.length + 1).split('/', 1)[0] ?? '';

/** Names only: what else the body holds (a proof, a secret) is none of the log's business. */
function named(body: Buffer): { workerPoolId: string | null; workerIds: string[] } {
  try {
    const { workerPoolId, workerId } = JSON.parse(body.toString()) as Record<string, unknown>;
    return {
      workerPoolId: typeof workerPoolId === 'string' ? workerPoolId : null,
      workerIds: typeof workerId === 'string' ? [workerId] : [],
    };
  } catch {
    return { workerPoolId: null, workerIds: [] };
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
