import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { connect } from 'amqplib';
import { sql } from 'kysely';
import { insertError } from '../../../../database/errors.js';
import { acquireLease, releaseLease } from '../../../../database/leases.js';
import { outboxState } from '../../../../database/outbox.js';
import { recordRunning, recordStopped, recordStopping } from '../../../../database/worker-changes.js';
import { deletePool, updatePool } from '../../../../database/pools.js';
import { exchangeOf, topics } from '../../../../domain/messages.js';
import { Publisher } from '../../../../workers/pulse/publisher.js';
import { eventually } from '../../../../dev/testing/eventually.js';
import { PATIENCE_MS } from '../../../../dev/testing/patience.js';
import { RabbitMq } from '../../../../dev/testing/rabbitmq.js';
import { schemaErrors } from '../../../support/pulse-schemas.js';
import { recordedLog } from '../../../support/recorded-log.js';
import { firstOccurrences, RecordedMessages } from '../../../support/recorded-messages.js';
import {
  counting,
  DAY,
  engines,
  type EngineName,
  launchConfig,
  launched,
  makePool,
  MINUTE,
  newPool,
  NOW,
  poolId,
} from '../../../support/database.js';
import { databaseFor } from '../../../support/database-suite.js';
import { TcpProxy } from '../../../../dev/testing/tcp-proxy.js';

jest.setTimeout(PATIENCE_MS * 2);

let broker: RabbitMq;
let recorded: RecordedMessages;
beforeAll(async () => {
  broker = await RabbitMq.start();
  recorded = await RecordedMessages.of(broker.url);
});
afterAll(async () => {
  await recorded?.stop();
  await broker?.stop();
});

const soon = <T>(check: () => T | Promise<T>, what: string) => eventually(check, { withinMs: PATIENCE_MS, what });

/** A database of the calling block’s own, and publishers of it that end with each test. */
function publishingOn(engine: EngineName) {
  const database = databaseFor(engine);
  const log = recordedLog();
  let running: { stop(): Promise<void> }[] = [];
  beforeEach(async () => {
    recorded.messages.length = 0;
    log.lines.length = 0;
    await sql`delete from leases`.execute(database.db);
  });
  afterEach(async () => {
    await Promise.all(running.map((publisher) => publisher.stop()));
    running = [];
  });

  const publish = (url = broker.url, options: { leaseMs?: number } = {}) => {
    const stopping = new AbortController();
    const run = new Publisher({ db: database.db, url, log: log.log, ...options }).run(stopping.signal);
    const publisher = {
      async stop() {
        stopping.abort();
        await run;
      },
    };
    running.push(publisher);
    return publisher;
  };
  const emptied = () => soon(async () => (await outboxState(database.db, NOW)).messages === 0, 'an empty outbox');
  const key = (workerId: string) => ({ workerPoolId: poolId, workerGroup: 'us-west-2', workerId });
  const register = (workerId: string, db = database.db) =>
    recordRunning(db, key(workerId), {
      registeredAt: NOW + MINUTE,
      terminateAfter: NOW + 4 * DAY,
      expires: NOW + 8 * DAY,
      secretGeneration: 1,
      nowMs: NOW + MINUTE,
    });
  const remove = (workerId: string, db = database.db) =>
    recordStopping(db, key(workerId), { reason: 'because', nowMs: NOW + 2 * MINUTE });
  const stopped = (workerId: string, db = database.db) =>
    recordStopped(db, key(workerId), { nowMs: NOW + 3 * MINUTE, expires: NOW + DAY });
  const stopOne = async () => await running.pop()?.stop();
  return { database, log, publish, stopOne, emptied, register, remove, stopped };
}

