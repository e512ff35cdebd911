import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, test } from '@jest/globals';
import { eventually } from '../../../../dev/testing/eventually.js';
import { startTestApi } from '../../../support/api.js';

test('a server that ends tells a request that was on its way over an open connection when to come back', async () => {
  const api = await startTestApi();
  const address = await api.app.listen({ host: '127.0.0.1', port: 0 });
  const isAccepted = once(api.app.server, 'connection');
  const socket = connect(Number(new URL(address).port), '127.0.0.1');
  await isAccepted;
  const closed = api.close();
  await eventually(() => !api.app.server.listening);
  socket.write('GET /api/worker-manager/v1/ping HTTP/1.1\r\nhost: localhost\r\n\r\n');
  const answer = await text(socket);
  expect(answer).toMatch(/^HTTP\/1\.1 503 /);
  expect(answer).toMatch(/^retry-after: \d+\r$/im);
  expect(answer).toMatch(/^connection: close\r$/im);
  await closed;
});
