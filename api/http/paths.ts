export const API_PREFIX = '/api/worker-manager/v1';

/** Collections whose next path component is a workerPoolId, which has a slash in it. */
const beforePoolId = new RegExp(
  `^${API_PREFIX}/(worker-pool|worker-pool-errors|workers|task-queue)/([^?]*)(\\?.*)?$`,
  's',
);

/**
 * Gives a path one form before it is routed. Clients send a pool id's slash raw or as `%2F`; inside, it is always one
 * component. Old clients put a stray colon after the pool id in `/workers/<pool>:/…`: it goes
 * (docs/taskcluster-compatibility.md#paths).
 */
export function normalizeUrl(url: string): string {
  const match = beforePoolId.exec(url);
  if (!match) return url;
  const [, collection = '', path = '', query = ''] = match;
  const [first = '', second, ...rest] = path.split('/');
  const parts = /%2F/i.test(first) || second === undefined ? path.split('/') : [`${first}%2F${second}`, ...rest];
  if (collection === 'workers' && parts.length > 1) parts[0] = parts[0]?.replace(/(:|%3A)$/i, '') ?? '';
  return `${API_PREFIX}/${collection}/${parts.join('/')}${query}`;
}