describe.each(engines)('the publisher on %s', (engine) => {
  const { database, log, publish, emptied, register, remove, stopped } = publishingOn(engine);

  test('the publisher delivers messages of all ten exchanges, persistent, with bodies of Taskcluster’s schemas', async () => {
    await makePool(database.db, {}, [launchConfig('lc-a'), launchConfig('lc-b')]);
    await launched(database.db, 't', 2);
    await register('t-0');
    await insertError(
      database.db,
      {
        workerPoolId: poolId,
        launchConfigId: 'lc-a',
        kind: 'k',
        title: 't',
        description: 'd',
        extra: { workerId: 't-0', workerGroup: 'us-west-2' },
      },
      NOW,
    );
    await remove('t-0');
    await stopped('t-0');
    await updatePool(database.db, {
      pool: newPool({ description: 'other' }),
      launchConfigs: [launchConfig('lc-a')],
      clientId: 'c',
      nowMs: NOW,
    });
    await deletePool(database.db, poolId, { clientId: 'c', nowMs: NOW });
    const before = recorded.messages.length;
    publish();
    await emptied();
    await soon(() => new Set(recorded.messages.map(({ topic }) => topic)).size === topics.length, 'all topics');
    expect(before).toBe(0);
    expect(recorded.messages.flatMap(schemaErrors)).toEqual([]);
    expect(recorded.topicsOf('t-0')).toEqual([
      'worker-requested',
      'worker-running',
      'worker-pool-error',
      'worker-removed',
      'worker-stopped',
    ]);
    const running = recorded.messages.find(({ topic }) => topic === 'worker-running');
    expect(running).toMatchObject({
      routingKey: 'primary.aws.prov.pool.us-west-2.t-0.lc-a._',
      properties: { contentType: 'application/json', deliveryMode: 2 },
    });
  });

  test('the publisher passes over an event that makes no message, and says so', async () => {
    await makePool(database.db);
    await sql`insert into events (at, topic, payload) values (1, 'worker-polished', '{}')`.execute(database.db);
    await launched(database.db, 't', 1);
    publish();
    await emptied();
    await soon(() => recorded.topicsOf('t-0').length === 1, 'worker-requested');
    expect(log.of('message-impossible')).toMatchObject([{ topic: 'worker-polished' }]);
  });

  test('a publisher leaves the outbox to the one that has the lease, and goes on when that one has ended', async () => {
    await makePool(database.db);
    await acquireLease(database.db, 'publisher', 'somebody', MINUTE / 4);
    publish();
    const { db } = database;
    await soon(async () => (await outboxState(db, NOW)).messages > 0, 'messages that wait');
    expect(recorded.messages).toEqual([]);
    await releaseLease(db, 'publisher', 'somebody');
    await emptied();
  });
});

describe('the publisher and its broker', () => {
  const { database, log, publish, stopOne, emptied, register, remove } = publishingOn('Postgres');

  test('a publisher sends nothing more once its lease has ended, though it does not know who has it now', async () => {
    const proxy = await TcpProxy.start(broker.url);
    try {
      const { db } = database;
      publish(proxy.url, { leaseMs: 5_000 });
      await makePool(db);
      await emptied();
      // Each confirmation takes longer than is left of the lease.
      proxy.delay(1_200);
      await launched(db, 't', 1);
      await register('t-0');
      await soon(() => recorded.topicsOf('t-0').length > 0, 'the first message');
      await sql`update leases set holder = 'somebody'`.execute(db);
      await soon(() => log.of('pulse-failed').length > 0, 'a line about the lease');
      expect(recorded.topicsOf('t-0')).toEqual(['worker-requested']);
    } finally {
      await proxy.stop();
    }
  });

  test('a publisher whose broker falls silent ends when it is stopped, and delivers everything once it speaks', async () => {
    const proxy = await TcpProxy.start(broker.url);
    try {
      const url = proxy.url;
      publish(url);
      await makePool(database.db);
      await emptied();
      proxy.silence();
      await launched(database.db, 't', 3);
      await soon(() => log.of('pulse-failed').length > 0, 'a line about the broker');
      await register('t-0');
      await stopOne();
      publish(url);
      proxy.speak('lost');
      await emptied();
      expect(log.of('pulse-failed').length).toBeLessThanOrEqual(2);
      expect(firstOccurrences(recorded.topicsOf('t-0'))).toEqual(['worker-requested', 'worker-running']);
    } finally {
      await proxy.stop();
    }
  });

  test('the publisher sends what a full queue of a consumer refuses five times, in order, and then goes on', async () => {
    const consumer = await connect(broker.url);
    const channel = await consumer.createChannel();
    const full = 'queue/guest/full';
    await channel.assertQueue(full, { arguments: { 'x-max-length': 0, 'x-overflow': 'reject-publish' } });
    await channel.bindQueue(full, exchangeOf('worker-running'), '#');
    try {
      await makePool(database.db);
      await launched(database.db, 't', 2);
      await register('t-0');
      await remove('t-0');
      publish();
      await emptied();
      expect(log.of('message-refused')).toMatchObject([{ topic: 'worker-running', refusals: 5 }]);
      expect(firstOccurrences(recorded.topicsOf('t-0'))).toEqual([
        'worker-requested',
        'worker-running',
        'worker-removed',
      ]);
      // Nothing of a worker is sent before what comes before it is through.
      expect(recorded.topicsOf('t-0').slice(-2)).toEqual(['worker-running', 'worker-removed']);
    } finally {
      await channel.deleteQueue(full);
      await consumer.close();
    }
  });
});

