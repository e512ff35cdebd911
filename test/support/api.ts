import { randomBytes } from 'node:crypto';
import type { DemandSource } from '../../domain/demand-source.js';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { pino } from 'pino';
import { staticSecretFingerprint } from '../../providers/static/secret-fingerprint.js';
import type { ApiDeps } from '../../api/http/deps.js';
import type { HttpLimits } from '../../api/http/limits.js';
import { createServer } from '../../api/server.js';
import { parseConfig } from '../../config/load.js';
import type { WorkerKey } from '../../domain/ids.js';
import { Health } from '../../observability/health.js';
import { IdentityError, ProviderError } from '../../providers/errors.js';
import { nullProvider } from '../../providers/null/provider.js';
import type { Provider } from '../../providers/provider.js';
import { providerTypes, providersOf } from '../../providers/configured.js';
import { staticProvider } from '../../providers/static/provider.js';
import type { Database } from '../../database/client/open.js';
import { recordLaunchedWorkers } from '../../database/launches.js';
import { openTestDatabase, newIntent, reserve } from './database.js';
import { ScriptedLifecycleClient } from './scripted-lifecycle-client.js';
import { recordedContext } from './provider-context.js';

export const API = '/api/worker-manager/v1';
export const ISSUER = { clientId: 'issuer', accessToken: 'issuer-access-token-of-the-tests' };

export interface TestApi {
  readonly app: FastifyInstance;
  readonly lifecycles: ScriptedLifecycleClient;
  /** What the queue answers about workers. */
  readonly queueKnows: Pick<DemandSource, 'worker' | 'workersPage'>;
  readonly database: Database;
  /** Sends JSON; `url` is below the API's prefix. */
  call(method: InjectOptions['method'], url: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** Moves the API's clock. */
  clock: { ms: number };
  /** What the API logged, one JSON line each. */
  readonly logged: string[];
  readonly checks: Record<string, () => Promise<void>>;
  failedProviders: Set<string>;
  close(): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  // oxlint-disable-next-line no-explicit-any -- what came is what a test is about to check
  readonly body: any;
}

interface TestApiOptions {
  readonly httpLimits?: Partial<HttpLimits>;
  readonly settings?: ApiDeps['settings'];
  readonly providers?: readonly Provider[];
  /** The caller's, which closes it; without one, a PGlite of the API's own. */
  readonly database?: Database;
}

/** An API with the providers `cloud` (a made-up cloud) and `hand` (static), and `more`. */
export async function startTestApi(
  settings: object = {},
  { providers: more = [], database: given, ...deps }: TestApiOptions = {},
): Promise<TestApi> {
  const config = parseConfig(JSON.stringify({ issuer: ISSUER, ...settings }), 'test.yml', providerTypes);
  const database = given ?? (await openTestDatabase('PGlite'));
  const clock = { ms: Date.now() };
  const now = () => clock.ms;
  const lifecycles = new ScriptedLifecycleClient(database.db, now);
  const logged: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line) => void logged.push(line) });
  const { deploymentKey } = database.deployment;
  const context = recordedContext({
    providerId: 'hand',
    fingerprint: (worker: WorkerKey, secret: string) => staticSecretFingerprint(deploymentKey, worker, secret),
  });
  const registry = providersOf([cloudProvider, staticProvider(context), ...more]);
  const failedProviders = new Set<string>();
  const providers: typeof registry = {
    ...registry,
    state: (id) => (failedProviders.has(id) ? { state: 'failed', message: 'no', since: 0 } : registry.state(id)),
  };
  const checks: TestApi['checks'] = { database: () => database.ping() };
  const queueKnows: TestApi['queueKnows'] = {
    worker: async () => null,
    workersPage: async () => ({ entries: [], continuationToken: null }),
  };
  const version = { source: 'here', version: '1.2.3', commit: 'abc', build: '1' };
  const app = await createServer({
    database,
    lifecycles,
    providers,
    config,
    demand: {
      worker: (...question) => queueKnows.worker(...question),
      workersPage: (...question) => queueKnows.workersPage(...question),
    },
    log,
    now,
    health: new Health(checks, now),
    version,
    temporalUiUrl: null,
    settings: [],
    ...deps,
  });
  return {
    app,
    lifecycles,
    queueKnows,
    database,
    clock,
    logged,
    checks,
    failedProviders,
    async call(method, url, body, headers = {}) {
      const response = await app.inject({
        method,
        url: url.startsWith('//') ? url.slice(1) : `${API}${url}`,
        headers: { host: 'localhost:8080', ...headers },
        ...(body === undefined ? {} : { payload: body as object }),
      });
      const isJson = String(response.headers['content-type']).startsWith('application/json');
      return { status: response.statusCode, headers: response.headers, body: isJson ? response.json() : response.body };
    },
    async close() {
      await app.close();
      if (!given) await database.close();
    },
  };
}

/** A made-up cloud: its proof is the document `I am <workerId>`; `cloudIsAway` cannot be checked. */
export const cloudIsAway = 'ask the cloud, which does not answer';
const cloudProvider: Provider = {
  ...nullProvider,
  providerId: 'cloud',
  providerType: 'cloud',
  verifyIdentity: async (worker, proof) => {
    if (proof.document === cloudIsAway) throw new ProviderError({ code: 'Unavailable', message: 'no answer' });
    if (proof.document !== `I am ${worker.workerId}`) throw new IdentityError('the document names somebody else');
  },
};

export const poolDefinition = {
  providerId: 'cloud',
  description: 'for tests',
  owner: 'owner@example.com',
  emailOnError: false,
  config: {
    minCapacity: 0,
    maxCapacity: 10,
    launchConfigs: [{ region: 'here', workerConfig: { from: 'launch config' } }],
  },
};

/** Launches machines as a reconciliation would, and gives their keys. */
export async function launchMachines(
  api: TestApi,
  workerPoolId: string,
  workerIds: string[],
  headers?: Record<string, string>,
): Promise<WorkerKey[]> {
  const token = randomBytes(8).toString('hex');
  await openLaunch(api, workerPoolId, token, workerIds.length, headers);
  const location = { account: null, region: 'here', group: null };
  const nowMs = api.clock.ms;
  const machines = workerIds.map((workerId) => ({ workerGroup: 'here', workerId, location, identityAttributes: {} }));
  const deadline = nowMs + 1800_000;
  await recordLaunchedWorkers(api.database.db, token, machines, { nowMs, terminateAfter: deadline, expires: deadline });
  return workerIds.map((workerId) => ({ workerPoolId, workerGroup: 'here', workerId }));
}

/** An intent whose machines have no rows yet. */
export async function openLaunch(
  api: TestApi,
  workerPoolId: string,
  token: string,
  count: number,
  headers?: Record<string, string>,
): Promise<void> {
  const path = `/worker-pool/${encodeURIComponent(workerPoolId)}/launch-configs`;
  const { body } = await api.call('GET', path, undefined, headers);
  const { launchConfigId } = body.workerPoolLaunchConfigs[0];
  const location = { account: null, region: 'here', group: null };
  const intent = newIntent(token, count, { launchConfigId, location, request: {} });
  await reserve(api.database.db, [intent], workerPoolId, api.clock.ms, 'cloud');
}
