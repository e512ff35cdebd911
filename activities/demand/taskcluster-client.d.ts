// The peer's client has no types of its own. Declared here is what this project uses of it, no more. Queue,
// WorkerManager and the other clients are NOT named exports at run time (`import { Queue }` fails when the program
// starts): write `import taskcluster from 'taskcluster-client'` and `new taskcluster.Queue(…)`.
declare module 'taskcluster-client' {
  export interface Credentials {
    clientId: string;
    accessToken: string;
    /** JSON text, for temporary credentials. */
    certificate?: string;
  }

  export interface ClientOptions {
    rootUrl: string;
    credentials?: Credentials;
    /** Per request, milliseconds. */
    timeout?: number;
    /** Repetitions after 5xx and connection errors. */
    retries?: number;
    /** The client gives up every other scope. */
    authorizedScopes?: string[];
    /** Of Node's HTTP agents; one of its own instead of the one that all clients share. */
    agent?: { maxSockets?: number };
  }

  export interface QueueWorkerEntry {
    workerGroup: string;
    workerId: string;
    firstClaim?: string;
    lastDateActive?: string;
    quarantineUntil?: string;
    latestTask?: unknown;
  }

  export interface QueueWorkerResponse extends QueueWorkerEntry {
    expires?: string;
    recentTasks?: unknown;
    quarantineDetails?: unknown;
  }

  export interface PageQuery {
    limit?: string;
    continuationToken?: string;
    quarantined?: string;
  }

  export interface TemporaryCredentials {
    clientId: string;
    accessToken: string;
    /** JSON text. */
    certificate: string;
  }

  /** `1 week`, `2 hours 5 minutes`, … from now. Throws for a text of another form. */
  export function fromNow(offset: string): Date;

  /**
   * Throws an AssertionError for a span of more than 31 days. Without `clientId` they are unnamed: the issuer's own.
   */
  export function createTemporaryCredentials(options: {
    clientId?: string;
    start: Date;
    expiry: Date;
    scopes: string[];
    credentials: { clientId: string; accessToken: string };
  }): TemporaryCredentials;

  class Auth {
    constructor(options: ClientOptions);
    authenticateHawk(payload: {
      method: string;
      resource: string;
      host: string;
      port: number;
      authorization?: string;
    }): Promise<{ status: string; scopes?: readonly string[] }>;
  }

  class Queue {
    constructor(options: ClientOptions);
    taskQueueCounts(taskQueueId: string): Promise<{ pendingTasks: number; claimedTasks: number }>;
    listWorkers(
      provisionerId: string,
      workerType: string,
      query?: PageQuery,
    ): Promise<{ workers: QueueWorkerEntry[]; continuationToken?: string }>;
    listPendingTasks(
      taskQueueId: string,
      query?: PageQuery,
    ): Promise<{ tasks: { inserted: string }[]; continuationToken?: string }>;
    listClaimedTasks(
      taskQueueId: string,
      query?: PageQuery,
    ): Promise<{ tasks: { workerGroup: string; workerId: string }[]; continuationToken?: string }>;
    getWorker(
      provisionerId: string,
      workerType: string,
      workerGroup: string,
      workerId: string,
    ): Promise<QueueWorkerResponse>;
    quarantineWorker(
      provisionerId: string,
      workerType: string,
      workerGroup: string,
      workerId: string,
      payload: { quarantineUntil: string; quarantineInfo?: string },
    ): Promise<QueueWorkerEntry>;
    claimWork(
      taskQueueId: string,
      payload: { tasks: number; workerGroup: string; workerId: string },
    ): Promise<{ tasks: { status: { taskId: string }; runId: number; takenUntil: string }[] }>;
    reclaimTask(taskId: string, runId: number): Promise<{ takenUntil: string }>;
    reportCompleted(taskId: string, runId: number): Promise<unknown>;
  }

  class Notify {
    constructor(options: ClientOptions);
    ping(): Promise<unknown>;
    email(payload: { address: string; subject: string; content: string }): Promise<unknown>;
  }

  class WorkerManager {
    constructor(options: ClientOptions);
    registerWorker(payload: {
      workerPoolId: string;
      providerId: string;
      workerGroup: string;
      workerId: string;
      workerIdentityProof: object;
    }): Promise<{ expires: string; secret: string; credentials: Credentials; workerConfig: object }>;
    reregisterWorker(payload: {
      workerPoolId: string;
      workerGroup: string;
      workerId: string;
      secret: string;
    }): Promise<{ expires: string; secret: string; credentials: Credentials }>;
    createWorker(workerPoolId: string, workerGroup: string, workerId: string, definition: object): Promise<unknown>;
    updateWorker(workerPoolId: string, workerGroup: string, workerId: string, definition: object): Promise<unknown>;
    worker(workerPoolId: string, workerGroup: string, workerId: string): Promise<unknown>;
    removeWorker(workerPoolId: string, workerGroup: string, workerId: string): Promise<unknown>;
    reportWorkerError(workerPoolId: string, report: object): Promise<unknown>;
    listProviders(query?: object): Promise<unknown>;
    listWorkerPools(query?: object): Promise<unknown>;
    createWorkerPool(workerPoolId: string, definition: object): Promise<unknown>;
    listWorkerPoolErrors(workerPoolId: string, query?: object): Promise<{ workerPoolErrors: unknown[] }>;
    workerPoolErrorStats(query?: object): Promise<{ workerPoolId: string; totals: Record<string, unknown> }>;
    listWorkers(
      provisionerId: string,
      workerType: string,
      query?: object,
    ): Promise<{ workers: Record<string, unknown>[]; continuationToken?: string }>;
    getWorker(
      provisionerId: string,
      workerType: string,
      workerGroup: string,
      workerId: string,
    ): Promise<Record<string, unknown>>;
  }

  export interface ApiEntry {
    name: string;
    method: string;
    route: string;
    args: string[];
    query: string[];
    category: string;
    stability: string;
    scopes?: unknown;
    input?: string;
    output?: string;
  }

  /** A client class of a service's reference. */
  export function createClient(
    reference: { entries: ApiEntry[] },
    name: string,
  ): new (options: ClientOptions) => Record<string, (...args: unknown[]) => Promise<unknown>>;

  // The client classes are made at run time, so they are properties of the default export and not exports by name.
  const taskcluster: {
    Auth: typeof Auth;
    Notify: typeof Notify;
    Queue: typeof Queue;
    WorkerManager: typeof WorkerManager;
  };
  export default taskcluster;
}

/** The references that the client was generated from. */
declare module 'taskcluster-client/src/apis.js' {
  import type { ApiEntry } from 'taskcluster-client';

  const apis: { WorkerManager: { reference: { entries: ApiEntry[] } } };
  export default apis;
}