describe('the publisher beside open transactions', () => {
  const database = databaseFor('Postgres');
  const log = recordedLog();
  beforeEach(() => {
    recorded.messages.length = 0;
  });

  const insertEvent = (db: typeof database.db, workerId: string, topic: string) =>
    sql`
    insert into events (at, topic, payload) values (1, ${topic}, jsonb_build_object('workerPoolId', 'prov/pool',
      'providerId', 'aws', 'workerGroup', 'g', 'workerId', cast(${workerId} as text)))`.execute(db);

  test('transactions that commit in another order than they began keep each worker’s order', async () => {
    const { db, statements } = counting(database.db);
    const stopping = new AbortController();
    const run = new Publisher({ db, url: broker.url, log: log.log }).run(stopping.signal);
    await insertEvent(database.db, 'w-0', 'worker-running');
    await soon(() => recorded.topicsOf('w-0').length === 1, 'a message from before');
    const early = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    // It draws the lower id, and ends last.
    const first = database.db.transaction().execute(async (trx) => {
      await insertEvent(trx, 'w-1', 'worker-running');
      begun.resolve();
      await early.promise;
    });
    await begun.promise;
    await database.db.transaction().execute((trx) => insertEvent(trx, 'w-1', 'worker-removed'));
    await insertEvent(database.db, 'w-2', 'worker-running');
    // Enough for several rounds, if it did not wait.
    const before = statements();
    await soon(() => statements() > before + 40, 'questions about the writers');
    const sentBefore = recorded.messages.length;
    early.resolve();
    await first;
    await soon(() => recorded.messages.length === 4, 'all messages');
    stopping.abort();
    await run;
    // Nothing stays open when one of these does not hold.
    expect(sentBefore).toBe(1);
    expect(recorded.topicsOf('w-1')).toEqual(['worker-running', 'worker-removed']);
  });

  test('the publisher does not wait for transactions that began to write after what it has to send', async () => {
    const { db } = database;
    const stopping = new AbortController();
    const late = Promise.withResolvers<void>();
    await insertEvent(db, 'w-3', 'worker-running');
    const run = new Publisher({ db, url: broker.url, log: log.log }).run(stopping.signal);
    await soon(() => recorded.topicsOf('w-3').length === 1, 'the first message');
    const begun = Promise.withResolvers<void>();
    const open = db.transaction().execute(async (trx) => {
      await sql`select 1 from workers for update`.execute(trx);
      begun.resolve();
      await late.promise;
    });
    await begun.promise;
    await insertEvent(db, 'w-4', 'worker-running');
    await soon(() => recorded.messages.length === 2, 'the second message');
    expect(recorded.topicsOf('w-4')).toEqual(['worker-running']);
    late.resolve();
    await open;
    stopping.abort();
    await run;
  });
});
