import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import type { protos } from '@google-cloud/compute';
import { InstancesClient } from '@google-cloud/compute/build/src/v1/instances_client.js';
import { ZoneOperationsClient } from '@google-cloud/compute/build/src/v1/zone_operations_client.js';
import { googleAuthLibrary } from 'google-gax';
import { eventually } from '../../../dev/testing/eventually.js';
import { googleProject, SimulatedGoogle } from '../../../dev/testing/simulated-google.js';
import { type SimulatorFlags, type SimulatorHandle, startSimulator } from '../../../dev/testing/simulator.js';

export const project = googleProject;
export const zone = 'us-central1-a';
export const workerPoolId = 'proj-example/google';

export const quick: SimulatorFlags = {
  machines: 'off',
  bootMs: 80,
  googleInsertMs: 120,
  googleDeleteMs: 80,
  googleStopMs: 60,
};

export type Instance = protos.google.cloud.compute.v1.IInstance;
export type Operation = protos.google.cloud.compute.v1.IOperation;
export type Properties = protos.google.cloud.compute.v1.IInstanceProperties;

/** One request each, as a product must call it: without repetitions, and past the wrapper that throws twice. */
const once = { retry: null, timeout: 30_000 };

/** The vendor's own clients, REST over plain HTTP. */
export async function googleClients(simulator: Pick<SimulatorHandle, 'port'>) {
  const options = {
    fallback: true as const,
    projectId: project,
    apiEndpoint: '127.0.0.1',
    port: simulator.port,
    protocol: 'http',
    authClient: new googleAuthLibrary.PassThroughClient(),
  };
  const instances = new InstancesClient(options);
  const operations = new ZoneOperationsClient(options);
  await Promise.all([instances.initialize(), operations.initialize()]);
  return { instances, operations };
}
export type GoogleClients = Awaited<ReturnType<typeof googleClients>>;

export interface StartedGoogle {
  readonly simulator: SimulatorHandle;
  readonly google: SimulatedGoogle;
  readonly clients: GoogleClients;
}

/** One simulator for all tests of a file, empty before each; `started` gets it with the vendor's clients for it. */
export function startGoogle(flags: SimulatorFlags, started: (parts: StartedGoogle) => void): void {
  let simulator: SimulatorHandle | undefined;
  beforeAll(async () => {
    simulator = await startSimulator(flags);
    started({ simulator, google: new SimulatedGoogle(simulator), clients: await googleClients(simulator) });
  });
  afterAll(() => simulator?.stop());
  beforeEach(() => simulator?.reset());
}

/** One call of a client by the name of its method; gives the answer alone. */
export async function call<T>(
  client: GoogleClients['instances'] | GoogleClients['operations'],
  method: string,
  request: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<T> {
  const inner = client.innerApiCalls[method];
  if (!inner) throw new Error(`the client has no ${method}`);
  const options = { ...once, autoPaginate: false, otherArgs: { headers } };
  const answer = (await inner({ project, ...request }, options)) as unknown[];
  return (method.endsWith('ist') ? answer[2] : answer[0]) as T;
}

export interface ListAnswer<T> {
  readonly items?: readonly T[];
  readonly nextPageToken?: string;
  readonly warning?: { readonly code?: string } | null;
}

/** What a worker manager tells its machines. */
export const metadata = (rootUrl: string) => ({
  items: [
    {
      key: 'taskcluster',
      value: JSON.stringify({ rootUrl, workerPoolId, providerId: 'google', workerGroup: zone, workerConfig: {} }),
    },
  ],
});

export const properties = (more: Properties = {}): Properties => ({
  machineType: 'n2-standard-4',
  description: 'a worker',
  disks: [
    {
      boot: true,
      autoDelete: true,
      type: 'PERSISTENT',
      initializeParams: { sourceImage: 'projects/images/global/images/worker', diskSizeGb: 60 },
    },
  ],
  networkInterfaces: [{ accessConfigs: [{ type: 'ONE_TO_ONE_NAT' }] }],
  labels: { 'managed-by': 'worker-manager', launch: 'one' },
  ...more,
});

export interface Bulk {
  readonly names: readonly string[];
  readonly minCount?: number;
  readonly requestId?: string;
  readonly zone?: string;
  readonly properties?: Properties;
}

export const bulkInsert = ({ instances }: GoogleClients, bulk: Bulk): Promise<Operation> =>
  call(instances, 'bulkInsert', {
    zone: bulk.zone ?? zone,
    requestId: bulk.requestId ?? randomUUID(),
    bulkInsertInstanceResourceResource: {
      count: bulk.names.length,
      minCount: bulk.minCount ?? 1,
      perInstanceProperties: Object.fromEntries(bulk.names.map((name) => [name, {}])),
      instanceProperties: bulk.properties ?? properties(),
    },
  });

export const insert = (
  { instances }: GoogleClients,
  resource: Instance,
  requestId = randomUUID(),
): Promise<Operation> => call(instances, 'insert', { zone, requestId, instanceResource: resource });

/** As `insert` wants them: URLs in the zone. */
export const single = (name: string, more: Instance = {}): Instance => ({
  ...(properties() as Instance),
  name,
  machineType: `zones/${zone}/machineTypes/n2-standard-4`,
  ...more,
});

export const remove = ({ instances }: GoogleClients, instance: string, requestId?: string): Promise<Operation> =>
  call(instances, 'delete', { zone, instance, ...(requestId && { requestId }) });

export const get = ({ instances }: GoogleClients, instance: string): Promise<Instance> =>
  call(instances, 'get', { zone, instance });

export const list = ({ instances }: GoogleClients, request: object = {}): Promise<ListAnswer<Instance>> =>
  call(instances, 'list', { zone, ...request });

export const operation = ({ operations }: GoogleClients, name: unknown): Promise<Operation> =>
  call(operations, 'get', { zone, operation: name });

export const operationsOf = ({ operations }: GoogleClients, request: object = {}): Promise<ListAnswer<Operation>> =>
  call(operations, 'list', { zone, ...request });

/** The operation once it has ended. */
export const done = (clients: GoogleClients, begun: Operation): Promise<Operation> =>
  eventually(async () => {
    const now = await operation(clients, begun.name);
    return now.status === 'DONE' && now;
  });

export const names = (answer: ListAnswer<Instance>): string[] => (answer.items ?? []).map((one) => one.name ?? '');

/** What the client throws: the reason is in the body only. */
export interface GoogleRefusal {
  readonly status?: number;
  readonly reason?: string;
  readonly message: string;
  readonly details?: readonly { readonly reason?: string }[];
  readonly noAnswer: boolean;
}

export async function refusalOf(attempt: Promise<unknown>): Promise<GoogleRefusal> {
  const error = await attempt.then(
    () => null,
    (thrown: unknown) => thrown as Error & { httpStatusCode?: number },
  );
  if (!error) throw new Error('the call was not refused');
  const body = (error as unknown as Record<symbol, unknown>)[Symbol.for('google-gax.rawHttpResponsePayload')];
  const parsed = typeof body === 'string' ? (JSON.parse(body) as { error?: Record<string, unknown> }).error : undefined;
  const [first] = (parsed?.['errors'] ?? []) as { reason: string }[];
  return {
    status: error.httpStatusCode,
    reason: first?.reason,
    message: error.message,
    ...(parsed?.['details'] !== undefined && { details: parsed['details'] as GoogleRefusal['details'] }),
    noAnswer: error.httpStatusCode === undefined,
  };
}
