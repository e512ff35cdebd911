import { expect, test } from '@jest/globals';
import {
  exchangeOf,
  poolOfTaskPending,
  TASK_PENDING_EXCHANGE,
  taskPendingPattern,
  toMessage,
  topics,
} from '../../../domain/messages.js';

interface Reference {
  readonly exchangePrefix: string;
  readonly entries: readonly {
    readonly exchange: string;
    readonly name: string;
    readonly routingKey: readonly { readonly name: string; readonly constant?: string; readonly required: boolean }[];
  }[];
}
/** The references that npm's client is generated from; they have no types. */
const APIS: string = 'taskcluster-client/src/apis.js';
const { default: apis } = (await import(APIS)) as {
  default: Record<string, { readonly reference: Reference }>;
};
const workerManager = apis['WorkerManagerEvents']!.reference;
const queue = apis['QueueEvents']!.reference;

const payload = {
  workerPoolId: 'prov/type',
  providerId: 'aws',
  workerGroup: 'us-east-1',
  workerId: 'i-1',
  launchConfigId: 'lc-1',
};

test('messages have the exchanges of Taskcluster’s reference, all of them and no other', () => {
  expect(topics.map(exchangeOf).toSorted()).toEqual(
    workerManager.entries.map(({ exchange }) => `${workerManager.exchangePrefix}${exchange}`).toSorted(),
  );
});

test.each(workerManager.entries.map((entry) => [entry.exchange, entry] as const))(
  'a message of %s has the words of Taskcluster’s routing key',
  (exchange, { routingKey }) => {
    const words: Record<string, string> = { ...payload, provisionerId: 'prov', workerType: 'type' };
    const expected = routingKey.map(({ name, constant }) => constant ?? words[name] ?? '_');
    const ofPools = ['primary', '_', '_', '_', '_', '_', '_', '_'];
    const message = toMessage({ topic: exchange, payload });
    expect(message?.routingKey.split('.')).toEqual(
      exchange.startsWith('worker-pool-') && exchange !== 'worker-pool-error' ? ofPools : expected,
    );
    expect(message?.body).toBe(payload);
  },
);

test('a message about an error without a launch config has a blank word in its routing key', () => {
  const { launchConfigId: _, ...rest } = payload;
  expect(toMessage({ topic: 'worker-pool-error', payload: rest })?.routingKey).toBe(
    'primary.aws.prov.type.us-east-1.i-1._._',
  );
});

test('the longest identifiers make a routing key that the broker takes', () => {
  const long = 'x'.repeat(38);
  const message = toMessage({
    topic: 'worker-running',
    payload: {
      workerPoolId: `${long}/${long}`,
      providerId: long,
      workerGroup: long,
      workerId: long,
      launchConfigId: long,
    },
  });
  expect(message?.routingKey.length).toBeLessThanOrEqual(255);
});

test.each([
  ['a topic that nobody knows', 'worker-polished', payload],
  ['an identifier with a dot', 'worker-running', { ...payload, workerId: 'i.1' }],
  ['an identifier that is too long', 'worker-running', { ...payload, workerId: 'i'.repeat(39) }],
])('%s makes no message', (_what, topic, of) => {
  expect(toMessage({ topic, payload: of })).toBeNull();
});

test('messages about pending tasks are those of the queue’s reference', () => {
  const entry = queue.entries.find(({ name }) => name === 'taskPending');
  expect(TASK_PENDING_EXCHANGE).toBe(`${queue.exchangePrefix}${entry?.exchange}`);
  const names = entry?.routingKey.map(({ name }) => name) ?? [];
  const key = names.map((name) => ({ provisionerId: 'prov', workerType: 'type' })[name] ?? name).join('.');
  expect(poolOfTaskPending(key)).toBe('prov/type');
  const pattern = taskPendingPattern('prov/type').split('.');
  expect(
    pattern
      .map((word, place) => (word === '*' ? names[place] : word))
      .slice(0, 7)
      .join('.'),
  ).toBe(key.split('.').slice(0, 7).join('.').replace('routingKeyKind', 'primary'));
});
