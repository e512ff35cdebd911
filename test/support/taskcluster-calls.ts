import { poolDefinition } from './api.js';

/** A call as clients name it: the parts of the path, then the body. */
export interface NamedCall {
  readonly name: string;
  // oxlint-disable-next-line no-explicit-any -- answers of earlier calls, as clients give them
  readonly args: (answers: Readonly<Record<string, any>>) => readonly unknown[];
  /** It reads only, so a signed URL can make it. */
  readonly isGet: boolean;
}

/** Every operation that clients know, in the order in which a pool and a static worker in it live. */
export function wholeLife(workerPoolId: string): readonly NamedCall[] {
  const worker = { workerPoolId, workerGroup: 'room', workerId: 'shelf-1' };
  const path = [workerPoolId, worker.workerGroup, worker.workerId];
  const [provisionerId = '', workerType = ''] = workerPoolId.split('/');
  const staticSecret = 's'.repeat(44);
  const definition = { ...poolDefinition, providerId: 'hand', config: { workerConfig: { from: 'pool' } } };
  const announced = {
    expires: new Date(Date.now() + 86_400_000).toISOString(),
    capacity: 1,
    providerInfo: { staticSecret },
  };
  const registration = { ...worker, providerId: 'hand', workerIdentityProof: { staticSecret } };
  const report = { ...worker, kind: 'boot', title: 'No disk', description: 'It is gone', extra: { code: 7 } };
  const { workerPoolId: _, ...error } = report;
  const get = (name: string, ...args: unknown[]): NamedCall => ({ name, args: () => args, isGet: true });
  const change = (name: string, ...args: unknown[]): NamedCall => ({ name, args: () => args, isGet: false });
  return [
    ...['ping', 'lbheartbeat', 'version', 'heartbeat', 'listProviders'].map((name) => get(name)),
    change('createWorkerPool', workerPoolId, definition),
    get('workerPool', workerPoolId),
    change('updateWorkerPool', workerPoolId, { ...definition, description: 'changed' }),
    get('listWorkerPools'),
    get('listWorkerPoolsStats'),
    get('workerPoolStats', workerPoolId),
    get('listWorkerPoolLaunchConfigs', workerPoolId),
    change('createWorker', ...path, announced),
    get('worker', ...path),
    change('updateWorker', ...path, announced),
    get('listWorkersForWorkerPool', workerPoolId),
    get('listWorkersForWorkerGroup', workerPoolId, worker.workerGroup),
    change('registerWorker', registration),
    {
      name: 'reregisterWorker',
      args: ({ registerWorker }) => [{ ...worker, secret: registerWorker.secret }],
      isGet: false,
    },
    change('reportWorkerError', workerPoolId, error),
    get('listWorkerPoolErrors', workerPoolId),
    get('workerPoolErrorStats'),
    get('listWorkers', provisionerId, workerType),
    get('getWorker', provisionerId, workerType, worker.workerGroup, worker.workerId),
    change('removeWorker', ...path),
    change('deleteWorkerPool', workerPoolId),
  ];
}
