import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { awsPool } from '../../../dev/testing/api-client.js';
import { checkEvidence } from '../../support/evidence.js';
import { proofSize } from '../../support/long.js';
import { type OwnTemporal, startOwnTemporal } from '../../support/own-temporal.js';
import { expectSettled, machinesOf, settled } from '../../support/pool-steps.js';
import { type Ended, ProductProcess, serveProgram } from '../../../dev/testing/product.js';
import { startSystem, type System } from '../../../dev/testing/system.js';
import { TcpProxy } from '../../../dev/testing/tcp-proxy.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
/** Shorter than a worker process may be cut off: it would end, and nothing here starts it again. */
const silences = proofSize({ short: [15 * SECOND], long: [2 * SECOND, 15 * SECOND, MINUTE, 4 * MINUTE] });
/** After the end of a silence: connections that never speak again are noticed by keepalives, which take 45 s. */
const WORKS_WITHIN_MS = 75 * SECOND;
/** Taskcluster's own clients wait so long. */
const CALLER_TIMEOUT_MS = 30 * SECOND;
/** Of a worker process: five minutes, or five seconds where a test's probes say so. */
const watch = { intervalMs: SECOND, failures: 5 };

jest.setTimeout(proofSize({ short: 4 * MINUTE, long: 20 * MINUTE }));

describe('a deployment whose Temporal falls silent', () => {
  let temporal: OwnTemporal;
  let system: System;
  let [apiSide, workerSide]: TcpProxy[] = [];
  let pools = 0;
  const newPool = () => `silent/temporal-${(pools += 1)}`;
  const proxies = () => [apiSide!, workerSide!];
  const behind = ({ address }: TcpProxy, name: string) => system.writeConfig({ temporal: { address } }, name);

  beforeAll(async () => {
    temporal = await startOwnTemporal(['system.forceSearchAttributesCacheRefreshOnRead=true']);
    const simulator = { idleMs: 20 * MINUTE };
    system = await startSystem({ start: false, simulator, temporal: temporal.address });
    const server = `tcp://${temporal.address}`;
    [apiSide, workerSide] = [await TcpProxy.start(server), await TcpProxy.start(server)];
    const processes = [
      system.spawn('api', behind(apiSide, 'api.json')),
      system.spawn('worker', behind(workerSide, 'worker.json')),
    ];
    await Promise.all(processes.map((process) => process.serves()));
  });
  afterAll(async () => {
    for (const proxy of [apiSide, workerSide]) proxy?.speak('lost');
    await system?.stop();
    for (const proxy of [apiSide, workerSide]) await proxy?.stop();
    await temporal?.stop();
  });

  const heartbeat = async () => await system.api.call('GET', '/__heartbeat__');
  const isHealthy = async () => (await heartbeat()).status === 200;
  const expectGoesOn = async (pool: string, wanted: number) => {
    await system.waitFor(isHealthy, 'a good heartbeat', WORKS_WITHIN_MS);
    await system.api.updatePool(pool, awsPool({ minCapacity: wanted }));
    const isLaunched = async () => (await machinesOf(system, pool)).length === wanted;
    await system.waitFor(isLaunched, 'a launch', WORKS_WITHIN_MS);
    // The evidence waits: another pool may be in the middle of a launch.
    await settled(system, pool, wanted);
    expect(['api', 'worker'].map((role) => system.process(role as 'api').hasEnded)).toEqual([false, false]);
  };

  describe.each(['arrives', 'lost'] as const)('when what was sent meanwhile %s', (meanwhile) => {
    test.each(silences)(
      'a deployment works again after %s ms of a silent Temporal, without a restart',
      async (silenceMs) => {
        const [pool, created] = [newPool(), newPool()];
        await system.api.createPool(pool, awsPool({ minCapacity: 1 }));
        await expectSettled(system, pool, 1);
        const [worker] = await system.api.workers(pool);
        for (const proxy of proxies()) proxy.silence();
        const silent = delay(silenceMs);
        await system.waitFor(async () => (await heartbeat()).status === 503, 'a bad heartbeat');
        expect((await heartbeat()).body).toEqual({ failed: ['temporal'] });
        const removal = `/workers/${[pool, worker!.workerGroup, worker!.workerId].map(encodeURIComponent).join('/')}`;
        const calls = [
          system.api.call('GET', '/worker-pools'),
          system.api.call('PUT', `/worker-pool/${encodeURIComponent(created)}`, awsPool({ minCapacity: 1 })),
          system.api.call('DELETE', removal),
        ];
        expect(await Promise.all(calls.map(statusInTime))).toEqual([200, 200, 503]);
        await silent;
        for (const proxy of proxies()) proxy.speak(meanwhile);
        await expectGoesOn(pool, 2);
        await expectSettled(system, created, 1, WORKS_WITHIN_MS);
      },
    );
  });

  test('a deployment goes on when every connection to Temporal is reset', async () => {
    const pool = newPool();
    await system.api.createPool(pool, awsPool({ minCapacity: 1 }));
    for (const proxy of proxies()) proxy.resetAll();
    await expectGoesOn(pool, 2);
  });

  test('a deployment ends a worker process that has been cut off from Temporal for longer than it may', async () => {
    const own = await TcpProxy.start(`tcp://${temporal.address}`);
    const args = [behind(own, 'cut.json'), 'worker', String(watch.intervalMs), String(watch.failures)];
    const process = new ProductProcess(args, join(system.folder, 'cut.log'), {}, serveProgram);
    try {
      await process.serves();
      own.silence();
      expect(await process.ended).toEqual({ code: 2, signal: null });
      expect(process.output()).toMatch(/"dependency":"temporal".*"dependency-unusable"/);
    } finally {
      await process.signal('SIGKILL');
      await own.stop();
    }
  });

  test.each(['api', 'worker'] as const)(
    'a deployment ends a starting %s process that Temporal does not answer with 2',
    async (role) => {
      const own = await TcpProxy.start(`tcp://${temporal.address}`);
      own.silence();
      const args = ['serve', '--role', role, '--config', behind(own, `start-${role}.json`)];
      const process = new ProductProcess(args, join(system.folder, `start-${role}.log`));
      try {
        expect(await process.ended).toEqual({ code: 2, signal: null } satisfies Ended);
        expect(process.output()).toContain('temporal.address: Temporal cannot be reached');
      } finally {
        await process.signal('SIGKILL');
        await own.stop();
      }
    },
  );

  test('a deployment has doubled no launch by a silent Temporal', async () => {
    expect(await checkEvidence(system)).toMatch(/^launches doubled +0$/m);
  });
});

/** The status of an answer, or nothing when its caller would have given up. */
const statusInTime = async (call: Promise<{ status: number }>) =>
  await Promise.race([call.then(({ status }) => status), delay(CALLER_TIMEOUT_MS, null, { ref: false })]);
