import { expect, test } from '@jest/globals';
import { brokerUrl, namespaceOf } from '../../../../workers/pulse/broker.js';

const parts = { hostname: 'pulse.example.com', username: 'wm', password: 'p@ss/word' };

test.each([
  [parts, 'amqps://wm:p%40ss%2Fword@pulse.example.com/%2F'],
  [{ ...parts, vhost: 'a/b' }, 'amqps://wm:p%40ss%2Fword@pulse.example.com/a%2Fb'],
  [{ ...parts, hostname: '::1' }, 'amqps://wm:p%40ss%2Fword@[::1]/%2F'],
  [{ url: 'amqp://u:p@h:1/v' }, 'amqp://u:p@h:1/v'],
])('brokerUrl makes of %j the address %s', (pulse, url) => {
  expect(brokerUrl(pulse)).toBe(url);
});

test.each([
  [parts, 'wm'],
  [{ ...parts, namespace: 'other' }, 'other'],
  [{ url: 'amqp://u%2Fv:p@h' }, 'u/v'],
  [{ url: 'amqp://h' }, 'guest'],
])('namespaceOf says of %j that its queues begin with %s', (pulse, namespace) => {
  expect(namespaceOf(pulse)).toBe(namespace);
});
