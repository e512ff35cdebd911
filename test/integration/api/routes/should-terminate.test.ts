import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { openDatabase, type Database } from '../../../../database/client/open.js';
import { SERVING_LIMITS } from '../../../../database/client/postgres.js';
import { setShouldTerminate } from '../../../../database/termination-advice.js';
import type { WorkerKey } from '../../../../domain/ids.js';
import type { TerminationDecision } from '../../../../domain/termination-advice.js';
import { eventually } from '../../../../dev/testing/eventually.js';
import { createDatabase } from '../../../../dev/testing/postgres.js';
import { launchMachines, poolDefinition, startTestApi, type TestApi } from '../../../support/api.js';
import { counting, engines, openTestDatabase, type EngineName } from '../../../support/database.js';
import { seededRandom } from '../../../support/seeded-random.js';
import { TcpProxy } from '../../../../dev/testing/tcp-proxy.js';

const pool = 'prov/advised';
const path = ({ workerPoolId, workerGroup, workerId }: WorkerKey) =>
  `/workers/${encodeURIComponent(workerPoolId)}/${workerGroup}/${workerId}/should-terminate`;

/** An API whose statements are counted, on a database that it may share with others. */
interface Instance {
  readonly api: TestApi;
  readonly statements: () => number;
}

async function startInstance(database: Database): Promise<Instance> {
  const { db, statements } = counting(database.db);
  return { api: await startTestApi({}, { database: { ...database, db } }), statements };
}

/** What the API answers, and whether it read the database for that. */
async function advised({ api, statements }: Instance, worker: WorkerKey) {
  const before = statements();
  const { status, body } = await api.call('GET', path(worker));
  return { status, body, remembered: statements() === before };
}

const untilRemembered = (instance: Instance, worker: WorkerKey) =>
  eventually(async () => (await advised(instance, worker)).remembered, {
    ...{ withinMs: 40_000, what: 'an answer from memory' },
  });

/** Every instance answers this about the worker, from now on. */
const expectAll = (instances: readonly Instance[], worker: WorkerKey, expected: object) =>
  eventually(
    async () => {
      const answers = await Promise.all(instances.map((instance) => advised(instance, worker)));
      return answers.every(({ body }) => JSON.stringify(body) === JSON.stringify(expected));
    },
    { what: `the advice ${JSON.stringify(expected)} everywhere` },
  );

const keep = { terminate: false, reason: 'needed' } as const;
const end = { terminate: true, reason: 'over capacity' } as const;

const decide = (db: Database['db'], decisions: readonly TerminationDecision[]) =>
  setShouldTerminate(db, pool, decisions, Date.now());
const decision = ({ workerGroup, workerId }: WorkerKey, advice: typeof keep | typeof end): TerminationDecision => ({
  ...{ workerGroup, workerId },
  ...advice,
});

async function launch(api: TestApi, count: number): Promise<WorkerKey[]> {
  expect((await api.call('PUT', `/worker-pool/${encodeURIComponent(pool)}`, poolDefinition)).status).toBe(200);
  const ids = Array.from({ length: count }, (_, n) => `i-${n}`);
  return await launchMachines(api, pool, ids);
}

