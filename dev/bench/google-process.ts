import { ComputeCalls } from '../../providers/google/calls.js';
import { providerContext } from '../../providers/context.js';
import { ProviderError } from '../../providers/errors.js';
import { awsPool } from '../testing/api-client.js';
import { googlePool, googleProviderConfig } from '../testing/google-pool.js';
import { startSimulator } from '../testing/simulator.js';
import { awsProviders, startSystem } from '../testing/system.js';
import { withEngine } from './engine.js';
import { residentBytes } from './process-use.js';
import type { Figure } from './report.js';
import { until } from './until.js';

/** What the SDK of Google's costs the process that loads it. */

const ERRORS = 10;
const ERROR_LIMIT_MS = 100;
/** Reads beside the errors, one after another. */
const READS = 50;
const MEMORY_LIMIT_MB = 130;
const MB = 1024 ** 2;

const unlimited = { acquire: async () => {}, reportQuota: async () => {} };
const noDeployment = { deploymentId: '00000000-0000-0000-0000-000000000000', deploymentKey: '' };
const zone = 'us-central1-a';

/** How long reads wait beside launches that are refused with details, against the same without such launches. */
export async function measureGoogleErrors(): Promise<Figure[]> {
  const simulator = await startSimulator({ machines: 'off' });
  try {
    const config = { ...(await googleProviderConfig(simulator)), draining: false };
    const surroundings = { rootUrl: simulator.url, deployment: noDeployment, limiter: unlimited, onCall: () => {} };
    const calls = new ComputeCalls(config, providerContext('google', surroundings));
    const list = { service: 'instances', method: 'list', callClass: 'read', zone, request: {} } as const;
    const slowestRead = async (): Promise<number> => {
      const times: number[] = [];
      for (let read = 0; read < READS; read += 1) {
        const begunAt = performance.now();
        await calls.call(list);
        times.push(performance.now() - begunAt);
      }
      return Math.max(...times);
    };
    // The SDK is loaded by the first.
    await calls.call(list);
    const floorMs = await slowestRead();

    const details = [{ code: 'CONCURRENT_OPERATIONS_QUOTA_EXCEEDED', message: 'Too many at once.' }];
    const fault = {
      operation: 'instances.bulkInsert',
      mode: 'refuse',
      code: 'rateLimitExceeded',
      status: 403,
    } as const;
    await simulator.addFault({ ...fault, details, times: ERRORS });
    const request = { bulkInsertInstanceResourceResource: { count: '1' } };
    const launch = { ...list, method: 'bulkInsert', callClass: 'create', request } as const;
    const refused = Promise.all(Array.from({ length: ERRORS }, () => refusalOf(calls.call(launch))));
    const besideMs = await slowestRead();
    const codes = new Set(await refused);
    if (codes.size !== 1 || !codes.has('Throttled'))
      throw new Error(`launches were refused as ${[...codes].join(', ')}`);

    const scenario = `${ERRORS} errors of Google with details at once`;
    return [
      { scenario, name: 'floor: the slowest read without them', value: floorMs, unit: 'ms' },
      { scenario, name: 'the slowest read beside them', value: besideMs, unit: 'ms', limit: floorMs + ERROR_LIMIT_MS },
    ];
  } finally {
    await simulator.stop();
  }
}

async function refusalOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'none';
  } catch (error) {
    return error instanceof ProviderError ? error.code : String(error);
  }
}

/** Memory of processes that serve AWS and Google, above that of processes that serve AWS alone; each with a machine. */
export async function measureGoogleMemory(): Promise<Figure[]> {
  const without = await memory(false);
  const withGoogle = await memory(true);
  const scenario = 'memory of Google’s SDK';
  return Object.entries(without).flatMap(([role, bytes]): Figure[] => [
    { scenario, name: `floor: ${role} process without Google`, value: bytes / MB, unit: 'MB' },
    {
      scenario,
      name: `${role} process, more than that with Google`,
      value: (withGoogle[role]! - bytes) / MB,
      unit: 'MB',
      limit: MEMORY_LIMIT_MB,
    },
  ]);
}

const POOLS = { aws: 'bench/aws', google: 'bench/google' };

async function memory(withGoogle: boolean): Promise<Record<string, number>> {
  return await withEngine(async (temporal) => {
    const system = await startSystem({
      roles: 'split',
      temporal,
      simulator: { googleInsertMs: 1_000 },
      providers: async (simulator, folder) => ({
        ...(await awsProviders(simulator, folder)),
        ...(withGoogle && { google: await googleProviderConfig(simulator) }),
      }),
    });
    try {
      const one = { minCapacity: 1, maxCapacity: 1 };
      await system.api.createPool(POOLS.aws, awsPool(one));
      if (withGoogle) await system.api.createPool(POOLS.google, googlePool(one));
      const pools = withGoogle ? [POOLS.aws, POOLS.google] : [POOLS.aws];
      for (const pool of pools) {
        await until(async () => (await system.api.counts(pool)).running === 1, `a worker of ${pool}`);
      }
      return Object.fromEntries(system.roles.map((role) => [role, residentBytes(system.process(role).pid)]));
    } finally {
      await system.stop();
    }
  });
}
