/** A caller of the running HTTP API, as any program outside would be. It uses the wire's own names and shapes. */

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  // oxlint-disable-next-line no-explicit-any -- what came is what a test is about to check
  readonly body: any;
}

export interface WorkerResponse {
  readonly workerPoolId: string;
  readonly workerGroup: string;
  readonly workerId: string;
  readonly providerId: string;
  readonly launchConfigId?: string;
  readonly state: 'requested' | 'running' | 'stopping' | 'stopped';
  readonly capacity: number;
  readonly created: string;
  readonly expires: string;
  readonly lastModified: string;
}

/** While processes are killed one after another, a removal may wait for several of them. */
const REMOVAL_PATIENCE_MS = 120_000;

export interface CapacityShape {
  readonly minCapacity?: number;
  readonly maxCapacity?: number;
  readonly scalingRatio?: number;
  readonly lifecycle?: Readonly<Record<string, number>>;
}

export interface PoolShape extends CapacityShape {
  readonly providerId?: string;
  /** One launch config for each; their machines are m5.large unless the options say otherwise. */
  readonly regions?: readonly string[];
  readonly instanceTypes?: readonly string[];
  readonly workerManager?: Readonly<Record<string, unknown>>;
}

/** The definition of an AWS pool with one launch config for each region and instance type. */
export function awsPool(shape: PoolShape = {}) {
  const { providerId = 'aws', regions = ['us-east-1'], instanceTypes = ['m5.large'], workerManager } = shape;
  const launchConfigs = regions.flatMap((region) =>
    instanceTypes.map((InstanceType) => ({
      region,
      launchConfig: { ImageId: 'ami-12345678', InstanceType },
      ...(workerManager && { workerManager }),
    })),
  );
  return testPool(providerId, shape, launchConfigs);
}

/** The definition of a pool of any provider. */
export function testPool<LaunchConfig>(providerId: string, shape: CapacityShape, launchConfigs: LaunchConfig[]) {
  const { minCapacity = 0, maxCapacity = 10, scalingRatio = 1, lifecycle } = shape;
  return {
    providerId,
    description: 'for tests',
    owner: 'owner@example.com',
    emailOnError: false,
    config: { minCapacity, maxCapacity, scalingRatio, ...(lifecycle && { lifecycle }), launchConfigs },
  };
}

export class ApiClient {
  readonly url: string;

  /** `url` of the server (or of an ingress before it), without a path. */
  constructor(url: string) {
    this.url = url;
  }

  async call(method: string, path: string, body?: unknown): Promise<ApiAnswer> {
    const response = await fetch(`${this.url}/api/worker-manager/v1${path}`, {
      method,
      ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json') ?? false;
    return { status: response.status, headers: response.headers, body: isJson && text ? JSON.parse(text) : text };
  }

  async createPool(workerPoolId: string, definition: object): Promise<void> {
    await this.must('PUT', `/worker-pool/${encodeURIComponent(workerPoolId)}`, definition);
  }

  async updatePool(workerPoolId: string, definition: object): Promise<void> {
    await this.must('POST', `/worker-pool/${encodeURIComponent(workerPoolId)}`, definition);
  }

  async deletePool(workerPoolId: string): Promise<void> {
    await this.must('DELETE', `/worker-pool/${encodeURIComponent(workerPoolId)}`);
  }

  /** It launches nothing from now on; otherwise it would replace what is removed. */
  async holdPool(workerPoolId: string, reason: string): Promise<void> {
    await this.must('PUT', `/worker-pool/${encodeURIComponent(workerPoolId)}/hold`, { reason });
  }

  /** All workers of a pool, stopped ones too unless one state is named. */
  workers(workerPoolId: string, state?: WorkerResponse['state']): Promise<WorkerResponse[]> {
    const path = `/workers/${encodeURIComponent(workerPoolId)}`;
    return this.all<WorkerResponse>(path, 'workers', state ? { state } : {});
  }

  /** How many workers of a pool are in each state. */
  async counts(workerPoolId: string): Promise<Record<WorkerResponse['state'], number>> {
    const counts = { requested: 0, running: 0, stopping: 0, stopped: 0 };
    for (const { state } of await this.workers(workerPoolId)) counts[state] += 1;
    return counts;
  }

  /** Repeats the call as the answer's Retry-After says, as any client does. */
  async removeWorker({ workerPoolId, workerGroup, workerId }: WorkerResponse): Promise<void> {
    const parts = [workerPoolId, workerGroup, workerId].map(encodeURIComponent);
    const path = `/workers/${parts.join('/')}`;
    const until = Date.now() + REMOVAL_PATIENCE_MS;
    while (Date.now() < until) {
      const { status } = await this.call('DELETE', path);
      if (status === 200) return;
      if (status !== 503) break;
    }
    await this.must('DELETE', path);
  }

  // oxlint-disable-next-line no-explicit-any -- as the wire has them
  errors(workerPoolId: string): Promise<any[]> {
    return this.all(`/worker-pool-errors/${encodeURIComponent(workerPoolId)}`, 'workerPoolErrors');
  }

  /** Newest first. */
  // oxlint-disable-next-line no-explicit-any -- as the wire has them
  decisions(workerPoolId: string): Promise<any[]> {
    return this.all(`/worker-pool/${encodeURIComponent(workerPoolId)}/decisions`, 'decisions');
  }

  /** Registers with a proof, as the machine itself does. */
  register(worker: {
    workerPoolId: string;
    providerId: string;
    workerGroup: string;
    workerId: string;
    workerIdentityProof: object;
  }): Promise<ApiAnswer> {
    return this.call('POST', '/worker/register', worker);
  }

  /** Everything of a paged list. */
  async all<T>(path: string, key: string, query: Record<string, string> = {}): Promise<T[]> {
    const items: T[] = [];
    let continuationToken: string | undefined;
    do {
      const parameters = new URLSearchParams({
        ...query,
        limit: '1000',
        ...(continuationToken && { continuationToken }),
      });
      const body = await this.must('GET', `${path}?${parameters.toString()}`);
      items.push(...(body[key] as T[]));
      continuationToken = body.continuationToken as string | undefined;
    } while (continuationToken);
    return items;
  }

  // oxlint-disable-next-line no-explicit-any -- as the wire has it
  private async must(method: string, path: string, body?: unknown): Promise<any> {
    const answer = await this.call(method, path, body);
    if (answer.status !== 200)
      throw new Error(`${method} ${path} answered with ${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  }
}
