import hawk from 'hawk';
import { openDatabase } from '../../database/client/open.js';
import { awsPool, type WorkerResponse } from '../testing/api-client.js';
import { loadFleet, unlimited } from '../testing/fleet-rows.js';
import { startSystem, type System } from '../testing/system.js';
import { inParallel } from '../../activities/support/in-parallel.js';
import { sql } from 'kysely';
import type { Db } from '../../database/client/schema.js';
import { withEngine } from './engine.js';
import { request, run, runFor, type LoadResult } from './http-load.js';
import { cpuMs } from './process-use.js';
import { type Figure, percentile } from './report.js';
import { until } from './until.js';

const API = '/api/worker-manager/v1';
const POOL = 'bench/api';
/** Registrations measured with so many at once. */
const REGISTRATIONS = [
  { atOnce: 1, count: 60 },
  { atOnce: 16, count: 240 },
  { atOnce: 64, count: 240 },
];
const CONNECTIONS = 32;
const SECONDS = 10;
const WARM_UP_SECONDS = 3;
const LIMIT_PER_SECOND = 2_000;
/** As the community’s deployment: pools with their live workers, and days of what has ended. */
const FLEET = { pools: 50, launchConfigs: 250, liveWorkers: 30_000, stoppedWorkers: 100_000, decisions: 20_000 };
const LARGE_POOL = 'fleet/pool-1';
const LARGE_POOL_WORKERS = 10_000;
const ERRORS = 100_000;

/** What one API process answers in a second, on Postgres. */
export async function measureApi(): Promise<Figure[]> {
  return await withEngine(async (temporal) => [
    ...(await measureMachines(temporal)),
    ...(await measureLists(temporal)),
  ]);
}

interface Registered extends Pick<WorkerResponse, 'workerPoolId' | 'workerGroup' | 'workerId'> {
  readonly credentials: { readonly clientId: string; readonly accessToken: string; readonly certificate: string };
}

/** Calls of machines: what each does once, and what each does all the time. */
async function measureMachines(temporal: string): Promise<Figure[]> {
  const system = await startSystem({
    temporal,
    simulator: { machines: 'off' },
    config: {
      limits: { launchesPerMinute: 20_000, machines: 20_000 },
      intervals: { demandSeconds: 10, provisionSeconds: 300, scanSeconds: 30, sweepSeconds: 300 },
    },
  });
  try {
    const port = Number(new URL(system.api.url).port);
    const count = REGISTRATIONS.reduce((sum, each) => sum + each.count, 0);
    await system.api.createPool(POOL, awsPool({ minCapacity: count, maxCapacity: count }));
    await until(async () => (await system.api.workers(POOL, 'requested')).length === count, 'all launched');
    // Starting them is the engine's work, and would be measured with the registrations.
    await until(async () => (await system.openLifecycles()) === count, 'all lifecycles');
    const registrations = await registrationsOf(system, port);
    const figures: Figure[] = [];
    const registered: Registered[] = [];
    for (const { atOnce, count: share } of REGISTRATIONS) {
      const sent = registrations.splice(0, share);
      const result = await run({ port, atOnce, next: () => sent.pop() ?? null }, { keepBodies: true });
      registered.push(...result.bodies.map(toRegistered));
      figures.push(...figuresOf('first registrations', `${atOnce} at once`, result));
    }
    // It has nothing to do with the rest, and takes a share of the machine.
    await system.sigterm('worker');
    return [...figures, ...(await measureShouldTerminate(system, port, registered))];
  } finally {
    await system.stop();
  }
}

async function registrationsOf(system: System, port: number): Promise<string[]> {
  const workers = await system.api.workers(POOL);
  const texts: string[] = [];
  await inParallel(workers, 8, async ({ workerPoolId, workerGroup, workerId, providerId }) => {
    const workerIdentityProof = await system.simulator.identityDocument(workerId);
    const body = JSON.stringify({ workerPoolId, workerGroup, workerId, providerId, workerIdentityProof });
    texts.push(
      request('POST', `${API}/worker/register`, { port, body, headers: { 'content-type': 'application/json' } }),
    );
  });
  return texts;
}

function toRegistered(body: string): Registered {
  const { credentials } = JSON.parse(body) as Registered;
  const [, , provisionerId, workerType, workerGroup = '', workerId = ''] = credentials.clientId.split('/');
  return { workerPoolId: `${provisionerId}/${workerType}`, workerGroup, workerId, credentials };
}

/** Each worker with its own credentials, in turn. A signature reads for 15 minutes, so each is made once. */
async function measureShouldTerminate(system: System, port: number, workers: readonly Registered[]): Promise<Figure[]> {
  const texts = workers.map(({ workerPoolId, workerGroup, workerId, credentials }) => {
    const path = `${API}/workers/${encodeURIComponent(workerPoolId)}/${workerGroup}/${workerId}/should-terminate`;
    const { clientId: id, accessToken: key, certificate } = credentials;
    const ext = Buffer.from(JSON.stringify({ certificate: JSON.parse(certificate) as object })).toString('base64');
    const signed = { credentials: { id, key, algorithm: 'sha256' as const }, ext };
    const authorization = hawk.client.header(`http://127.0.0.1:${port}${path}`, 'GET', signed).header;
    return request('GET', path, { port, headers: { authorization } });
  });
  let n = 0;
  const load = { port, atOnce: CONNECTIONS, next: () => texts[(n += 1) % texts.length] ?? null };
  await runFor(WARM_UP_SECONDS, load);
  const { pid } = system.process('api');
  const before = cpuMs(pid);
  const result = await runFor(SECONDS, load);
  const cpuSeconds = (cpuMs(pid) - before) / 1000;
  const scenario = `shouldWorkerTerminate of ${workers.length} workers with their own credentials`;
  const perCpuSecond = result.times.length / cpuSeconds;
  return [
    ...figuresOf(scenario, `${CONNECTIONS} at once`, result),
    {
      scenario,
      name: 'a second of the API’s processor time',
      value: perCpuSecond,
      unit: '/s',
      atLeast: LIMIT_PER_SECOND,
    },
  ];
}