describe.each(engines)('advice from three instances on %s', (engine: EngineName) => {
  let instances: Instance[];
  let opened: Database[];
  let workers: WorkerKey[];
  beforeAll(async () => {
    if (engine === 'PGlite') {
      opened = [await openTestDatabase(engine)];
      instances = await Promise.all([1, 2, 3].map(() => startInstance(opened[0]!)));
    } else {
      const url = await createDatabase();
      // One after the other: the first migrates.
      opened = [await openDatabase({ url }), await openDatabase({ url }), await openDatabase({ url })];
      instances = await Promise.all(opened.map(startInstance));
    }
    workers = await launch(instances[0]!.api, 20);
  });
  afterAll(async () => {
    await Promise.all(instances.map(({ api }) => api.close()));
    await Promise.all(opened.map((database) => database.close()));
  });

  test('advice is answered from memory, and everywhere anew as soon as it has changed', async () => {
    const [worker] = workers as [WorkerKey];
    await expectAll(instances, worker, { terminate: false, reason: 'none' });
    for (const advice of [end, keep, end]) {
      for (const instance of instances) await untilRemembered(instance, worker);
      await decide(opened[0]!.db, [decision(worker, advice)]);
      await expectAll(instances, worker, advice);
    }
  });

  test('advice of a worker stays in memory while that of others changes', async () => {
    const [, worker, other] = workers as [WorkerKey, WorkerKey, WorkerKey];
    const [instance] = instances as [Instance];
    await untilRemembered(instance, worker);
    await decide(opened[0]!.db, [decision(other, end)]);
    await expectAll(instances, other, end);
    // The change has been heard, or the answer would still be the one before.
    expect(await advised(instance, worker)).toMatchObject({ body: { terminate: false, reason: 'none' } });
  });

  test('advice is none any more for a worker whose row is gone', async () => {
    const [, , , worker] = workers as [WorkerKey, WorkerKey, WorkerKey, WorkerKey];
    for (const instance of instances) await untilRemembered(instance, worker);
    await opened[0]!.db.deleteFrom('workers').where('workerId', '=', worker.workerId).execute();
    for (const instance of instances) {
      await eventually(async () => (await advised(instance, worker)).status === 404, { what: '404' });
    }
  });

  test('advice is the same everywhere as in the database after 300 changes while all are asked', async () => {
    const random = seededRandom(7);
    const changed = workers.slice(4);
    let isOver = false;
    const calls = instances.map(async (instance) => {
      for (let n = 0; !isOver; n += 1) {
        expect((await advised(instance, changed[n % changed.length]!)).status).toBe(200);
        // An answer from memory waits for nothing, and nothing else would ever be done.
        await nextTurn();
      }
    });
    const latest = new Map<string, typeof keep | typeof end>();
    try {
      for (let n = 0; n < 300; n += 1) {
        const worker = changed[Math.floor(random() * changed.length)]!;
        const advice = random() < 0.5 ? keep : end;
        latest.set(worker.workerId, advice);
        await decide(opened[n % opened.length]!.db, [decision(worker, advice)]);
      }
    } finally {
      isOver = true;
    }
    await Promise.all(calls);
    for (const worker of changed) {
      const expected = latest.get(worker.workerId) ?? { terminate: false, reason: 'none' };
      await expectAll(instances, worker, expected);
      // What is remembered now, too.
      for (const instance of instances) {
        await untilRemembered(instance, worker);
        expect((await advised(instance, worker)).body).toEqual(expected);
      }
    }
  });
});

describe('advice while notifications of Postgres do not come', () => {
  let proxy: TcpProxy;
  let database: Database;
  let listening: Database;
  let instance: Instance;
  let workers: WorkerKey[];
  beforeEach(async () => {
    const url = await createDatabase();
    database = await openDatabase({ url });
    proxy = await TcpProxy.start(url);
    listening = await openDatabase({ url: proxy.url, limits: { ...SERVING_LIMITS, connectMs: 1_000 } });
    // Only what it listens to goes through the proxy: it can still read.
    instance = await startInstance({ ...database, listen: listening.listen });
    workers = await launch(instance.api, 2);
    await decide(database.db, [decision(workers[0]!, end), decision(workers[1]!, keep)]);
    for (const worker of workers) await untilRemembered(instance, worker);
  });
  afterEach(async () => {
    proxy.speak('lost');
    await instance.api.close();
    await listening.close();
    await proxy.stop();
    await database.close();
  });

  const swap = () => decide(database.db, [decision(workers[0]!, keep), decision(workers[1]!, end)]);
  const expectSwapped = async () => {
    await expectAll([instance], workers[0]!, keep);
    await expectAll([instance], workers[1]!, end);
  };

  test('advice is read from the database a few seconds after the connection fell silent, and remembered again after it', async () => {
    proxy.silence();
    await swap();
    await expectSwapped();
    proxy.speak('lost');
    for (const worker of workers) await untilRemembered(instance, worker);
    await expectSwapped();
    expect(instance.api.logged.join()).toContain('advice-not-heard');
  }, 60_000);

  test('advice is read from the database as soon as the connection has broken', async () => {
    // The next one is accepted, and never answered.
    proxy.silence();
    proxy.resetAll();
    await swap();
    await expectSwapped();
    expect((await advised(instance, workers[0]!)).remembered).toBe(false);
    proxy.speak('lost');
    for (const worker of workers) await untilRemembered(instance, worker);
    await expectSwapped();
  }, 60_000);

  test('advice changed while nobody listened is not answered as it was', async () => {
    proxy.resetAll();
    await swap();
    for (const worker of workers) await untilRemembered(instance, worker);
    await expectSwapped();
  });
});

test('advice is not answered from memory once the embedded database has ended', async () => {
  const database = await openTestDatabase('PGlite');
  const instance = await startInstance(database);
  const [worker] = (await launch(instance.api, 1)) as [WorkerKey];
  await untilRemembered(instance, worker);
  await database.close();
  expect((await advised(instance, worker)).status).toBeGreaterThanOrEqual(500);
  await instance.api.close();
});
