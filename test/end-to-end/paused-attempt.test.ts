import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { provisionId } from '../../temporal/ids.js';
import { awsPool } from '../../dev/testing/api-client.js';
import { checkEvidence } from '../support/evidence.js';
import { type OwnTemporal, startOwnTemporal } from '../support/own-temporal.js';
import { SYSTEM_TIMEOUT_MS } from '../../dev/testing/patience.js';
import { PausedProcess } from '../support/paused-process.js';
import { endPool, settled } from '../support/pool-steps.js';
import { startSystem, type System, type SystemOptions } from '../../dev/testing/system.js';

const WANTED = 3;

jest.setTimeout(SYSTEM_TIMEOUT_MS);

/** Each has a region of its own: faults know no pools, nor does the log of launches that are repeated or refused. */
interface Launch {
  readonly pool: string;
  readonly region: string;
}
const launched = { pool: 'paused/launched', region: 'us-east-1' };
const refused = { pool: 'paused/refused', region: 'us-east-2' };
const unchecked = { pool: 'paused/unchecked', region: 'us-west-2' };
const launches: readonly Launch[] = [launched, refused, unchecked];

/** The launch of this pool has passed its last check, and its request has not left the process. */
const beforeRequestOf = (workerPoolId: string) =>
  ({ writes: `Action=RunInstances.*${encodeURIComponent(workerPoolId)}`, when: 'before' }) as const;
/** An attempt has begun in the database, and has not been checked yet. */
const afterAttemptBegins = { writes: 'update launches .*in_doubt_attempts = ', when: 'after' } as const;

describe('a launch whose process is paused and goes on after another attempt', () => {
  let system: System | undefined;
  let paused: PausedProcess | undefined;
  let temporal: OwnTemporal;
  // Of the file's own: it must stand connections that are reset.
  beforeAll(async () => {
    temporal = await startOwnTemporal([]);
  });
  afterEach(async () => {
    await paused?.kill();
    await system?.stop();
  });
  afterAll(async () => await temporal?.stop());

  const started = async (options: SystemOptions) => {
    const simulator = { idleMs: SYSTEM_TIMEOUT_MS };
    const config = { providers: { aws: { regions: launches.map(({ region }) => region) } } };
    return (system = await startSystem({ ...options, config, simulator, temporal: temporal.address, start: false }));
  };
  // No room for more: machines that are in doubt for long are not replaced.
  const create = (of: System, { pool, region }: Launch) =>
    of.api.createPool(pool, awsPool({ minCapacity: WANTED, maxCapacity: WANTED, regions: [region] }));
  const requestsIn = (of: System, region: string) =>
    of.simulator.log().filter((line) => line.operation === 'RunInstances' && line.region === region);
  const arrive = async (of: System, region: string, requests: number) =>
    await of.waitFor(() => requestsIn(of, region).length >= requests, `${requests} requests in ${region}`);
  const hasWorkers = async (of: System, pool: string) => (await of.api.workers(pool)).length === WANTED;

  test('a paused launch attempt gives every machine a row and launches none twice, whatever another process did meanwhile', async () => {
    const of = await started({});
    const moments = [beforeRequestOf(launched.pool), beforeRequestOf(refused.pool), afterAttemptBegins];
    await of.start('api');
    paused = await PausedProcess.start(of, 'worker', moments);
    for (const [index, launch] of launches.entries()) {
      await create(of, launch);
      await paused.hasMet(index + 1);
    }
    await paused.isStopped();
    const { id } = await of.simulator.addFault({
      operation: 'RunInstances',
      mode: 'refuse',
      code: 'InsufficientInstanceCapacity',
      region: refused.region,
      times: 1_000,
    });
    await of.start('worker');
    await of.simulator.faultHit(id);
    for (const { pool } of [launched, unchecked]) await of.waitFor(() => hasWorkers(of, pool), `rows of ${pool}`);
    await of.simulator.clearFaults();
    const refusals = requestsIn(of, refused.region).length;
    paused.goOn();
    await arrive(of, launched.region, 2);
    await arrive(of, refused.region, refusals + 1);
    await Promise.all(launches.map(({ pool }) => settled(of, pool, WANTED)));
    await Promise.all(launches.map(({ pool }) => endPool(of, pool)));
    expect(requestsIn(of, unchecked.region)).toHaveLength(1);
    // A refusal proves nothing of the attempt before it.
    expect(await of.query('select failure from launches')).toEqual(launches.map(() => ({ failure: null })));
    expect(await checkEvidence(of, { ended: true })).toMatch(/^launches doubled +0$/m);
  });

  test('a paused launch attempt gives every machine a row and launches none twice where its own process begins the other attempt', async () => {
    const of = await started({ database: 'pglite', roles: 'all' });
    const { pool, region } = launched;
    paused = await PausedProcess.start(of, 'all', [beforeRequestOf(pool)]);
    await create(of, launched);
    await paused.isStopped();
    const provision = of.temporal.workflow.getHandle(provisionId(pool));
    await of.waitFor(
      async () => ((await provision.describe()).raw.pendingActivities?.[0]?.attempt ?? 0) > 1,
      'the engine to give the attempt up',
    );
    const first = await of.simulator.addFault({ operation: 'RunInstances', mode: 'hold-request' });
    paused.goOn();
    await of.simulator.faultHit(first.id);
    await arrive(of, region, 1);
    await of.simulator.releaseFault(first.id);
    await arrive(of, region, 2);
    await settled(of, pool, WANTED);
    await endPool(of, pool);
    expect(await checkEvidence(of, { ended: true })).toMatch(/^launches doubled +0$/m);
  });
});