/** Calls of people and their pages, on a database that has rows and nobody who works on them. */
async function measureLists(temporal: string): Promise<Figure[]> {
  const system = await startSystem({ temporal, start: false });
  try {
    const database = await openDatabase({ url: system.databaseUrl });
    try {
      await loadRows(database.db);
    } finally {
      await database.close();
    }
    await system.start('api');
    const workers = `/workers/${encodeURIComponent(LARGE_POOL)}`;
    const errors = `/worker-pool-errors/${encodeURIComponent(LARGE_POOL)}`;
    const lists: (readonly [string, string])[] = [
      [`list of a pool’s ${LARGE_POOL_WORKERS} workers, first page`, workers],
      ['… last page', `${workers}?continuationToken=${await lastToken(system, workers)}`],
      [`statistics of ${FLEET.pools} pools`, '/worker-pools/stats'],
      [
        `statistics of ${ERRORS} errors, one pool’s`,
        `/worker-pool-errors/stats?workerPoolId=${encodeURIComponent(LARGE_POOL)}`,
      ],
      ['… of all pools', '/worker-pool-errors/stats'],
      [`list of ${ERRORS} errors, first page`, errors],
      ['… last page', `${errors}?continuationToken=${await lastToken(system, errors)}`],
    ];
    const figures: Figure[] = [];
    const port = Number(new URL(system.api.url).port);
    for (const [name, path] of lists) {
      const text = request('GET', `${API}${path}`, { port });
      const result = await runFor(SECONDS / 2, { port, atOnce: 4, next: () => text });
      figures.push(...figuresOf('lists and statistics, 4 at once', name, result));
    }
    return figures;
  } finally {
    await system.stop();
  }
}

async function loadRows(db: Db): Promise<void> {
  const nowMs = Date.now();
  await loadFleet(db, FLEET, nowMs);
  // The rest of the one large pool, and its errors.
  const more = LARGE_POOL_WORKERS - FLEET.liveWorkers / FLEET.pools - FLEET.stoppedWorkers / FLEET.pools;
  await unlimited(
    db,
    sql`insert into workers (worker_pool_id, worker_group, worker_id, provider_id, launch_config_id, launch_config_revision,
        launch_token, state, capacity, created, last_modified, expires, location, identity_attributes)
      select ${LARGE_POOL}, 'us-west-2', 'more-' || n, 'aws', 'lc-1', 1, 'more', 'running', 1, cast(${nowMs} as bigint) - n,
        ${nowMs}, ${nowMs + 3_600_000}, '{"account":null,"region":"us-west-2","group":null}', '{}'
      from generate_series(1, ${sql.lit(more)}) n`,
  );
  await unlimited(
    db,
    sql`insert into worker_pool_errors (error_id, worker_pool_id, launch_config_id, fingerprint, kind, title, description,
        extra, reported, first_reported)
      select 'more-' || n, ${LARGE_POOL}, 'lc-1', 'more-' || n, 'creation-error', 'title ' || n % 300, 'no capacity',
        jsonb_build_object('code', 'code-' || n % 100), cast(${nowMs} as bigint) - n * 5000, cast(${nowMs} as bigint) - n * 5000
      from generate_series(1, ${sql.lit(ERRORS)}) n`,
  );
  await unlimited(
    db,
    sql`insert into worker_pool_error_hours select error_id, reported - reported % 3600000, worker_pool_id, 1
      from worker_pool_errors on conflict do nothing`,
  );
  for (const table of ['workers', 'worker_pool_errors', 'worker_pool_error_hours']) {
    await sql`vacuum (analyze) ${sql.raw(table)}`.execute(db);
  }
}

/** Of the last page. */
async function lastToken(system: System, path: string): Promise<string> {
  let last = '';
  for (let token: string | undefined = ''; token !== undefined;) {
    if (token !== '') last = token;
    const query = token === '' ? '' : `?continuationToken=${encodeURIComponent(token)}`;
    token = (await system.api.call('GET', `${path}${query}`)).body.continuationToken as string | undefined;
  }
  return encodeURIComponent(last);
}

function figuresOf(scenario: string, name: string, { seconds, times, statuses }: LoadResult): Figure[] {
  const others = [...statuses].filter(([status]) => status !== 200).map(([status, count]) => `${count} × ${status}`);
  const note = others.length > 0 ? { note: `beside ${others.join(', ')}` } : {};
  return [
    { scenario, name, value: times.length / seconds, unit: '/s', ...note },
    { scenario, name: `${name}, p50`, value: percentile(times, 0.5), unit: 'ms' },
    { scenario, name: `${name}, p99`, value: percentile(times, 0.99), unit: 'ms' },
  ];
}
