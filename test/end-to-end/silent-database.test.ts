import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { awsPool } from '../support/api-client.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { proofSize } from '../support/long.js';
import { SYSTEM_TIMEOUT_MS } from '../support/patience.js';
import { expectSettled, machinesOf, settled } from '../support/pool-steps.js';
import { ProductProcess, serveProgram } from '../support/product.js';
import { startSystem, type System } from '../support/system.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const silences = proofSize({ short: [2 * SECOND, 15 * SECOND], long: [2 * SECOND, MINUTE, 10 * MINUTE] });
/** After the end of a silence; what is asked for takes its own time besides, which a busy machine makes longer. */
const WORKS_WITHIN_MS = 30 * SECOND;
/** After a client has vanished. */
const LAUNCHES_WITHIN_MS = 15 * SECOND;
/** Of a worker process: five minutes, or five seconds in a process that is told so. */
const watch = proofSize({
  short: { intervalMs: SECOND, failures: 5 },
  long: { intervalMs: 10 * SECOND, failures: 30 },
});

jest.setTimeout(proofSize({ short: SYSTEM_TIMEOUT_MS, long: 30 * MINUTE }));

describe('a deployment whose database falls silent', () => {
  let system: System;
  let [apiSide, workerSide]: TcpProxy[] = [];
  let pools = 0;
  /** What the last pool's machine took while nothing was wrong. */
  let usualMs = 0;
  const newPool = () => `silent/pool-${(pools += 1)}`;
  beforeAll(async () => {
    system = await startSystem({ start: false, simulator: { idleMs: 20 * MINUTE } });
    apiSide = await TcpProxy.start(system.recordsUrl);
    workerSide = await TcpProxy.start(system.recordsUrl);
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
  });

  const behind = (proxy: TcpProxy, name: string) => system.writeConfig({ records: { url: proxy.url } }, name);
  const proxies = () => [apiSide!, workerSide!];
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
  /** Whether the API answers for the database by now. */
  const answers = async () => (await system.api.call('GET', '/worker-pools')).status === 200;
  const heartbeat = async () => await system.api.call('GET', '/__heartbeat__');

  describe.each(['arrives', 'lost'] as const)('and what was sent meanwhile %s', (meanwhile) => {
    test.each(silences)('works within 30 s after %s ms of silence, without a restart', async (silenceMs) => {
      const pool = await poolOfOne();
      for (const proxy of proxies()) proxy.silence();
      const asked = answers().catch(() => false);
      await delay(silenceMs);
      for (const proxy of proxies()) proxy.speak(meanwhile);
      await system.waitFor(answers, 'an answer of the API', within(WORKS_WITHIN_MS));
      await asked;
      await system.api.updatePool(pool, awsPool({ minCapacity: 2 }));
      await system.waitFor(
        async () => (await machinesOf(system, pool)).length === 2,
        'a launch',
        within(WORKS_WITHIN_MS),
      );
      await expectSettled(system, pool, 2);
      expect(['api', 'worker'].map((role) => system.process(role as 'api').hasEnded)).toEqual([false, false]);
    });
  });

  test('launches for other pools within 15 s after a client has vanished in the middle of a reservation', async () => {
    const [first, second] = [newPool(), await poolOfOne()];
    const cut = workerSide!.cutOnce(/insert into "?launches/);
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

  test('ends a worker process that has been cut off for longer than it may, while the API answers 503 and works again', async () => {
    const own = await TcpProxy.start(system.recordsUrl);
    const args = [behind(own, 'cut.json'), 'worker', String(watch.intervalMs), String(watch.failures)];
    const process = new ProductProcess(args, join(system.folder, 'cut.log'), {}, serveProgram);
    try {
      await process.serves();
      own.silence();
      apiSide!.silence();
      const ended = process.ended;
      const statuses = new Set<number>();
      let hasEnded = false;
      void ended.then(() => (hasEnded = true));
      while (!hasEnded || statuses.size === 0) {
        const [list, beat] = await Promise.all([system.api.call('GET', '/worker-pools'), heartbeat()]);
        statuses.add(list.status);
        if (beat.status === 503) expect(beat.body).toEqual({ failed: ['database'] });
      }
      expect(await ended).toEqual({ code: 2, signal: null });
      expect([...statuses]).toEqual([503]);
      expect(await heartbeat()).toMatchObject({ status: 503, body: { failed: ['database'] } });
      apiSide!.speak('lost');
      await system.waitFor(answers, 'an answer of the API', within(WORKS_WITHIN_MS));
      await system.waitFor(async () => (await heartbeat()).status === 200, 'a good heartbeat', within(WORKS_WITHIN_MS));
    } finally {
      await process.signal('SIGKILL');
      await own.stop();
    }
  });

  test('goes on when every connection is reset', async () => {
    for (const proxy of proxies()) proxy.resetAll();
    await system.waitFor(answers, 'an answer of the API', within(WORKS_WITHIN_MS));
    await poolOfOne();
    expect(await answers()).toBe(true);
  });
});

describe('a process with an embedded database', () => {
  test('answers 503 and ends with 2 when the database’s thread has ended', async () => {
    const system = await startSystem({ start: false, records: 'pglite', roles: 'all' });
    // The probe that ends it comes so long after the first one that an answer comes before the end.
    const args = [system.configFile, 'all', '15000', '5'];
    const process = new ProductProcess(args, join(system.folder, 'all.log'), {}, serveProgram);
    try {
      await process.serves();
      await system.waitFor(async () => (await system.api.call('GET', '/worker-pools')).status === 200, 'an answer');
      process.tell('SIGUSR2');
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
