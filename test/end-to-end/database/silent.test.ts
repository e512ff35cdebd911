import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { awsPool } from '../../../dev/testing/api-client.js';
import { proofSize } from '../../support/long.js';
import { SYSTEM_TIMEOUT_MS } from '../../../dev/testing/patience.js';
import { expectSettled, machinesOf, settled } from '../../support/pool-steps.js';
import { ProductProcess, serveProgram } from '../../../dev/testing/product.js';
import { silencedSystem, WORKS_WITHIN_MS, type SilencedSystem } from '../../support/silenced-system.js';
import { startSystem, type System } from '../../../dev/testing/system.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
/** Shorter than a worker process may be cut off; and what becomes of what was sent meanwhile. */
const silences: [number, 'arrives' | 'lost'][] = [
  [2 * SECOND, 'arrives'],
  [MINUTE, 'lost'],
  ...proofSize<[number, 'arrives' | 'lost'][]>({
    short: [],
    long: [
      [2 * SECOND, 'lost'],
      [MINUTE, 'arrives'],
    ],
  }),
];
/** After a client has vanished. */
const LAUNCHES_WITHIN_MS = 15 * SECOND;

jest.setTimeout(SYSTEM_TIMEOUT_MS);

describe('a deployment whose database falls silent', () => {
  let deployment: SilencedSystem;
  let system: System;
  let pools = 0;
  /** What the last pool's machine took while nothing was wrong. */
  let usualMs = 0;
  const newPool = () => `silent/pool-${(pools += 1)}`;
  beforeAll(async () => {
    deployment = await silencedSystem({ idleMs: 20 * MINUTE });
    ({ system } = deployment);
    const processes = [
      system.spawn('api', deployment.behind(deployment.apiSide, 'api.json')),
      system.spawn('worker', deployment.behind(deployment.workerSide, 'worker.json')),
    ];
    await Promise.all(processes.map((process) => process.serves()));
  });
  afterAll(async () => await deployment?.stop());

  /** A limit that holds however busy the machine is. */
  const within = (limitMs: number) => limitMs + 2 * usualMs;
  async function poolOfOne(): Promise<string> {
    const pool = newPool();
    const begun = Date.now();
    await system.api.createPool(pool, awsPool({ minCapacity: 1 }));
    await settled(system, pool, 1);
    usualMs = Date.now() - begun;
    await expectSettled(system, pool, 1);
    return pool;
  }

  test.each(silences)(
    'a deployment works within 30 s after %s ms of a silent database, without a restart, when what was sent meanwhile %s',
    async (silenceMs, meanwhile) => {
      const pool = await poolOfOne();
      for (const proxy of deployment.proxies) proxy.silence();
      const requested = deployment.answers().catch(() => false);
      await delay(silenceMs);
      for (const proxy of deployment.proxies) proxy.speak(meanwhile);
      await system.waitFor(deployment.answers, 'an answer of the API', within(WORKS_WITHIN_MS));
      await requested;
      await system.api.updatePool(pool, awsPool({ minCapacity: 2 }));
      await system.waitFor(
        async () => (await machinesOf(system, pool)).length === 2,
        'a launch',
        within(WORKS_WITHIN_MS),
      );
      await expectSettled(system, pool, 2);
      expect(['api', 'worker'].map((role) => system.process(role as 'api').hasEnded)).toEqual([false, false]);
    },
  );

  test('a deployment launches for other pools within 15 s after a client has vanished in the middle of a reservation', async () => {
    const [first, second] = [newPool(), await poolOfOne()];
    const cut = deployment.workerSide.cutOnce(/insert into "?launches/);
    await system.api.createPool(first, awsPool({ minCapacity: 1 }));
    await cut;
    await system.api.updatePool(second, awsPool({ minCapacity: 2 }));
    await system.waitFor(
      async () => (await machinesOf(system, second)).length === 2,
      'a launch',
      within(LAUNCHES_WITHIN_MS),
    );
    await expectSettled(system, first, 1);
    await expectSettled(system, second, 2);
  });

  test('a deployment goes on when every connection to its database is reset', async () => {
    for (const proxy of deployment.proxies) proxy.resetAll();
    await system.waitFor(deployment.answers, 'an answer of the API', within(WORKS_WITHIN_MS));
    await poolOfOne();
    expect(await deployment.answers()).toBe(true);
  });
});

describe('a process with an embedded database', () => {
  test('a process with an embedded database answers 503 and ends with 2 when the database’s thread has ended', async () => {
    const system = await startSystem({ start: false, database: 'pglite', roles: 'all' });
    // The probe that ends it comes so long after the first one that an answer comes before the end.
    const args = [system.configFile, 'all', '15000', '5'];
    const process = new ProductProcess(args, join(system.folder, 'all.log'), {}, serveProgram);
    try {
      await process.serves();
      await system.waitFor(async () => (await system.api.call('GET', '/worker-pools')).status === 200, 'an answer');
      process.sendSignal('SIGUSR2');
      await system.waitFor(async () => {
        const { status } = await system.api.call('GET', '/worker-pools');
        return status === 503;
      }, 'an answer of 503');
      expect(await process.ended).toEqual({ code: 2, signal: null });
    } finally {
      await process.signal('SIGKILL');
      await system.stop();
    }
  });
});
