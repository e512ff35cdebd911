import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { connect } from 'amqplib';
import { sql } from 'kysely';
import { presenceMs } from '../../../../database/leases.js';
import { PUSH_PRESENCE, PUSH_PRESENCE_MS } from '../../../../domain/demand.js';
import { TASK_PENDING_EXCHANGE } from '../../../../domain/messages.js';
import { TaskPendingListener } from '../../../../workers/pulse/listener.js';
import { eventually } from '../../../../dev/testing/eventually.js';
import { messageOf } from '../../../../domain/values.js';
import { PATIENCE_MS } from '../../../../dev/testing/patience.js';
import { RabbitMq } from '../../../../dev/testing/rabbitmq.js';
import { recordedLog } from '../../../support/recorded-log.js';
import { makePool } from '../../../support/database.js';
import { databaseFor } from '../../../support/database-suite.js';
import { TcpProxy } from '../../../../dev/testing/tcp-proxy.js';

jest.setTimeout(PATIENCE_MS * 2);
const QUEUE = 'queue/guest/worker-manager/task-pending';

let broker: RabbitMq;
beforeAll(async () => {
  broker = await RabbitMq.start();
  await declareExchange();
});
afterAll(async () => await broker?.stop());

/** As Taskcluster's queue does. */
const declareExchange = () =>
  atBroker(async (channel) => void (await channel.assertExchange(TASK_PENDING_EXCHANGE, 'topic', { durable: true })));

async function atBroker<T>(
  work: (channel: Awaited<ReturnType<Awaited<ReturnType<typeof connect>>['createConfirmChannel']>>) => Promise<T>,
): Promise<T> {
  const model = await connect(broker.url);
  try {
    return await work(await model.createConfirmChannel());
  } finally {
    await model.close();
  }
}

const soon = <T>(check: () => T | Promise<T>, what: string) => eventually(check, { withinMs: PATIENCE_MS, what });
const database = databaseFor('PGlite');
const log = recordedLog();
let stops: (() => Promise<void>)[] = [];
beforeEach(async () => {
  log.lines.length = 0;
  await sql`delete from leases`.execute(database.db);
  await makePool(database.db, { workerPoolId: 'prov/one' });
});
afterEach(async () => {
  await Promise.all(stops.map((stop) => stop()));
  stops = [];
});

function listen(url = broker.url) {
  const heard: string[] = [];
  const stopping = new AbortController();
  const onTaskPending = (pool: string) => void heard.push(pool);
  const run = new TaskPendingListener({ db: database.db, url, namespace: 'guest', log: log.log, onTaskPending }).run(
    stopping.signal,
  );
  const stop = async () => {
    stopping.abort();
    await run;
  };
  stops.push(stop);
  return { heard, stop };
}

const send = (pool: string) =>
  atBroker(async (channel) => {
    const key = ['primary', 't', '0', '_', '_', ...pool.split('/'), 's', 'g', '_'].join('.');
    channel.publish(TASK_PENDING_EXCHANGE, key, Buffer.from('{}'));
    await channel.waitForConfirms();
  });
const isPresent = async () => (await presenceMs(database.db, PUSH_PRESENCE, PUSH_PRESENCE_MS)) !== null;
const present = () => soon(isPresent, 'a listener');
const absent = () => soon(async () => !(await isPresent()), 'no listener');

test('a listener hears of tasks of our pools and of no others, and of a new pool’s too', async () => {
  const { heard, stop } = listen();
  await present();
  await send('foreign/pool');
  await send('prov/one');
  await soon(() => heard.length > 0, 'a message');
  await makePool(database.db, { workerPoolId: 'prov/two' });
  await soon(async () => {
    await send('prov/two');
    return heard.includes('prov/two');
  }, 'a message of the new pool');
  expect(new Set(heard)).toEqual(new Set(['prov/one', 'prov/two']));
  await stop();
  expect(await isPresent()).toBe(false);
});

test('of two listeners one hears each message', async () => {
  const [one, other] = [listen(), listen()];
  await present();
  const together = () => one.heard.length + other.heard.length;
  for (let nth = 1; nth <= 5; nth += 1) {
    await send('prov/one');
    await soon(() => together() >= nth, 'the message');
  }
  expect([
    [0, 5],
    [5, 0],
  ]).toContainEqual([one.heard.length, other.heard.length]);
});

test('a listener listens again after its queue was deleted, and says meanwhile that nobody does', async () => {
  const { heard } = listen();
  await present();
  await atBroker((channel) => channel.deleteQueue(QUEUE));
  await soon(() => log.of('pulse-failed').length > 0, 'a line about it');
  await soon(() => log.of('pulse-works').length > 0, 'a line that it goes on');
  await send('prov/one');
  await soon(() => heard.length > 0, 'a message');
  expect(log.of('pulse-failed')).toMatchObject([{ part: 'listener' }]);
});

test('a listener whose broker falls silent says that nobody listens, ends when it is stopped, and listens when it speaks', async () => {
  const proxy = await TcpProxy.start(broker.url);
  try {
    const first = listen(proxy.url);
    await present();
    proxy.silence();
    await absent();
    expect(log.of('pulse-failed')).toHaveLength(1);
    await first.stop();
    const { heard } = listen(proxy.url);
    proxy.speak('lost');
    await present();
    await send('prov/one');
    await soon(() => heard.length > 0, 'a message');
  } finally {
    await proxy.stop();
  }
});

test('a listener waits for the queue’s exchange as long as the broker has none', async () => {
  await atBroker(async (channel) => void (await channel.deleteExchange(TASK_PENDING_EXCHANGE)));
  const { heard } = listen();
  await soon(() => log.of('pulse-failed').length > 0, 'a line about it');
  expect(await isPresent()).toBe(false);
  await declareExchange();
  await present();
  await send('prov/one');
  await soon(() => heard.length > 0, 'a message');
});

test('a listener leaves a queue that holds 20,000 messages at the most, each for a minute, and goes after ten', async () => {
  const { stop } = listen();
  await present();
  await stop();
  const bounds = { 'x-expires': 600_000, 'x-message-ttl': 60_000, 'x-max-length': 20_000 };
  const others = Object.keys(bounds).map(async (name) => {
    const options = { durable: true, arguments: { ...bounds, [name]: 1, 'x-single-active-consumer': true } };
    return await atBroker((channel) => {
      channel.on('error', () => undefined);
      return channel.assertQueue(QUEUE, options).catch(messageOf);
    });
  });
  // The broker says of a queue that is there what it has.
  expect(await Promise.all(others)).toEqual(
    Object.entries(bounds).map(([name, value]) =>
      expect.stringMatching(`inequivalent arg '${name}'.* current is '${value}'`),
    ),
  );
});
